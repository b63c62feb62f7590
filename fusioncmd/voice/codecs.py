"""Opus and G.711 to and from samples, by PyAV (libopus, libavcodec). With `ogg`, all that knows `av`.

Samples are 16-bit, mono, little-endian. A codec keeps a state: one for each stream of sound, from its beginning.
"""

from __future__ import annotations

from array import array
from fractions import Fraction
from typing import Literal

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.codec import CodecContext

from fusioncmd.errors import BadMessage
from fusioncmd.voice.frames import CLOCK_HZ

Law = Literal["pcma", "pcmu"]
OPUS_BITRATE = 24_000
OPUS_MS = 20
OPUS_SAMPLES = OPUS_MS * CLOCK_HZ // 1_000
G711_HZ = 8_000
_NAMES = {"pcma": "pcm_alaw", "pcmu": "pcm_mulaw"}


def _codec(
    name: str, mode: Literal["r", "w"], rate: int, options: dict[str, str] | None = None, bits_per_s: int = 0
) -> AudioCodecContext:
    codec = CodecContext.create(name, mode)
    assert isinstance(codec, AudioCodecContext)
    codec.sample_rate, codec.layout, codec.format = rate, "mono", "s16"
    if options:
        codec.bit_rate, codec.options = bits_per_s, options
    codec.open()
    return codec


def _frame(samples: bytes, rate: int, pts: int) -> AudioFrame:
    frame = AudioFrame(format="s16", layout="mono", samples=len(samples) // 2)
    frame.planes[0].update(samples)
    frame.sample_rate, frame.pts, frame.time_base = rate, pts, Fraction(1, rate)
    return frame


def _samples(frame: AudioFrame) -> bytes:
    return bytes(frame.planes[0])[: 2 * frame.samples]  # a plane is padded


def _decoded(codec: AudioCodecContext, data: bytes) -> bytes:
    try:
        return b"".join(map(_samples, codec.decode(av.Packet(data))))
    except av.FFmpegError as error:
        raise BadMessage(f"Sound that cannot be decoded: {error}.", f"无法解码的语音：{error}。") from None


class OpusEncoder:
    """Voice at so many bits a second and milliseconds a packet (RFC 6716: 10, 20, 40 or 60): 24 kbit/s in 20 ms, unless
    it is for a thin link. Below 16 kbit/s no packet grows far beyond the mean."""

    def __init__(self, bits_per_s: int = OPUS_BITRATE, packet_ms: int = OPUS_MS) -> None:
        self._bytes = 2 * packet_ms * CLOCK_HZ // 1_000
        options = {"application": "voip", "frame_duration": str(packet_ms)}
        if bits_per_s < 16_000:
            options["vbr"] = "constrained"
        self._codec = _codec("libopus", "w", CLOCK_HZ, options, bits_per_s)
        self._pts = 0

    def encode(self, samples: bytes) -> list[bytes]:
        """Packets for 48,000 samples a second; what fills no whole packet is filled up with silence."""
        packets: list[bytes] = []
        for begin in range(0, len(samples), self._bytes):
            part = samples[begin : begin + self._bytes].ljust(self._bytes, b"\0")
            packets += map(bytes, self._codec.encode(_frame(part, CLOCK_HZ, self._pts)))
            self._pts += self._bytes // 2
        return packets


class OpusDecoder:
    """A packet that `frames.silence_like` makes is concealed."""

    def __init__(self) -> None:
        self._codec = _codec("libopus", "r", CLOCK_HZ)

    def decode(self, packet: bytes) -> bytes:
        """48,000 samples a second. Raises BadMessage."""
        return _decoded(self._codec, packet)


class G711:
    """Both ways of one law (ITU-T G.711), 8,000 samples a second, one byte each."""

    def __init__(self, law: Law) -> None:
        self._in, self._out = _codec(_NAMES[law], "r", G711_HZ), _codec(_NAMES[law], "w", G711_HZ)
        self._pts = 0

    def decode(self, payload: bytes) -> bytes:
        return _decoded(self._in, payload) if payload else b""

    def encode(self, samples: bytes) -> bytes:
        if not samples:
            return b""
        self._pts += len(samples) // 2
        return b"".join(map(bytes, self._out.encode(_frame(samples, G711_HZ, self._pts))))


class Resampler:
    """From one rate to another, by libswresample."""

    def __init__(self, to_hz: int, from_hz: int) -> None:
        self._resampler, self._from_hz, self._pts = AudioResampler("s16", "mono", to_hz), from_hz, 0

    def convert(self, samples: bytes) -> bytes:
        if not samples:
            return b""
        frames = self._resampler.resample(_frame(samples, self._from_hz, self._pts))
        self._pts += len(samples) // 2
        return b"".join(map(_samples, frames))


def as_numbers(samples: bytes) -> array[int]:
    numbers = array("h")
    numbers.frombytes(samples)
    return numbers
