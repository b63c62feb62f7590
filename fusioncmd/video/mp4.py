"""Segments and cuts as files, by PyAV: packets as they came, neither decoded nor encoded.

H.264 and Opus are fragmented MP4 (ISO/IEC 14496-12, 8.8), VP8 and Opus are WebM, which MP4 as FFmpeg writes it does not
take. Each fragment is on disk before the next one begins.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import av
from av.container import InputContainer, OutputContainer

from fusioncmd.errors import BadInput
from fusioncmd.video.boxes import whole
from fusioncmd.video.keeping_bounds import FRAGMENT_MS, PICTURE_MS_MAX
from fusioncmd.video.kept import FORM
from fusioncmd.video.source import AUDIO_RATE, VIDEO_RATE
from fusioncmd.voice import ogg

_CODEC = {"H264": "h264", "VP8": "vp8"}
_PICTURE, _SOUND, _MS = Fraction(1, VIDEO_RATE), Fraction(1, AUDIO_RATE), Fraction(1, 1_000)
_NOW = {"flush_packets": "1", "max_interleave_delta": "1"}
_SEGMENT = {
    "mp4": {"movflags": "empty_moov+delay_moov+default_base_moof", "frag_duration": str(FRAGMENT_MS * 1_000), **_NOW},
    "webm": {"live": "1", "cluster_time_limit": str(FRAGMENT_MS), **_NOW},
}
_CUT = {"mp4": {"movflags": "faststart", "avoid_negative_ts": "disabled"}, "webm": {}}


@cache
def _opus() -> bytes:
    """A file of which the Opus track is a pattern for others."""
    return ogg.write([b"\xfc\xff\xfe"], {})


class _File:
    """Bytes in the order in which they are written, with their digest; on disk when `flush` says so."""

    def __init__(self, path: Path) -> None:
        self._opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self.digest, self.size = hashlib.sha256(), 0
        self.failed: OSError | None = None

    def write(self, data: bytes) -> int:
        """FFmpeg does not tell why writing failed: it is kept."""
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._opened, left) :]
        except OSError as error:
            self.failed = error
            raise
        self.digest.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """All that was written is on disk."""
        os.fsync(self._opened)

    def close(self) -> None:
        os.close(self._opened)


class Writer:
    """One segment. `label` comes back from `look`. Raises OSError, also FFmpeg's."""

    def __init__(self, path: Path, codec: str, size: tuple[int, int], sound: bool, label: str) -> None:
        self._file = _File(path)
        form = FORM[codec]
        self._container: OutputContainer = av.open(self._file, "w", format=form, options=_SEGMENT[form])
        self._container.metadata["comment"] = label
        self._streams: list[Any] = [
            self._container.add_mux_stream(_CODEC[codec], width=size[0], height=size[1], time_base=_PICTURE)
        ]
        if sound:
            with av.open(io.BytesIO(_opus())) as pattern:
                self._streams.append(self._container.add_stream_from_template(pattern.streams.audio[0]))
        self._last = [-1, -1]
        self._synced = 0

    def put(self, picture: bool, ms: float, key: bool, data: bytes) -> None:
        """`ms` after the segment's beginning; never before the one that was put before."""
        track = 0 if picture else 1
        if track >= len(self._streams):
            return
        base = _PICTURE if picture else _SOUND
        stamp = max(round(ms * (1 / base) / 1_000), self._last[track] + 1)
        self._last[track] = stamp
        packet = av.Packet(data)
        packet.stream, packet.time_base, packet.is_keyframe = self._streams[track], base, key
        packet.pts = packet.dts = stamp
        self._do(lambda: self._container.mux(packet))
        if self._file.size > self._synced:
            self._synced = self._file.size
            self._file.flush()

    def close(self) -> tuple[int, str]:
        """How many bytes it has, and their SHA-256; on disk."""
        try:
            self._do(self._container.close)
            self._file.flush()
        finally:
            self._file.close()
        return self._file.size, self._file.digest.hexdigest()

    def give_up(self) -> None:
        """It could not be written further: what is whole of it stays."""
        with contextlib.suppress(av.FFmpegError, OSError):  # it said so before
            self._container.close()
        self._file.close()

    def _do(self, step: Any) -> None:
        try:
            step()
        except (av.FFmpegError, OSError) as error:
            raise self._file.failed or OSError(f"not written: {error}") from None


class Looked(NamedTuple):
    label: str
    lasts_ms: int
    bytes: int
    sha256: str
    sound: bool


