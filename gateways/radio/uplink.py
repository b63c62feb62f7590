"""The sound of one call on its way to the bus: packets of the peer in, Opus out, once it may speak. No socket.

Opus is passed on as it came. G.711 goes through a jitter buffer and is encoded, but only while its peer speaks.
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

from fusioncmd.errors import BadMessage
from fusioncmd.voice.activity import level_db
from fusioncmd.voice.bounds import PTIME_MS_MAX
from fusioncmd.voice.codecs import G711, G711_HZ, OPUS_SAMPLES, OpusDecoder, OpusEncoder, Resampler, as_numbers
from fusioncmd.voice.frames import CLOCK_HZ, PER_MS, opus_samples
from fusioncmd.voice.jitter import Frame, JitterBuffer
from fusioncmd.voice.rtp import RtpPacket, Unrolled
from gateways.radio.calls import Codec

G711_PER_MS = G711_HZ // 1_000
_EVERY = 8  # samples of which one is weighed, for the level of Opus


class Sound(NamedTuple):
    """A packet of the peer, counted on."""

    sequence: int
    timestamp: int
    payload: bytes


class Uplink:
    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self._ssrc: int | None = None
        self._sequence, self._timestamp = Unrolled(16), Unrolled(32)
        self._burst: _Burst | None = None
        self._law = None if codec == "opus" else G711(codec)
        self._ear = OpusDecoder() if codec == "opus" else None  # made once, used where voice is the button

    def count(self, packet: RtpPacket) -> Sound:
        if packet.ssrc != self._ssrc:  # a device began anew
            self._ssrc, self._sequence, self._timestamp = packet.ssrc, Unrolled(16), Unrolled(32)
            if self._burst is not None:
                self._burst.begin_again()
        return Sound(
            self._sequence.count(packet.sequence), self._timestamp.count(packet.timestamp), packet.payload
        )  # fmt: skip

    def lasts_ms(self, payload: bytes) -> float:
        """Of sound in a packet. Raises BadMessage."""
        if self.codec == "opus":
            return opus_samples(payload) / PER_MS
        if not 0 < len(payload) <= PTIME_MS_MAX * G711_PER_MS:
            raise BadMessage("A G.711 packet of no good length.", "G.711 包长度无效。")
        return len(payload) / G711_PER_MS

    def level_db(self, payload: bytes) -> float:
        """How loud it is. Raises BadMessage."""
        if self._law is not None:
            return level_db(as_numbers(self._law.decode(payload)))
        assert self._ear is not None
        return level_db(as_numbers(self._ear.decode(payload))[::_EVERY])

    def begin(self) -> None:
        """The floor was granted."""
        self._burst = _Plain() if self.codec == "opus" else _Encoded(G711(self.codec))

    def speak(self, sound: Sound, now_ms: float) -> list[Sound]:
        """Opus for the bus, numbered from the burst's beginning. Raises BadMessage."""
        return [] if self._burst is None else self._burst.speak(sound, now_ms)

    def due(self, now_ms: float) -> list[Sound]:
        return [] if self._burst is None else self._burst.due(now_ms)

    def end(self) -> list[Sound]:
        """What is left of the burst."""
        burst, self._burst = self._burst, None
        return [] if burst is None else burst.end()


class _Plain:
    """Opus as it came, in its order."""

    def __init__(self) -> None:
        self._first: Sound | None = None
        self._after = Sound(-1, 0, b"")  # the last that was passed on

    def begin_again(self) -> None:
        self._first = None

    def speak(self, sound: Sound, now_ms: float) -> list[Sound]:
        samples = opus_samples(sound.payload)
        if self._first is None:  # of the burst, or of a device that began anew: what follows is counted on
            self._first = Sound(sound.sequence - self._after.sequence - 1, sound.timestamp - self._after.timestamp, b"")
        here = Sound(sound.sequence - self._first.sequence, sound.timestamp - self._first.timestamp, sound.payload)
        if here.sequence < 0 or here.timestamp < 0:
            return []  # from before the burst
        if here.sequence > self._after.sequence:
            self._after = Sound(here.sequence, here.timestamp + samples, b"")
        return [here]

    def due(self, now_ms: float) -> list[Sound]:
        return []

    def end(self) -> list[Sound]:
        return []


class _Encoded:
    """G.711, decoded on time and encoded as Opus."""

    def __init__(self, law: G711) -> None:
        self._jitter, self._law = JitterBuffer(G711_PER_MS), law
        self._up, self._encoder = Resampler(CLOCK_HZ, G711_HZ), OpusEncoder()
        self._samples = bytearray()
        self._like, self._primed = array("h"), False
        self._count = 0

    def begin_again(self) -> None:
        self._jitter = JitterBuffer(G711_PER_MS)

    def speak(self, sound: Sound, now_ms: float) -> list[Sound]:
        self._jitter.put(sound.sequence, sound.timestamp, len(sound.payload), sound.payload, now_ms)
        return self.due(now_ms)

    def due(self, now_ms: float) -> list[Sound]:
        for frame in self._jitter.take(now_ms):
            self._take(frame)
        return self._packets(whole=False)

    def end(self) -> list[Sound]:
        for frame in self._jitter.end():
            self._take(frame)
        return self._packets(whole=True)

    def _take(self, frame: Frame) -> None:
        """A lost packet sounds like the one before, half as loud each time (as in G.711 Appendix I, less its pitch)."""
        if frame.data is None:
            self._like = array("h", (sample >> 1 for sample in self._like))
        else:
            self._like = as_numbers(self._law.decode(frame.data))
        converted = self._up.convert(self._like.tobytes())
        if not self._primed:  # the filter keeps 2 ms back: filled up once, each frame makes its packet at once
            self._primed = True
            self._samples += bytes(max(0, 12 * len(self._like) - len(converted)))
        self._samples += converted

    def _packets(self, whole: bool) -> list[Sound]:
        room = len(self._samples) // (2 * OPUS_SAMPLES) * 2 * OPUS_SAMPLES
        ready = bytes(self._samples[: len(self._samples) if whole else room])
        del self._samples[: len(ready)]
        out = []
        for packet in self._encoder.encode(ready):
            out.append(Sound(self._count, self._count * OPUS_SAMPLES, packet))
            self._count += 1
        return out


_Burst = _Plain | _Encoded
