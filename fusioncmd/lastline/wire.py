"""What a node and the process that has its modem say to each other: what is to be sent next, and what came. Pure."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadMessage
from fusioncmd.lastline import bounds

Card = Annotated[int, Meta(ge=0, le=99_999_999)]  # a terminal of the satellite's service: its address
Said = Annotated[bytes, Meta(max_length=bounds.LONG_BITS // 8)]
Word = Annotated[str, Meta(max_length=200)]


class Modem(Struct, frozen=True, tag="line-modem.1", tag_field="kind"):
    """How the modem is: its own card (0: none), the most bits of a message (0: it can send nothing now), how often it
    may, beams that are heard well enough, and a trouble in both languages."""

    card: Card = 0
    bits: Annotated[int, Meta(ge=0, le=bounds.LONG_BITS)] = 0
    every_s: Annotated[int, Meta(ge=0, le=86_400)] = 0
    beams: Annotated[int, Meta(ge=0, le=64)] = 0
    trouble_en: Word = ""
    trouble_zh: Word = ""


class Next(Struct, frozen=True, tag="line-next.1", tag_field="kind"):
    """The modem may send a message: which? `failed`: it could not send the one that it was given last."""

    modem: Modem
    failed: bool = False


class Say(Struct, frozen=True, tag="line-say.1", tag_field="kind"):
    """`data` to the card `to`; empty: there is nothing to say now."""

    to: Card = 0
    data: Said = b""


class Came(Struct, frozen=True, tag="line-came.1", tag_field="kind"):
    """A message from the card `by`."""

    by: Card
    data: Said


class Taken(Struct, frozen=True, tag="line-taken.1", tag_field="kind"):
    """The node has dealt with it, whatever it was; or could not keep it now (`kept`): it is to be brought again."""

    kept: bool = True


Message = Next | Say | Came | Taken
M = TypeVar("M", bound=Message)
_encoder = msgspec.msgpack.Encoder()
_decoders: dict[type, msgspec.msgpack.Decoder[Any]] = {
    kind: msgspec.msgpack.Decoder(kind) for kind in (Next, Say, Came, Taken)
}


def encode(message: Message) -> bytes:
    return _encoder.encode(message)


def decode(kind: type[M], data: bytes) -> M:
    try:
        found = _decoders[kind].decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"Not a {kind.__name__} of the last line: {error}.", f"不是短报文消息：{error}。") from None
    assert isinstance(found, kind)
    return found