def repair(path: Path) -> Looked | None:
    """A segment that was being written when the recorder ended: cut off after what is whole; None without that."""
    with path.open("r+b") as opened:
        size = opened.seek(0, os.SEEK_END)
        if path.suffix == ".mp4":

            def read(at: int, count: int) -> bytes:
                opened.seek(at)
                return opened.read(count)

            good = whole(read, size)
            if good < size:
                opened.truncate(good)
                os.fsync(opened.fileno())
    try:
        with av.open(str(path)) as container:
            spans = [packet for packet in _packets(container) if packet.picture]
            if not spans:
                return None
            label = container.metadata.get("comment") or container.metadata["COMMENT"]
            sound = bool(container.streams.audio)
    except (av.FFmpegError, KeyError):
        return None
    each_ms = spans[-1].ms - spans[-2].ms if len(spans) > 1 else 1.0
    data = path.read_bytes()
    return Looked(label, round(spans[-1].ms + each_ms), len(data), hashlib.sha256(data).hexdigest(), sound)


def label_of(path: Path) -> bytes:
    """Raises BadInput."""
    try:
        with av.open(str(path)) as container:
            return (container.metadata.get("comment") or container.metadata.get("COMMENT") or "").encode()
    except (av.FFmpegError, OSError):
        raise BadInput(f"{path} is no video that can be read.", f"{path} 不是可读的视频文件。") from None


class _Packet(NamedTuple):
    picture: bool
    ms: float
    key: bool
    data: bytes


def _packets(container: InputContainer) -> Iterator[_Packet]:
    for packet in container.demux():
        if packet.size and packet.pts is not None and not packet.is_corrupt:
            assert packet.time_base is not None
            ms = float(packet.pts * packet.time_base * 1_000)
            yield _Packet(packet.stream.type == "video", ms, packet.is_keyframe, bytes(packet))


class Part(NamedTuple):
    """A segment's file, and when it begins (ms since 1970)."""

    path: Path
    begin_ms: int


def cut(target: Path, parts: Sequence[Part], codec: str, from_ms: int, until_ms: int, label: str) -> int:
    """One file from the segments, in their order and of one codec: from `from_ms`, shown to the millisecond by an
    edit list though it begins with the keyframe before, until before `until_ms`. Moments of the file are moments of
    the wall clock; what is missing stands still. Returns when it begins: later where nothing was kept, and of VP8, at
    the keyframe before. Raises BadInput where there is nothing to show."""
    form = FORM[codec]
    items = list(_lead_in(parts, from_ms, until_ms))
    if not any(item.picture for item in items):
        raise BadInput("Nothing was kept of that time.", "该时段没有录像。")
    zero_ms = from_ms if form == "mp4" else min(items[0].ms, from_ms)
    with av.open(str(target), "w", format=form, options=_CUT[form]) as out:
        out.metadata["comment"] = label
        streams = [_like(out, parts, kind) for kind in ("video", "audio")]
        last, final = [-(1 << 62)] * 2, max(i for i, item in enumerate(items) if item.picture)
        for i, item in enumerate(items):
            track = 0 if item.picture else 1
            base = _MS if form == "webm" else _PICTURE if item.picture else _SOUND
            stamp = max(round((item.ms - zero_ms) * (1 / base) / 1_000), last[track] + 1)
            packet = av.Packet(item.data)
            packet.stream, packet.time_base, packet.is_keyframe = streams[track], base, item.key
            packet.pts = packet.dts = last[track] = stamp
            if i == final:
                packet.duration = max(1, round(min(until_ms - item.ms, PICTURE_MS_MAX) * (1 / base) / 1_000))
            out.mux(packet)
    return max(from_ms, round(items[0].ms)) if form == "mp4" else round(zero_ms)


def _like(out: OutputContainer, parts: Sequence[Part], kind: str) -> Any:
    """A track as the first segment has that has one."""
    for part in parts:
        with av.open(str(part.path)) as container:
            for stream in container.streams:
                if stream.type == kind:
                    return out.add_stream_from_template(stream)
    return None


def _lead_in(parts: Sequence[Part], from_ms: int, until_ms: int) -> Iterator[_Packet]:
    """Packets with their wall-clock time, from the last keyframe at or before `from_ms` on."""
    held: list[_Packet] = []  # until the time comes: since the last keyframe
    begun = False
    for part in parts:
        with av.open(str(part.path)) as container:
            found = [item._replace(ms=item.ms + part.begin_ms) for item in _packets(container)]
        for item in sorted(found, key=lambda one: (one.ms, not one.picture)):
            if item.ms >= until_ms:
                continue
            if not begun and item.ms > from_ms and (held or (item.picture and item.key)):
                begun = True
                yield from held
            if begun:
                yield item
            elif item.picture and item.key:
                held = [item]
            elif item.picture and held:
                held.append(item)
    if not begun and held and from_ms - held[-1].ms <= PICTURE_MS_MAX:
        yield from held
