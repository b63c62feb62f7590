"""What a duty officer or a playbook decided about an alarm: on `fc.decided.<path>`, kept beside alarms. Pure.

Only the node says it there, so a gateway that is taken over can invent alarms and confirms none.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.errors import BadMessage
from fusioncmd.messages import Code, Id, Millis

DECIDED_BYTES_MAX = 4_096
WAITS_MAX = 64  # in one message
# confirmed, dismissed: by a person, the second look. waits: a playbook applies, and waits for it. prepared: an order is
# ready for one touch. issued: it was, without a hand or by whom `by` names. failed: it was to be, and could not. Beside
# an order: shown, a camera; drawn, experts, and called; lacking, one of these. `words` say which, or why not. told: a
# department has that of it.
What = Literal["confirmed", "dismissed", "waits", "prepared", "issued", "failed", "shown", "drawn", "lacking", "told"]
WHATS: tuple[What, ...] = get_args(What)
BESIDE: tuple[What, ...] = ("shown", "drawn", "lacking")


class Told(Struct, frozen=True, array_like=True):
    """The CAP message that a department has: of which kind, from when, and a digest of what it said."""

    msg_type: Literal["Alert", "Update", "Cancel"]
    sent_ms: Millis
    digest: Annotated[bytes, Meta(max_length=8)]


class Decided(Struct, frozen=True, omit_defaults=True, tag="decided.1", tag_field="kind"):
    """`by`: who, or the playbook's name after `playbook:`, or the department's after `department:`. `order`: that was
    issued for it; of what stands beside it, too. `draw`: of experts; `calls`: the order by which they are called;
    `told`: what a department has."""

    alarm: Id
    path: Code
    what: What
    by: Annotated[str, Meta(min_length=1, max_length=limits.AUDIT_FIELD_CHARS_MAX)]
    at_ms: Millis
    playbook: Annotated[str, Meta(max_length=32)] = ""
    order: Id | None = None
    words: Annotated[tuple[str, str], Meta()] = ("", "")  # English, Chinese
    draw: Id | None = None
    calls: Id | None = None
    told: Told | None = None


class Waits(Struct, frozen=True, tag="waits.1", tag_field="kind"):
    """That a playbook waits for a second look at each of these: a storm is one message and not hundreds."""

    alarms: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=WAITS_MAX)]
    path: Code
    at_ms: Millis
    playbook: Annotated[str, Meta(min_length=1, max_length=32)]

    @property
    def each(self) -> list[Decided]:
        by = f"playbook:{self.playbook}"
        return [Decided(alarm, self.path, "waits", by, self.at_ms, self.playbook) for alarm in self.alarms]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Decided | Waits)


def encode(decided: Decided | Waits) -> bytes:
    return _encoder.encode(decided)


def decode(data: bytes) -> list[Decided]:
    """All that one message says. BadMessage."""
    if len(data) <= DECIDED_BYTES_MAX:
        try:
            read = _decoder.decode(data)
            return read.each if isinstance(read, Waits) else [read]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    raise BadMessage("Not a decision about an alarm.", "不是有效的预警处置消息。")
