"""What a satellite gateway says of its links on its tier's bus, for the node: the exchange suits itself to them, and
health tells. Pure.

Said every FACTS_EVERY_S and at once when a link comes up or is cut; a gateway that is silent for FACTS_OLD_S is gone.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadMessage
from fusioncmd.messages import Code

FACTS_EVERY_S = 2.0
FACTS_OLD_S = 7.0
RATE_BPS_MIN, RATE_BPS_MAX = 2_400, 1_000_000_000
RATE_BPS = 64_000  # of a link of which nobody says another
KITS_MAX = 64  # of one hub; reject

_Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
_Sentence = Annotated[str, Meta(max_length=400)]
_Few = Annotated[dict[Annotated[str, Meta(max_length=16)], _Count], Meta(max_length=16)]


class LinkFacts(Struct, frozen=True, array_like=True, tag="satellite.1", kw_only=True):
    """One link, as the gateway at this end sees it. `session` is another whenever what was on its way may be lost: this
    gateway, or the other end's, was started anew. Bytes are those on the wire; `waiting` (bytes) and `shed` (letters)
    are by class; `refused`: why the other end was, or is, not let in. `clock_off_ms`: the other end's clock minus this
    one's; None: not known."""

    kit: Code
    up: bool
    for_ms: _Count  # it is so
    session: _Count
    way: Annotated[str, Meta(max_length=32)] = ""
    rate_bps: _Count = 0  # of everything, now
    provisioned_bps: _Count = 0
    round_trip_ms: _Count | None = None
    loss: Annotated[float, Meta(ge=0, le=1)] = 0.0
    sent_bytes: _Count = 0
    heard_bytes: _Count = 0
    waiting: _Few = {}
    shed: _Few = {}
    bad: _Count = 0  # letters and messages that could not be read
    clock_off_ms: int | None = None
    refused: _Sentence = ""
    refused_zh: _Sentence = ""


class HubFacts(Struct, frozen=True, array_like=True, tag="satellite-hub.1"):
    """The port of a hub: what was refused there last, of whomever."""

    refused: _Sentence = ""
    refused_zh: _Sentence = ""


Said = LinkFacts | HubFacts
_decoder: msgspec.msgpack.Decoder[Said] = msgspec.msgpack.Decoder(Said)
_encoder = msgspec.msgpack.Encoder()


def pack(said: Said) -> bytes:
    return _encoder.encode(said)


def unpack(data: bytes) -> Said:
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"Not what a satellite gateway says: {error}.", f"不是卫星网关的消息：{error}。") from None
