"""That an order is to be spoken in talkgroups: what a node tells its radio gateways. Pure."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadMessage
from fusioncmd.messages import Id
from fusioncmd.voice.bounds import CLIP_BYTES_MAX

SPEAK_BYTES_MAX = CLIP_BYTES_MAX + 2_048


class Speak(Struct, frozen=True, tag="speak.1", tag_field="kind"):
    """`clip` is a sound file; empty: the order's text is read out. A gateway knows the order, and has verified it."""

    order: Id
    where: Annotated[tuple[Annotated[str, Meta(max_length=48)], ...], Meta(max_length=16)]
    clip: Annotated[bytes, Meta(max_length=CLIP_BYTES_MAX)] = b""


_decoder = msgspec.msgpack.Decoder(Speak)


def encode(said: Speak) -> bytes:
    return msgspec.msgpack.encode(said)


def decode(data: bytes) -> Speak:
    """Raises BadMessage."""
    if len(data) <= SPEAK_BYTES_MAX:
        try:
            return _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    raise BadMessage("Not a word to speak an order.", "不是有效的播报请求。")
