"""What is known of video that was kept: segments, what is missing and why, what was shed, what is pinned. Pure.

Rows lie in folders by the hour (UTC), one line each, written after what they tell of. Rows of a source follow each
other without a hole while it is to be kept, so each of its seconds is kept, or missing with a cause.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from fusioncmd.messages import Code, Millis
from fusioncmd.video.bounds import TITLE_CHARS_MAX
from fusioncmd.voice.recorded import HOUR_MS, hour_of

Id = Annotated[str, Meta(pattern=r"\A[0-9]{10}-[0-9]{7}-[0-9a-f]{8}\Z")]
Digest = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Name = Annotated[str, Meta(min_length=1, max_length=32)]
Cause = Literal["silent", "gap", "keyframe", "clock", "down", "room", "behind", "shed", "below"]
FORM = {"H264": "mp4", "VP8": "webm"}  # by codec: the form of files, and how they are called
CAUSES: dict[str, tuple[str, str]] = {
    "silent": ("the source sent nothing", "视频源无信号"),
    "gap": ("packets were lost", "传输丢包"),
    "keyframe": ("the source sent no keyframe", "视频源未发关键帧"),
    "clock": ("the source's clock was set", "视频源时钟被调整"),
    "down": ("the recorder was down", "录像程序未运行"),
    "room": ("the disk was full", "磁盘已满"),
    "behind": ("the recorder did not keep up", "录像程序积压"),
    "shed": ("shed, to make room", "已清除以腾出空间"),
    "below": ("kept below, over a thin link: `video fetch`", "录像在下级，链路带宽有限：用 video fetch 调取"),
}


class Segment(Struct, frozen=True, tag="segment.1"):
    """From `begin_ms` until before `end_ms`, wall-clock time. `key`: it begins with a keyframe; else it goes on where
    the one before ends. `lost`: packets that did not come. `off_ms`: how far the source's clock was ahead of the
    recorder's, where the recorder's is taken instead; else 0. `origin`: the node that recorded it."""

    id: Id
    node: Code
    source: Name
    title: Annotated[str, Meta(max_length=TITLE_CHARS_MAX)]
    kind: str
    codec: Literal["H264", "VP8"]
    sound: bool
    begin_ms: Millis
    end_ms: Millis
    key: bool
    bytes: Annotated[int, Meta(ge=0)]
    sha256: Digest
    lost: int
    off_ms: int
    origin: Code


class Missing(Struct, frozen=True, tag="missing.1"):
    node: Code
    source: Name
    begin_ms: Millis
    end_ms: Millis
    cause: Cause


class Began(Struct, frozen=True, tag="began.1"):
    """From `at_ms` on it is to be kept."""

    node: Code
    source: Name
    at_ms: Millis


class Ended(Struct, frozen=True, tag="ended.1"):
    """From `at_ms` on it is not to be kept any more."""

    node: Code
    source: Name
    at_ms: Millis


Why = Literal["bytes", "days", "room"]


class Shed(Struct, frozen=True, tag="shed.1"):
    """A segment's file went, at `at_ms`: beyond the bytes that may be kept, or too old."""

    id: Id
    at_ms: Millis
    why: Why


class Pin(Struct, frozen=True, tag="pin.1"):
    """What is of that time and source (empty: all of the node's place and below) is never shed; `on` False: may be
    again. The latest word on the same time and source holds."""

    node: Code
    source: Annotated[str, Meta(max_length=32)]
    begin_ms: Millis
    end_ms: Millis
    on: bool
    by: Annotated[str, Meta(max_length=256)]
    at_ms: Millis


Row = Segment | Missing | Began | Ended | Shed
_row: msgspec.json.Decoder[Row] = msgspec.json.Decoder(Row)
_pin = msgspec.json.Decoder(Pin)


def id_of(begin_ms: int, node: str, source: str, origin: str) -> str:
    return f"{hour_of(begin_ms)}-{begin_ms % HOUR_MS:07d}-{zlib.crc32(f'{node}.{source}@{origin}'.encode()):08x}"


def line(row: Row | Pin) -> bytes:
    """Begins a line too: the one before may have been cut off."""
    return b"\n" + msgspec.json.encode(row) + b"\n"


