"""What gateways and tier nodes say to each other about a floor, on `fc.floor.<path>.<talkgroup>`. Pure.

Everything is said again and again and means the same each time: frames may be lost, late, doubled or out of order.
Floor control messages travel in them as they are (codec.py).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.errors import BadMessage
from fusioncmd.messages import Code, GatewayName, Millis

Number = Annotated[int, Meta(ge=0, le=1 << 62)]
BEFORE_MAX = 8
FRAME_BYTES_MAX = limits.FLOOR_BYTES_MAX + 256


class Beacon(Struct, frozen=True, tag="floor.beacon.1", tag_field="kind"):
    """A tier node is there, and would arbitrate. It names no talkgroup: one beacon of a node serves all of them."""

    node: Code


class Ask(Struct, frozen=True, tag="floor.ask.1", tag_field="kind"):
    """A gateway asks `to`, for burst `number` of one of its participants: a Floor Request (also again, and while it
    waits or speaks), a Floor Release, or a Floor Queue Position Request. `stamp_ms` is by the gateway's own clock.
    `before` are the nodes that it followed before `to`, within T3, and how long ago it heard each.
    """

    to: Code
    gateway: GatewayName
    number: Number
    stamp_ms: Millis
    message: Annotated[bytes, Meta(max_length=limits.FLOOR_BYTES_MAX)]
    holding: bool = False
    talked_ms: Millis = 0
    before: Annotated[tuple[tuple[Code, Millis], ...], Meta(max_length=BEFORE_MAX)] = ()


class Answer(Struct, frozen=True, tag="floor.answer.1", tag_field="kind"):
    """The arbiter `node` answers burst `number` of `gateway`, with the stamp of its last Ask. With `others` it tells
    everyone but that burst (number 0 without a gateway: everyone).
    """

    node: Code
    gateway: str
    number: Number
    stamp_ms: Millis
    message: Annotated[bytes, Meta(max_length=limits.FLOOR_BYTES_MAX)]
    others: bool = False


Frame = Beacon | Ask | Answer
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)


def encode(frame: Frame) -> bytes:
    return _encoder.encode(frame)


def decode(data: bytes) -> Frame:
    """Raises BadMessage. What lies in it, `codec.decode` judges."""
    if len(data) <= FRAME_BYTES_MAX:
        try:
            return _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    raise BadMessage("Not a frame about a floor.", "不是有效的话权帧。")


def key(gateway: str, number: int) -> str:
    """One burst, apart from all others."""
    return f"{gateway}/{number}"


def from_key(text: str) -> tuple[str, int]:
    gateway, _, number = text.rpartition("/")
    return gateway, int(number)
