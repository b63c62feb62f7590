"""The sound of one talkgroup on its way from the bus to its listeners: frames in, RTP bodies out. No socket.

Opus is passed on as it came, one packet for all who number it alike. For G.711 it is decoded once for the talkgroup,
and encoded once for each law, however many listen.
"""

from __future__ import annotations

from typing import NamedTuple

from fusioncmd.errors import BadMessage
from fusioncmd.voice.codecs import G711, G711_HZ, Law, OpusDecoder, Resampler
from fusioncmd.voice.frames import CLOCK_HZ, PER_MS, VoiceFrame, opus_samples, silence_like
from fusioncmd.voice.jitter import Frame, JitterBuffer
from gateways.radio.calls import Codec
from gateways.radio.uplink import G711_PER_MS

G711_SAMPLES = 20 * G711_PER_MS
LAWS: tuple[Law, ...] = ("pcma", "pcmu")


class Body(NamedTuple):
    """One packet for all listeners by `codec`; `marker`: it begins a burst."""

    codec: Codec
    timestamp: int
    marker: bool
    payload: bytes


class Downlink:
    def __init__(self) -> None:
        self._key: tuple[str, int] | None = None
        self._base = 0  # what the timestamps of this burst's Opus begin at
        self._marked: set[Codec] = set()
        self._law_timestamp = 0
        self._decoding: _Decoding | None = None
        self._laws: dict[Law, G711] = {}
        self.bad = 0  # frames that no decoder takes

    @property
    def busy(self) -> bool:
        """Something may be due at any moment."""
        return self._decoding is not None

    def hear(self, frame: VoiceFrame, wanted: set[Codec], now_ms: int) -> list[Body]:
        """`wanted`: by which codecs somebody listens."""
        out: list[Body] = []
        if frame.key != self._key:
            out = self.rest(wanted)
            self._key, self._marked = frame.key, set()
            self._base = now_ms * PER_MS - frame.timestamp
        if frame.last:
            self._key = None
            return [*out, *self.rest(wanted)]
        if "opus" in wanted:
            timestamp = (self._base + frame.timestamp) & 0xFFFFFFFF
            out.append(Body("opus", timestamp, self._begins("opus"), frame.opus))
        if not wanted.isdisjoint(LAWS):
            if self._decoding is None:
                self._decoding = _Decoding()
                self._law_timestamp = now_ms * G711_PER_MS
            try:
                self._decoding.put(frame, now_ms)
            except BadMessage:
                self.bad += 1
            out += self.due(wanted, now_ms)
        return out

    def due(self, wanted: set[Codec], now_ms: float) -> list[Body]:
        """What is due by G.711."""
        if self._decoding is None:
            return []
        samples = self._decoding.due(now_ms)
        return self._bodies(samples, wanted)

    def rest(self, wanted: set[Codec]) -> list[Body]:
        """The burst is over."""
        decoding, self._decoding = self._decoding, None
        return [] if decoding is None else self._bodies(decoding.end(), wanted)

    def _bodies(self, samples: bytes, wanted: set[Codec]) -> list[Body]:
        out: list[Body] = []
        for begin in range(0, len(samples), 2 * G711_SAMPLES):
            part = samples[begin : begin + 2 * G711_SAMPLES]
            for law in LAWS:
                if law in wanted:
                    codec = self._laws.get(law) or self._laws.setdefault(law, G711(law))
                    body = Body(law, self._law_timestamp & 0xFFFFFFFF, self._begins(law), codec.encode(part))
                    out.append(body)
            self._law_timestamp += len(part) // 2
        return out

    def _begins(self, codec: Codec) -> bool:
        first = codec not in self._marked
        self._marked.add(codec)
        return first


class _Decoding:
    """One burst as samples, 8,000 a second."""

    def __init__(self) -> None:
        self._jitter, self._decoder = JitterBuffer(PER_MS), OpusDecoder()
        self._down = Resampler(G711_HZ, CLOCK_HZ)
        self._samples = bytearray()
        self._primed = False
        self._lost = b"\x78"  # a packet for one that was lost

    def put(self, frame: VoiceFrame, now_ms: float) -> None:
        """Raises BadMessage."""
        self._jitter.put(frame.sequence, frame.timestamp, opus_samples(frame.opus), frame.opus, now_ms)
        self._lost = silence_like(frame.opus)

    def due(self, now_ms: float) -> bytes:
        """Whole packets' worth."""
        self._decode(self._jitter.take(now_ms))
        room = len(self._samples) // (2 * G711_SAMPLES) * 2 * G711_SAMPLES
        return self._taken(room)

    def end(self) -> bytes:
        """The rest, filled up with silence."""
        self._decode(self._jitter.end())
        self._samples += bytes(-len(self._samples) % (2 * G711_SAMPLES))
        return self._taken(len(self._samples))

    def _decode(self, frames: list[Frame]) -> None:
        for frame in frames:
            packet = self._lost if frame.data is None else frame.data
            try:
                samples = self._decoder.decode(packet)
            except BadMessage:  # what no decoder takes is lost
                samples = self._decoder.decode(self._lost)
            converted = self._down.convert(samples)
            if not self._primed:  # the filter keeps 2 ms back: filled up once, each frame makes its packet at once
                self._primed = True
                self._samples += bytes(max(0, len(samples) // 6 - len(converted)))
            self._samples += converted

    def _taken(self, count: int) -> bytes:
        taken = bytes(self._samples[:count])
        del self._samples[:count]
        return taken
