"""Packets of pictures as real encoders make them (aiortc's, with libx264 and libvpx)."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import av
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder

from fusioncmd.video import packet

WIDTH, HEIGHT, FRAMES = 322, 178, 24
STAMP = 0xFFFF_F000  # it goes round


def picture(number: int, width: int, height: int) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, "yuv420p")
    for i, plane in enumerate(frame.planes):
        plane.update(bytes((number * 7 + at * (i + 1) * 31) & 0xFF for at in range(plane.buffer_size)))
    frame.pts, frame.time_base = number * 3_000, Fraction(1, 90_000)
    return frame


@cache
def encoded(codec: str, width: int = WIDTH, height: int = HEIGHT) -> list[list[bytes]]:
    """Packets of each frame; the first and the 13th one are keyframes."""
    encoder = H264Encoder() if codec == "H264" else Vp8Encoder()
    encoder.target_bitrate = 3_000_000
    frames: list[list[bytes]] = []
    sequence = 65_500
    for number in range(FRAMES):
        payloads, _ = encoder.encode(picture(number, width, height), force_keyframe=number % 12 == 0)
        made = []
        for i, payload in enumerate(payloads):
            made.append(
                packet.build(
                    96, sequence & 0xFFFF, (STAMP + number * 3_000) & 0xFFFF_FFFF, 9, payload, i + 1 == len(payloads)
                )
            )
            sequence += 1
        frames.append(made)
    return frames


def flat(frames: list[list[bytes]]) -> list[bytes]:
    return [data for frame in frames for data in frame]
