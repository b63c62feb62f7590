"""`python -m gateways.satellite.recode`: packets of one source in, a low-rate H.264 and stills out, by PyAV.

A child of `thin.py`, with no way to the bus and little memory: what a source sends may end it, and nothing else. Pieces
on its standard input and output are a length, a letter, and as many bytes (`piece`): `D` what is to be done and `P`
packets in; `M` what was made and `K` that a keyframe is wanted, out.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from fusioncmd.errors import BadMessage
from fusioncmd.video import h264, vp8
from fusioncmd.video.bundle import is_rtcp, unpack
from fusioncmd.video.packet import read
from fusioncmd.video.source import VIDEO_RATE
from fusioncmd.video.units import Depacketiser, Unit
from gateways.satellite.pieces import DO, KEY, MADE, PACKETS, piece, pieces
from gateways.satellite.video_rtp import units_of
from gateways.satellite.video_words import FRAME_BYTES_MAX, Do, Made, MadeFrame, MadeStill, encode, read_do

SIDE_MAX = 4_096  # pixels of a source; larger is not decoded
KEY_EVERY_S = 10  # of the picture that is made: who begins to watch waits no longer, or has it asked for
FOLLOW_S = 12.0  # a live picture that is held goes on without a keyframe so long
STILLS = ((320, 180, 6_000), (640, 360, 20_000))  # boxes, and bytes at most
QUALITIES = (75, 55, 35, 15)  # of WebP, until it fits
PARTS = (1.0, 0.7, 0.5, 0.35)  # of the box, if it does not
_CODECS = {"H264": "h264", "VP8": "vp8"}
_BASE = Fraction(1, VIDEO_RATE)


class Recoder:
    """Of one source; what is to be done changes by `do`. Both return pieces."""

    def __init__(self) -> None:
        self._do: Do | None = None
        self._units: Depacketiser | None = None
        self._decoder: VideoCodecContext | None = None
        self._encoder: Encoder | None = None
        self._whole = False  # the decoder has had everything since a keyframe
        self._made_still = self._keyframe = 0
        self._live_s = -1e9
        self._next: float | None = None  # the timestamp from which on the next frame is made
        self.bad = 0

    def do(self, said: Do, now_s: float) -> list[bytes]:
        was, self._do = self._do, said
        if was is None or (was.codec, was.ssrc) != (said.codec, said.ssrc):
            self._units, self._decoder, self._whole = Depacketiser(said.codec), None, False
            self._keyframe = said.keyframe
        if said.bits_per_s:
            self._live_s = now_s
        waits = not self._whole and (said.bits_per_s or said.still != self._made_still)
        return [piece(KEY)] if waits else []

    def packets(self, bundle: bytes, now_s: float) -> list[bytes]:
        out: list[bytes] = []
        if self._do is None or self._units is None:
            return out
        try:
            for data in unpack(bundle):
                if not is_rtcp(data) and read(data).ssrc == self._do.ssrc:
                    for unit in self._units.put(data, now_s * 1_000):
                        out += self._unit(unit, self._do, now_s)
        except BadMessage:
            self.bad += 1
        return out

    def _unit(self, unit: Unit, do: Do, now_s: float) -> Iterator[bytes]:
        follows = now_s - self._live_s <= FOLLOW_S
        stills = bool(do.still) and do.still != self._made_still
        if unit.lost or not follows:
            self._whole = False
        if unit.keyframe and is_large(do.codec, unit.data):
            return
        if not (follows or stills) or (not unit.keyframe and not self._whole):
            if follows or stills:
                yield piece(KEY)
            return
        frame = self._decode(unit, do.codec)
        if frame is None:
            if not self._whole:
                yield piece(KEY)
            return
        if stills:
            self._made_still = do.still
            for width, height, most in STILLS:
                if (made := still(frame, width, height, most)) is not None:
                    yield _said(MadeStill(do.still, *made))
        if do.bits_per_s and (self._next is None or unit.timestamp >= self._next or unit.timestamp < self._next - 1e6):
            every = VIDEO_RATE / do.frames_per_s
            late = self._next is None or abs(unit.timestamp - self._next) > every
            self._next = unit.timestamp + every * 0.95 if late else self._next + every  # type: ignore[operator]
            yield from self._encode(frame, unit.timestamp, do)

    def _decode(self, unit: Unit, codec: str) -> VideoFrame | None:
        if unit.keyframe and (self._decoder is None or not self._whole):
            self._decoder = decoder(codec)
        assert self._decoder is not None
        packet = av.Packet(unit.data)
        packet.pts = packet.dts = unit.timestamp
        try:
            frames = self._decoder.decode(packet)
            self._whole = not any(each.is_corrupt for each in frames)
        except av.FFmpegError:
            frames, self._whole = [], False
        if not self._whole:
            self.bad += 1
        return frames[-1] if frames and self._whole else None  # pictures out of their order come later

    def _encode(self, frame: VideoFrame, timestamp: int, do: Do) -> Iterator[bytes]:
        width, height = fitted(frame.width, frame.height, do.width, do.height)
        shape = (width, height, do.frames_per_s)
        if self._encoder is None or self._encoder.shape != shape:
            self._encoder = Encoder(width, height, do.frames_per_s, do.bits_per_s)
        key, self._keyframe = do.keyframe != self._keyframe, do.keyframe
        made = self._encoder.encode(frame, timestamp, do.bits_per_s, key)
        if made is not None and len(made[0]) <= FRAME_BYTES_MAX:
            yield _said(MadeFrame(timestamp & 0xFFFF_FFFF, made[1], made[0]))


class Encoder:
    """H.264 as every browser shows it: constrained baseline, no frame waits for another."""

    def __init__(self, width: int, height: int, frames_per_s: int, bits_per_s: int) -> None:
        self.shape = (width, height, frames_per_s)
        codec = av.CodecContext.create("libx264", "w")
        assert isinstance(codec, VideoCodecContext)
        codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
        codec.time_base, codec.framerate = _BASE, Fraction(frames_per_s)
        codec.bit_rate, codec.gop_size, codec.thread_count = bits_per_s, frames_per_s * KEY_EVERY_S, 1
        codec.options = {
            "preset": "medium", "tune": "zerolatency", "profile": "baseline", "maxrate": str(bits_per_s),
            "bufsize": str(bits_per_s), "x264-params": "scenecut=0:repeat-headers=1",
        }  # fmt: skip
        codec.open()
        self._codec = codec

    def encode(self, frame: VideoFrame, timestamp: int, bits_per_s: int, key: bool) -> tuple[bytes, bool] | None:
        """In Annex B, and whether it is a keyframe. The rate may change with each picture."""
        if bits_per_s != self._codec.bit_rate:
            self._codec.bit_rate = bits_per_s
        picture = frame.reformat(self._codec.width, self._codec.height, "yuv420p")
        picture.pts, picture.time_base = timestamp, _BASE
        picture.pict_type = PictureType.I if key else PictureType.NONE
        for packet in self._codec.encode(picture):
            units = [unit for unit in units_of(bytes(packet)) if unit[0] & 0x1F != h264.SEI]  # it names the encoder
            return b"".join(h264.START + unit for unit in units), packet.is_keyframe
        return None


def still(frame: VideoFrame, width: int, height: int, bytes_max: int) -> tuple[int, int, bytes] | None:
    """One WebP of at most so many bytes, with its size: worse first, then smaller; None where the least is too much."""
    for part in PARTS:
        size = fitted(frame.width, frame.height, int(width * part), int(height * part))
        picture = frame.reformat(*size, "yuv420p")
        picture.pts, picture.time_base, picture.pict_type = 0, Fraction(1), PictureType.NONE
        for quality in QUALITIES:
            out = io.BytesIO()
            with av.open(out, "w", format="webp") as container:
                stream = container.add_stream("libwebp", rate=1, options={"quality": str(quality)})
                stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
                for packet in (*stream.encode(picture), *stream.encode(None)):
                    container.mux(packet)
            if out.tell() <= bytes_max:
                return *size, out.getvalue()
    return None


def fitted(width: int, height: int, most_width: int, most_height: int) -> tuple[int, int]:
    """Even sides of the same proportions, within the box, or within the box upright; never larger than it is."""
    if height > width:
        most_width, most_height = most_height, most_width
    part = min(most_width / width, most_height / height, 1.0)
    return max(16, int(width * part) // 2 * 2), max(16, int(height * part) // 2 * 2)


def decoder(codec: str) -> VideoCodecContext:
    made = av.CodecContext.create(_CODECS[codec], "r")
    assert isinstance(made, VideoCodecContext)
    made.thread_count = 1
    return made


def is_large(codec: str, data: bytes) -> bool:
    """Whether a keyframe says that it is larger than what is decoded, or nothing that can be read."""
    try:
        if codec == "VP8":
            sizes = [vp8.size(b"\x10" + data, 0, len(data) + 1)]
        else:
            sizes = [h264.shape(unit)[:2] for unit in units_of(data) if unit[0] & 0x1F == h264.SPS]
    except BadMessage:
        return True
    return not sizes or any(one is None or max(one) > SIDE_MAX for one in sizes)


def _said(made: Made) -> bytes:
    return piece(MADE, encode(made))


def run(given: BinaryIO, told: BinaryIO) -> None:
    """Until the input ends."""
    recoder = Recoder()
    for kind, data in pieces(given):
        now_s = time.monotonic()
        out: list[bytes] = []
        if kind == DO:
            out = recoder.do(read_do(data), now_s)
        elif kind == PACKETS:
            out = recoder.packets(data, now_s)
        if out:
            told.write(b"".join(out))
            told.flush()


if __name__ == "__main__":
    av.logging.set_level(av.logging.FATAL)
    run(sys.stdin.buffer, sys.stdout.buffer)