def rows(data: bytes) -> Iterator[Row]:
    """Of an index. What was cut off is passed over."""
    for text in data.split(b"\n"):
        if text:
            try:
                yield _row.decode(text)
            except msgspec.MsgspecError:
                continue


def hour_of_row(row: Row) -> str:
    """In whose folder it lies."""
    match row:
        case Segment(id=ident) | Shed(id=ident):
            return ident[:10]
        case Missing(begin_ms=at_ms) | Began(at_ms=at_ms) | Ended(at_ms=at_ms):
            return hour_of(at_ms)


def by_hours(missing: Missing) -> Iterator[Missing]:
    """The same in parts, each within one hour."""
    at_ms = missing.begin_ms
    while at_ms < missing.end_ms:
        until_ms = min(missing.end_ms, (at_ms // HOUR_MS + 1) * HOUR_MS)
        yield Missing(missing.node, missing.source, at_ms, until_ms, missing.cause)
        at_ms = until_ms


def pins(data: bytes) -> list[Pin]:
    """Those that hold."""
    found: dict[tuple[str, str, int, int], Pin] = {}
    for text in data.split(b"\n"):
        if text:
            try:
                one = _pin.decode(text)
            except msgspec.MsgspecError:
                continue
            found[one.node, one.source, one.begin_ms, one.end_ms] = one
    return [one for one in found.values() if one.on]


def is_pinned(one: Segment, held: Iterable[Pin]) -> bool:
    return any(
        one.node.startswith(pin.node) and pin.source in ("", one.source)
        and pin.begin_ms < one.end_ms and one.begin_ms < pin.end_ms
        for pin in held
    )  # fmt: skip


def root_of(members: Sequence[tuple[str, str]]) -> str:
    """SHA-256 over `<id> <sha256>` and a line feed for each segment, in this order: what the audit has of them."""
    return hashlib.sha256("".join(f"{ident} {digest}\n" for ident, digest in members).encode()).hexdigest()


class Stretch(NamedTuple):
    """`cause` is empty where it was kept; `none` where nobody was to keep it."""

    begin_ms: int
    end_ms: int
    cause: str


def stretches(found: Iterable[Row], from_ms: int, until_ms: int) -> list[Stretch]:
    """Of one source: what is known of each moment from `from_ms` until `until_ms`, without hole or overlap. Where rows
    overlap, what was kept counts."""
    held = list(found)
    gone = {row.id for row in held if isinstance(row, Shed)}
    kept: list[tuple[int, int, str]] = []
    lost: list[tuple[int, int, str]] = []
    for row in held:
        if isinstance(row, Segment):
            (lost if row.id in gone else kept).append((row.begin_ms, row.end_ms, "shed" if row.id in gone else ""))
        elif isinstance(row, Missing):
            lost.append((row.begin_ms, row.end_ms, row.cause))
    out: list[Stretch] = []
    for begin_ms, end_ms, cause in _laid(kept, from_ms, until_ms):
        if cause is not None:
            _add(out, begin_ms, end_ms, cause)
            continue
        for begin, end, why in _laid(lost, begin_ms, end_ms):
            _add(out, begin, end, "none" if why is None else why)
    return out


def _laid(spans: list[tuple[int, int, str]], from_ms: int, until_ms: int) -> Iterator[tuple[int, int, str | None]]:
    """The first that begins has the moment; None where there is no span."""
    at_ms = from_ms
    for begin_ms, end_ms, cause in sorted(spans):
        begin, end = max(begin_ms, at_ms), min(end_ms, until_ms)
        if end <= at_ms or begin >= until_ms:
            continue
        if begin > at_ms:
            yield at_ms, begin, None
        yield begin, end, cause
        at_ms = end
    if at_ms < until_ms:
        yield at_ms, until_ms, None


def _add(out: list[Stretch], begin_ms: int, end_ms: int, cause: str) -> None:
    if out and out[-1].cause == cause and out[-1].end_ms == begin_ms:
        out[-1] = Stretch(out[-1].begin_ms, end_ms, cause)
    else:
        out.append(Stretch(begin_ms, end_ms, cause))
