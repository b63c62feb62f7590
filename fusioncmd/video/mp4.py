"""Segments as files, by PyAV: packets as they came, neither decoded nor encoded.

H.264 and Opus are fragmented MP4 (ISO/IEC 14496-12, 8.8), VP8 and Opus are WebM, which MP4 as FFmpeg writes it does not
take. Each fragment is on disk before the next one begins.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import av
from av.container import InputContainer, OutputContainer

from fusioncmd.errors import BadInput
from fusioncmd.video.boxes import whole
from fusioncmd.video.keeping_bounds import FRAGMENT_MS
from fusioncmd.video.kept import FORM
from fusioncmd.video.source import AUDIO_RATE, VIDEO_RATE
from fusioncmd.voice import ogg

_CODEC = {"H264": "h264", "VP8": "vp8"}
PICTURE, SOUND = Fraction(1, VIDEO_RATE), Fraction(1, AUDIO_RATE)
_NOW = {"flush_packets": "1", "max_interleave_delta": "1"}
_SEGMENT = {
    "mp4": {"movflags": "empty_moov+delay_moov+default_base_moof", "frag_duration": str(FRAGMENT_MS * 1_000), **_NOW},
    "webm": {"live": "1", "cluster_time_limit": str(FRAGMENT_MS), **_NOW},
}


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
            self._container.add_mux_stream(_CODEC[codec], width=size[0], height=size[1], time_base=PICTURE)
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
        base = PICTURE if picture else SOUND
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
            spans = [packet for packet in packets(container) if packet.picture]
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


class Kept(NamedTuple):
    picture: bool
    ms: float
    key: bool
    data: bytes


def packets(container: InputContainer) -> Iterator[Kept]:
    for packet in container.demux():
        if packet.size and packet.pts is not None and not packet.is_corrupt:
            assert packet.time_base is not None
            ms = float(packet.pts * packet.time_base * 1_000)
            yield Kept(packet.stream.type == "video", ms, packet.is_keyframe, bytes(packet))
