"""One burst made smaller: frames of any Opus in, packets of 12 kbit/s and 60 ms out. No socket and no clock.

Frames that came out of order are put in order, what is missing is concealed, and a pause of the speaker stays as long
as it was. The codecs keep a state, so there is one of these for each burst.
"""

from __future__ import annotations

from fusioncmd.errors import BadMessage
from fusioncmd.voice.bounds import GAP_FRAMES_MAX
from fusioncmd.voice.codecs import OpusDecoder, OpusEncoder
from fusioncmd.voice.frames import CLOCK_HZ, VoiceFrame, opus_samples, silence_like
from gateways.satellite.voice_letter import Packet

THIN_BITS_PER_S = 12_000
THIN_MS = 60
THIN_SAMPLES = THIN_MS * CLOCK_HZ // 1_000
THIN_BYTES_MAX = 150  # of one packet: more than our encoder makes of any syllable; longer ones are made smaller
HELD_MAX = 2  # frames that wait for one before them; beyond, that one is lost


def is_thin(opus: bytes) -> bool:
    """It was made smaller already, at another link. Raises BadMessage."""
    return opus_samples(opus) == THIN_SAMPLES and len(opus) <= THIN_BYTES_MAX


class Thinned:
    """`sequence` is that of its first packet."""

    def __init__(self, sequence: int = 0) -> None:
        self._decoder, self._encoder = OpusDecoder(), OpusEncoder(THIN_BITS_PER_S, THIN_MS)
        self._held: dict[int, VoiceFrame] = {}
        self._next: int | None = None  # frame
        self._sequence = sequence
        self._samples = bytearray()
        self._begins = self._ends = 0  # timestamps: of the first sample that waits, and after the last frame
        self._like = b""  # a packet for one that was lost
        self.bad = 0  # frames that no decoder takes

    def put(self, frame: VoiceFrame) -> list[Packet]:
        if self._next is None:
            self._next, self._begins, self._ends = frame.sequence, frame.timestamp, frame.timestamp
        if frame.sequence < self._next:
            return []
        self._held[frame.sequence] = frame
        out: list[Packet] = []
        while self._held:
            one = self._held.pop(self._next, None)
            if one is None:
                if len(self._held) <= HELD_MAX:
                    break
                self._miss(min(self._held))
                continue
            out += self._take(one)
            self._next += 1
        return out

    def end(self) -> list[Packet]:
        """The rest, filled up with silence."""
        out: list[Packet] = []
        for sequence in sorted(self._held):
            out += self._take(self._held.pop(sequence))
        return [*out, *self._flush()]

    @property
    def ends(self) -> int:
        """The timestamp after all that was put."""
        return max(self._ends, self._begins)

    def _miss(self, following: int) -> None:
        assert self._next is not None
        missing, self._next = following - self._next, following
        if missing > GAP_FRAMES_MAX or not self._like:
            return
        for _ in range(missing):
            if self._held[following].timestamp <= self._ends:
                return
            self._add(self._decoder.decode(self._like))

    def _take(self, frame: VoiceFrame) -> list[Packet]:
        out: list[Packet] = []
        gap = frame.timestamp - self._ends
        if gap > THIN_SAMPLES:
            out += self._flush()
            self._begins = max(self._begins, frame.timestamp)
        elif gap > 0:
            self._samples += bytes(2 * gap)
        if gap > 0:
            self._ends = frame.timestamp
        try:
            lasts = opus_samples(frame.opus)
            self._add(self._decoder.decode(frame.opus)[: 2 * lasts])
            self._like = silence_like(frame.opus)
        except BadMessage:
            self.bad += 1
        while len(self._samples) >= 2 * THIN_SAMPLES:
            out.append(self._packet())
        return out

    def _add(self, samples: bytes) -> None:
        self._samples += samples
        self._ends += len(samples) // 2

    def _flush(self) -> list[Packet]:
        if not self._samples:
            return []
        self._samples += bytes(max(0, 2 * THIN_SAMPLES - len(self._samples)))
        return [self._packet()]

    def _packet(self) -> Packet:
        made = self._encoder.encode(bytes(self._samples[: 2 * THIN_SAMPLES]))
        del self._samples[: 2 * THIN_SAMPLES]
        packet = Packet(self._sequence, self._begins, b"".join(made))
        self._sequence += 1
        self._begins += THIN_SAMPLES
        return packet
