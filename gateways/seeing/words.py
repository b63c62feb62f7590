"""What the process that hears pictures and the one that looks at them say to each other (`pieces.py`). Pure."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadMessage
from gateways.seeing.detector import REGIONS_MAX, Seen

KEYFRAME_BYTES_MAX = 2 * 1024 * 1024  # shed
LOOK_BYTES_MAX = KEYFRAME_BYTES_MAX + 256
STILL_BYTES_MAX = 15 * 1024
LOOK, READY, SAW = b"L", b"R", b"S"


class Look(Struct, frozen=True, array_like=True):
    """A keyframe of the source, and when it came, by a clock that nobody sets. Without data: the source is watched no
    more, and nothing is answered."""

    source: Annotated[str, Meta(max_length=64)]
    codec: Literal["H264", "VP8"]
    at_s: float
    data: Annotated[bytes, Meta(max_length=KEYFRAME_BYTES_MAX)] = b""


class Saw(Struct, frozen=True, array_like=True):
    """The answer to each look. `seen`: None of a picture that could not be looked at: it shows nothing, not even that
    nothing is there. `still`: WebP of the picture, where something was seen."""

    source: Annotated[str, Meta(max_length=64)]
    seen: Annotated[list[Seen], Meta(max_length=REGIONS_MAX)] | None
    still: Annotated[bytes, Meta(max_length=STILL_BYTES_MAX)] = b""


encode = msgspec.msgpack.Encoder().encode
_look = msgspec.msgpack.Decoder(Look)
_saw = msgspec.msgpack.Decoder(Saw)


def read_look(data: bytes) -> Look:
    """Raises BadMessage."""
    try:
        return _look.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadMessage("Not a picture to look at.", "不是待识别的画面。") from None


def read_saw(data: bytes) -> Saw:
    """Raises BadMessage: a child that a picture has taken over may say anything."""
    try:
        return _saw.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadMessage("Not what a detector says.", "不是识别结果。") from None
