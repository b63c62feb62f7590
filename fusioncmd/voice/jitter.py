"""A jitter buffer: packets in as they arrive, sound out in order and on time. Pure.

Only as deep as the network needs, and JITTER_MS_MAX at most. What comes after its time is dropped and counted, what
does not come is marked, so that a decoder conceals it.
"""

from __future__ import annotations

from typing import NamedTuple

from fusioncmd.voice.bounds import GAP_FRAMES_MAX, JITTER_FRAMES_MAX, JITTER_MS_MAX

START_MS = 20.0  # of the first burst, before anything is known of the network
_DEPTH = 4  # times the mean deviation: what nearly every packet keeps to


class Frame(NamedTuple):
    """`data` is None for what was lost: it has to be concealed. `timestamp` and `samples` are in samples."""

    data: bytes | None
    timestamp: int
    samples: int


class JitterBuffer:
    """`per_ms` is the clock of timestamps. Sequences and timestamps are counted on (`rtp.Unrolled`)."""

    def __init__(self, per_ms: int) -> None:
        self._per_ms = per_ms
        self._held: dict[int, Frame] = {}
        self._next: int | None = None  # sequence
        self._base_ms = 0.0  # from media time to when it is played
        self._fastest_ms = 0.0  # from media time to arrival, of the quickest packet
        self._transit_ms = 0.0
        self._deviation_ms = START_MS / _DEPTH  # RFC 3550, clause 6.4.1: interarrival jitter
        self._last = Frame(None, 0, 20 * per_ms)
        self.late = self.lost = self.doubled = self.shed = 0  # packets

    @property
    def delay_ms(self) -> float:
        """What it adds to the quickest packet."""
        return self._base_ms - self._fastest_ms

    def put(self, sequence: int, timestamp: int, samples: int, data: bytes, now_ms: float) -> None:
        transit_ms = now_ms - timestamp / self._per_ms
        if self._next is None:
            self._next, self._fastest_ms, self._transit_ms = sequence, transit_ms, transit_ms
            self._base_ms = transit_ms + min(JITTER_MS_MAX, _DEPTH * self._deviation_ms)
        self._deviation_ms += (abs(transit_ms - self._transit_ms) - self._deviation_ms) / 16
        self._transit_ms = transit_ms
        self._fastest_ms = min(self._fastest_ms, transit_ms)
        if sequence < self._next:
            self.late += 1
        elif sequence in self._held:
            self.doubled += 1
        else:
            self._held[sequence] = Frame(data, timestamp, samples)
            if len(self._held) > JITTER_FRAMES_MAX:
                self._skip_to(min(self._held))
                del self._held[self._next]
                self._next += 1
                self.shed += 1
        # Late packets make it deeper at once, up to its bound; it becomes shallower when the next burst begins.
        self._base_ms = max(self._base_ms, min(transit_ms, self._fastest_ms + JITTER_MS_MAX))
        self._base_ms = min(self._base_ms, self._fastest_ms + JITTER_MS_MAX)

    def take(self, now_ms: float) -> list[Frame]:
        """What is due. To be called each few milliseconds; how often is how late it comes."""
        out: list[Frame] = []
        while self._held and self._next is not None:
            frame = self._held.get(self._next)
            if frame is None:
                frame = self._missing(now_ms)
                if frame is None:
                    break
            elif frame.timestamp / self._per_ms + self._base_ms > now_ms:
                break
            else:
                del self._held[self._next]
            out.append(frame)
            self._last = frame
            self._next += 1
        return out

    def due_ms(self) -> float | None:
        """When the next frame is; None: nothing is held."""
        if not self._held or self._next is None:
            return None
        return self._held[min(self._held)].timestamp / self._per_ms + self._base_ms

    def end(self) -> list[Frame]:
        """The rest, at once: the burst is over. What is known of the network stays."""
        out = [self._held[sequence] for sequence in sorted(self._held)]
        self._held.clear()
        self._next = None
        return out

    def _missing(self, now_ms: float) -> Frame | None:
        """In the place of the next one, once what follows it is due."""
        assert self._next is not None
        following = min(self._held)
        if self._held[following].timestamp / self._per_ms + self._base_ms > now_ms:
            return None
        if following - self._next > GAP_FRAMES_MAX:
            self._skip_to(following)
            return self._held.pop(following)
        self.lost += 1
        return Frame(None, self._last.timestamp + self._last.samples, self._last.samples)

    def _skip_to(self, sequence: int) -> None:
        assert self._next is not None
        self.lost += sequence - self._next
        self._next = sequence
