"""Keyframes of one source into small pictures, by PyAV: each stands for itself, and nothing between them is decoded."""

from __future__ import annotations

from collections.abc import Callable

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation

from gateways.satellite.recode import decoder, is_large, still
from gateways.seeing.detector import Picture
from gateways.seeing.words import STILL_BYTES_MAX

STILL = (640, 360, STILL_BYTES_MAX)  # box, and bytes at most: of what is shown of an alarm


class Keyframes:
    """`codec` as in `source.Track`."""

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._decoder: VideoCodecContext | None = None
        self._last: VideoFrame | None = None
        self.bad = 0

    def picture(self, data: bytes, size: Callable[[int, int], tuple[int, int]]) -> Picture | None:
        """`size`: what it is scaled to, of its width and height. None for what is too large, or does not decode."""
        self._last = None
        if is_large(self._codec, data):
            self.bad += 1
            return None
        if self._decoder is None:
            self._decoder = decoder(self._codec)
        try:
            frames = [*self._decoder.decode(av.Packet(data)), *self._decoder.decode(None)]
            self._decoder.flush_buffers()
        except av.FFmpegError:
            frames, self._decoder = [], None
        if not frames or frames[-1].is_corrupt:
            self.bad += 1
            return None
        self._last = frames[-1]
        width, height = size(self._last.width, self._last.height)
        small = self._last.reformat(width, height, "rgb24", interpolation=Interpolation.AREA)
        return np.ascontiguousarray(small.to_ndarray())

    def still(self) -> bytes | None:
        """The last picture as WebP."""
        made = None if self._last is None else still(self._last, *STILL)
        return None if made is None else made[2]


def quiet() -> None:
    """ffmpeg says nothing of what it decodes."""
    av.logging.set_level(av.logging.FATAL)
