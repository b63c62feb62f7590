"""What the two ends of a thin link say of video, and what the kit's end says to its encoder. Pure.

Over the link: the list of sources, said when it changes; what somebody above wants; frames of H.264 and stills. On the
kit's bus, to and from `thin.py` (a process of its own), `fc.thin.<path>.<source>.<do or made>`.
"""

from __future__ import annotations

import struct
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage
from fusioncmd.video.bounds import SOURCE_BYTES_MAX
from fusioncmd.video.still import STILL_BYTES_MAX

FRAME_BYTES_MAX = 48 * 1024  # of one picture of the stream; shed, and another keyframe asked for
HANDLES = 32  # sources of one kit that go over its link; shed, the newest: they stay at the kit
FMTP = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"

Handle = Annotated[int, Meta(ge=0, lt=HANDLES)]
Side = Annotated[int, Meta(gt=0, le=4_096)]
Count = Annotated[int, Meta(ge=0, lt=1 << 53)]
StillData = Annotated[bytes, Meta(min_length=1, max_length=STILL_BYTES_MAX)]
_FRAME = struct.Struct(">BBHBI")  # 0, handle, number, flags, timestamp
_KEY = 1
_WORD = b"\1"  # the first byte of a letter that is no frame


class Listed(Struct, frozen=True, array_like=True, tag="list"):
    """By the kit: `source` is `fusioncmd.video.source.Source` without tracks, and has the number `handle` in what
    follows."""

    handle: Handle
    source: Annotated[bytes, Meta(max_length=SOURCE_BYTES_MAX)]


class Wanted(Struct, frozen=True, array_like=True, tag="want"):
    """By the hub: what is wanted of a source now. `keyframe`: one now; `still_s`: as `Ask` has it."""

    handle: Handle
    live: bool
    keyframe: bool = False
    still_s: Annotated[int, Meta(ge=0, le=3_600)] = 0


class Roll(Struct, frozen=True, array_like=True, tag="roll"):
    """By the hub: what a node above says of its roll (`fusioncmd.video.source.Roll`)."""

    data: Annotated[bytes, Meta(max_length=256)]


class Still(Struct, frozen=True, array_like=True, tag="still"):
    """By the kit; `age_ms` when it was given to the link."""

    handle: Handle
    number: Count
    width: Side
    height: Side
    age_ms: Count
    data: StillData


Word = Listed | Wanted | Roll | Still


class Frame(NamedTuple):
    """One picture in Annex B; `number` counts them, modulo 65,536; `timestamp` in 1/90,000 s."""

    handle: int
    number: int
    key: bool
    timestamp: int
    data: bytes


class Do(Struct, frozen=True, array_like=True, tag="do"):
    """To the encoder, each second while anything is to be done: packets of `ssrc` become pictures of at most `width`
    by `height`, `frames_per_s` and `bits_per_s` (0: none now). A `keyframe` that is another number than before: one
    now. A `still` likewise: two stills, a small and a large one; 0: none."""

    codec: Literal["H264", "VP8"]
    ssrc: Annotated[int, Meta(gt=0, lt=1 << 32)]
    bits_per_s: Annotated[int, Meta(ge=0, le=10_000_000)]
    frames_per_s: Annotated[int, Meta(gt=0, le=30)] = 5
    width: Side = 320
    height: Side = 180
    keyframe: Count = 0
    still: Count = 0


class MadeFrame(Struct, frozen=True, array_like=True, tag="frame"):
    timestamp: Annotated[int, Meta(ge=0, lt=1 << 32)]
    key: bool
    data: Annotated[bytes, Meta(min_length=1, max_length=FRAME_BYTES_MAX)]


class MadeStill(Struct, frozen=True, array_like=True, tag="still"):
    number: Count
    width: Side
    height: Side
    data: StillData


Made = MadeFrame | MadeStill
encode = msgspec.msgpack.Encoder().encode
_words: msgspec.msgpack.Decoder[Word] = msgspec.msgpack.Decoder(Word)
_do = msgspec.msgpack.Decoder(Do)
_made: msgspec.msgpack.Decoder[Made] = msgspec.msgpack.Decoder(Made)
_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def letter(word: Word) -> bytes:
    return _WORD + encode(word)


def letter_of(frame: Frame) -> bytes:
    number, stamp = frame.number & 0xFFFF, frame.timestamp & 0xFFFF_FFFF
    return _FRAME.pack(0, frame.handle, number, _KEY if frame.key else 0, stamp) + frame.data


def read(body: bytes) -> Word | Frame:
    """Raises BadMessage."""
    if body[:1] == b"\0":
        if not _FRAME.size < len(body) <= _FRAME.size + FRAME_BYTES_MAX:
            raise _bad()
        _, handle, number, flags, stamp = _FRAME.unpack_from(body)
        if handle >= HANDLES:
            raise _bad()
        return Frame(handle, number, bool(flags & _KEY), stamp, body[_FRAME.size :])
    if body[:1] != _WORD:
        raise _bad()
    try:
        return _words.decode(body[1:])
    except _ERRORS:
        raise _bad() from None


def read_do(data: bytes) -> Do:
    """Raises BadMessage."""
    try:
        return _do.decode(data)
    except _ERRORS:
        raise _bad() from None


def read_made(data: bytes) -> Made:
    """Raises BadMessage."""
    try:
        return _made.decode(data)
    except _ERRORS:
        raise _bad() from None


def do(path: Path, source: str) -> str:
    return f"fc.thin.{path.dotted}.{source}.do"


def made(path: Path, source: str) -> str:
    return f"fc.thin.{path.dotted}.{source}.made"


def at_and_below(kind: str, path: Path, last: str) -> list[str]:
    """The subjects `fc.<kind>.<path>.<source>.<last>` of the place and of all below."""
    return [f"fc.{kind}.{path.dotted}{'.*' * depth}.*.{last}" for depth in range(6 - path.tier)]


def _bad() -> BadMessage:
    return BadMessage("Not what is said of video over a thin link.", "不是窄带链路的视频消息。")
