"""Where phones are, as one gateway process of responders says it to its node: many in one message. Pure.

They are said as numbers. Names and places are the node's to add (tiers/tracks.py): a gateway has no roster.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadMessage
from fusioncmd.messages import GatewayName, Millis, Number
from fusioncmd.track.bounds import PHONES_AT_ONCE_MAX, PHONES_BYTES_MAX
from fusioncmd.track.position import AccuracyM, LatE7, LonE7, Percent

PHONES_ALL = "fc.phones.*"


class PhonePosition(Struct, frozen=True, array_like=True):
    """`at_ms`: when the phone said it. `over`: it says no more."""

    number: Number
    lat_e7: LatE7
    lon_e7: LonE7
    at_ms: Millis
    accuracy_m: AccuracyM | None = None
    battery: Percent | None = None
    over: bool = False


class Phones(Struct, frozen=True, array_like=True, tag="phones.1"):
    gateway: GatewayName
    positions: Annotated[tuple[PhonePosition, ...], Meta(max_length=PHONES_AT_ONCE_MAX)]


def subject(gateway: str) -> str:
    return f"fc.phones.{gateway}"


def unit_of(number: int) -> str:
    """The name of the unit that is somebody's phone, as of their video."""
    return f"p{number:08x}"


encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Phones] = msgspec.msgpack.Decoder(Phones)


def decode(data: bytes) -> Phones:
    """Raises BadMessage."""
    if len(data) > PHONES_BYTES_MAX:
        raise BadMessage("Positions of phones are too long.", "手机位置消息过长。")
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadMessage("Not positions of phones.", "不是手机位置消息。") from None
