"""What the gateway of positions did not take, since it began: told to its node, for health. Pure."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage

COUNTS_BYTES_MAX = 1_024
SAID_S = 2.0  # between two sayings, where something changed
Count = Annotated[int, Meta(ge=0, lt=1 << 48)]
Words = Annotated[str, Meta(max_length=200)]


class Counts(Struct, frozen=True, array_like=True, tag="track-counts.1"):
    """Totals, not events. `strangers`: who came from a network that may not; `unread`: what was no MAVLink or CoT;
    `refused`: positions that were not believed, and why the last was not; `flooded`: datagrams and events beyond their
    sender's pace; `full`: clients for whom there was no room, or who did not read."""

    strangers: Count = 0
    unread: Count = 0
    refused: Count = 0
    flooded: Count = 0
    full: Count = 0
    why_en: Words = ""
    why_zh: Words = ""


def subject(path: Path) -> str:
    return f"fc.tracked.{path.dotted}"


encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Counts] = msgspec.msgpack.Decoder(Counts)


def decode(data: bytes) -> Counts:
    """Raises BadMessage."""
    if len(data) <= COUNTS_BYTES_MAX:
        try:
            return _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    raise BadMessage("Not what a gateway of positions counts.", "不是位置网关的统计消息。")
