"""What a duty officer or a playbook decided about an alarm: on `fc.decided.<path>`, kept beside alarms. Pure.

Only the node says it there, so a gateway that is taken over can invent alarms and confirms none.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.errors import BadMessage
from fusioncmd.messages import Code, Id, Millis

DECIDED_BYTES_MAX = 4_096
# confirmed, dismissed: by a person, the second look. waits: a playbook applies, and waits for it. prepared: an order is
# ready for one touch. issued: it was. failed: it was to be, and could not; `words` say why. told: a department has it.
What = Literal["confirmed", "dismissed", "waits", "prepared", "issued", "failed", "told"]
WHATS: tuple[What, ...] = ("confirmed", "dismissed", "waits", "prepared", "issued", "failed", "told")


class Told(Struct, frozen=True, array_like=True):
    """The CAP message that a department has: of which kind, from when, and a digest of what it said."""

    msg_type: Literal["Alert", "Update", "Cancel"]
    sent_ms: Millis
    digest: Annotated[bytes, Meta(max_length=8)]


class Decided(Struct, frozen=True, omit_defaults=True, tag="decided.1", tag_field="kind"):
    """`by`: who, or the playbook's name after `playbook:`, or the department's after `department:`. `order`: that was
    issued for it; `told`: what the department has."""

    alarm: Id
    path: Code
    what: What
    by: Annotated[str, Meta(min_length=1, max_length=limits.AUDIT_FIELD_CHARS_MAX)]
    at_ms: Millis
    playbook: Annotated[str, Meta(max_length=32)] = ""
    order: Id | None = None
    words: Annotated[tuple[str, str], Meta()] = ("", "")  # English, Chinese
    told: Told | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Decided)


def encode(decided: Decided) -> bytes:
    return _encoder.encode(decided)


def decode(data: bytes) -> Decided:
    """BadMessage."""
    if len(data) <= DECIDED_BYTES_MAX:
        try:
            return _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    raise BadMessage("Not a decision about an alarm.", "不是有效的预警处置消息。")
