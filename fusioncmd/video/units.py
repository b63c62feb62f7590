"""From packets of a source to its frames: in their order, whole, and with what is missing said. Pure.

Packets that come late (asked for again) are waited for, as long as `WAIT_MS` and as many as `WAITING_MAX` say. A frame
with a part missing is none, and counts as a gap before the next one.
"""

from __future__ import annotations

from typing import NamedTuple

from fusioncmd.video.bounds import WAIT_MS, WAITING_MAX
from fusioncmd.video.codecs import BEGINS_FRAME, FRAME
from fusioncmd.video.packet import Unrolled, read

FRAME_PACKETS_MAX = 4_096  # of one frame; shed
_JUMP = 3_000  # sequence numbers: what is further off is a source that began anew


class Unit(NamedTuple):
    """An access unit in Annex B, a VP8 frame or an Opus packet. `timestamp` is that of RTP, counted on when it goes
    round. `lost`: packets that were missing, or in frames that were not whole, since the last unit. `at_ms`: when it
    was whole."""

    timestamp: int
    keyframe: bool
    data: bytes
    lost: int
    at_ms: float


class _Waiting(NamedTuple):
    data: bytes
    at_ms: float


class Depacketiser:
    """Of one SSRC; `codec` as in `source.Track`."""

    def __init__(self, codec: str) -> None:
        self._frame, self._begins = FRAME[codec], BEGINS_FRAME[codec]
        self._sequences, self._stamps = Unrolled(16), Unrolled(32)
        self._next: int | None = None
        self._first: int | None = None  # timestamp
        self._waiting: dict[int, _Waiting] = {}
        self._parts: list[bytes] = []
        self._stamp = 0
        self._whole = True  # nothing is missing in `_parts`, or right before them
        self._lost = 0
        self._marks = False  # whether the last packet of a frame says so
        self._at_ms = 0.0
        self.late = self.doubled = 0  # packets

    def put(self, data: bytes, now_ms: float) -> list[Unit]:
        """What is whole by then. Raises BadMessage for what is not RTP."""
        header = read(data)
        out: list[Unit] = []
        sequence = self._sequences.count(header.sequence)
        if self._next is None:
            self._next = sequence
        elif abs(sequence - self._next) > _JUMP:
            out += self.flush()
            self._sequences = Unrolled(16)
            self._next = sequence = self._sequences.count(header.sequence)
            self._whole = False
        if sequence < self._next:
            self.late += 1
        elif sequence in self._waiting:
            self.doubled += 1
        else:
            self._waiting[sequence] = _Waiting(data, now_ms)
        return out + self.tick(now_ms)

    def tick(self, now_ms: float) -> list[Unit]:
        """What is whole, or given up, by then."""
        out: list[Unit] = []
        while self._waiting and self._next is not None:
            if self._next not in self._waiting:
                first = min(self._waiting)
                if len(self._waiting) < WAITING_MAX and now_ms - self._waiting[first].at_ms < WAIT_MS:
                    break
                self._gap(first - self._next)
                self._next = first
            data, at_ms = self._waiting.pop(self._next)
            self._next += 1
            self._take(data, at_ms, out)
        return out

    def flush(self) -> list[Unit]:
        """All that is whole, when no more comes; what is missing is not waited for."""
        out: list[Unit] = []
        for sequence in sorted(self._waiting):
            if self._next is not None and sequence > self._next:
                self._gap(sequence - self._next)
            self._next = sequence + 1
            data, at_ms = self._waiting.pop(sequence)
            self._take(data, at_ms, out)
        self._unmarked(out, self._at_ms)
        return out

    def _gap(self, packets: int) -> None:
        self._lost += packets + len(self._parts)
        self._parts.clear()
        self._whole = False

    def _take(self, data: bytes, at_ms: float, out: list[Unit]) -> None:
        header = read(data)
        self._at_ms = at_ms
        if header.begin == header.end:
            return
        if self._first is None:
            self._first = header.timestamp
        stamp = self._first + self._stamps.count(header.timestamp)
        if self._parts and stamp != self._stamp:
            self._unmarked(out, at_ms)
        self._stamp = stamp
        if not self._whole:
            if not self._begins(data, header.begin, header.end):
                self._lost += 1
                return
            self._whole = True
        self._parts.append(data[header.begin : header.end])
        if header.marker:
            self._marks = True
            self._end(out, at_ms)
        elif len(self._parts) >= FRAME_PACKETS_MAX:
            self._gap(0)

    def _unmarked(self, out: list[Unit], at_ms: float) -> None:
        """Its last packet did not say that it is that: it did not come, where that is the custom of this source."""
        if self._marks:
            self._gap(0)
            self._whole = True  # up to here
        self._end(out, at_ms)

    def _end(self, out: list[Unit], at_ms: float) -> None:
        if not self._parts:
            return
        made = self._frame(self._parts)
        if made is None:
            self._lost += len(self._parts)
        else:
            out.append(Unit(self._stamp, made[1], made[0], self._lost, at_ms))
            self._lost = 0
        self._parts = []
