"""Which talkgroups somebody listens to through one gateway: what is recorded at its node. Pure."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadMessage
from fusioncmd.messages import GatewayName
from fusioncmd.voice.bounds import TALKGROUPS_MAX

GROUPS_MAX = TALKGROUPS_MAX
Name = Annotated[str, Meta(pattern=r"\A[0-9.]{2,16}\.[A-Za-z][A-Za-z0-9_-]{0,31}\Z")]  # as in a subject
JOINED_BYTES_MAX = 64 * GROUPS_MAX


class Joined(Struct, frozen=True, tag="joined.1", tag_field="kind"):
    gateway: GatewayName
    groups: Annotated[tuple[Name, ...], Meta(max_length=GROUPS_MAX)]


_decoder = msgspec.msgpack.Decoder(Joined)


def encode(said: Joined) -> bytes:
    return msgspec.msgpack.encode(said)


def decode(data: bytes) -> Joined:
    """Raises BadMessage."""
    if len(data) <= JOINED_BYTES_MAX:
        try:
            return _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    raise BadMessage("Not a list of talkgroups.", "不是有效的通话组列表。")
