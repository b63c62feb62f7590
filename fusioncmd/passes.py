"""What lets a commander's browser into talkgroups: made by the node for who is logged in, shown to a gateway. Pure.

A MessagePack array and its tag, as a ticket is, with the same key (`tickets.py`).
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.errors import BadTicket
from fusioncmd.messages import Code
from fusioncmd.tickets import TAG_BYTES, ExpiredTicket, tag
from fusioncmd.voice.bounds import USER_CHARS_MAX

SHOWN_WITHIN_S = 60  # it is made to be shown at once
Seconds = Annotated[int, Meta(ge=0, lt=1 << 48)]  # since 1970


class Pass(Struct, frozen=True, array_like=True, tag="pass.1"):
    """`until_s`: how long who came in by it may stay."""

    name: Annotated[str, Meta(min_length=1, max_length=USER_CHARS_MAX)]
    node: Code  # the place for which they are logged in
    expires_s: Seconds
    until_s: Seconds


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Pass)


def mint(made: Pass, key: bytes) -> bytes:
    payload = _encode(made)
    return payload + tag(payload, key)


def check(data: bytes, key: bytes, now_s: float) -> Pass:
    """The pass that `data` proves, at `now_s`; `BadTicket`, or `ExpiredTicket`, otherwise."""
    payload = data[:-TAG_BYTES]
    if len(data) > limits.TICKET_BYTES_MAX or not compare_digest(data[-TAG_BYTES:], tag(payload, key)):
        raise BadTicket("The pass is not one of ours.", "通行凭证无效：不是本系统签发。")
    try:
        found = _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadTicket("The pass cannot be read.", "通行凭证无法读取。") from None
    if found.expires_s <= now_s:
        raise ExpiredTicket("The pass has expired.", "通行凭证已过期。")
    return found
