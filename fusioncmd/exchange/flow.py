"""Numbers, acknowledgements and what is on its way, for one direction of a link. Pure; time is an argument.

What was sent stands here with the work that it did, until the peer names its number or until it is late: then the work
is handed back to be done anew, with what is true by then. Nothing is ever sent again as it was. An epoch tells a
process from the one that ran before it: numbers of another one mean nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

from fusioncmd.exchange import bounds
from fusioncmd.exchange.wire import ACKED_BITS, Frame

Work = TypeVar("Work")
LATE_MS_FIRST = 3_000  # before a round trip was measured: a geostationary satellite and a queue before it
LATE_MS_MIN = 400
LATE_MS_MAX = 10_000
PATIENCE_MAX = 8
ROOM_BYTES_MIN = 1_024  # no shorter messages only because the window is nearly full


class Clock:
    """The time that passed, whatever somebody sets the clock to: back is no time, a leap forward at most a minute."""

    def __init__(self) -> None:
        self.now_ms = 0
        self._last_ms: int | None = None

    def tick(self, now_ms: int) -> int:
        if self._last_ms is not None:
            self.now_ms += min(max(now_ms - self._last_ms, 0), bounds.STEP_MS_MAX)
        self._last_ms = now_ms
        return self.now_ms


@dataclass(slots=True)
class Flight(Generic[Work]):
    size: int
    sent_ms: int
    works: list[Work]
    bulk: bool = False


class Flow(Generic[Work]):
    def __init__(self, epoch: int, window_bytes: int) -> None:
        self.epoch = epoch
        self.suit(window_bytes)
        self.heard_epoch = 0
        self.flying: OrderedDict[int, Flight[Work]] = OrderedDict()
        self.in_flight_bytes = self._bulk_bytes = self._bulk_count = 0
        self.lost = 0
        self._next, self._top = 1, 0
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._trip_ms, self._spread_ms, self._patience = 0.0, 0.0, 1
        self._strays: OrderedDict[int, None] = OrderedDict()  # came so late that the next acknowledgement misses them
        self.owes = False  # an acknowledgement
        self.owes_since_ms = 0

    def suit(
        self, window_bytes: int, reserved_bytes: int = 0, late_ms: tuple[int, int] = (LATE_MS_MIN, LATE_MS_MAX),
        bulk_late_ms: int = LATE_MS_MAX,
    ) -> None:  # fmt: skip
        """`reserved_bytes` of the window are for what is not bulk; see `Pace`."""
        self._window_bytes, self._reserved_bytes = window_bytes, reserved_bytes
        self._late_ms, self._bulk_late_ms = late_ms, bulk_late_ms

    def room(self, message_bytes: int, bulk: bool = False) -> int:
        """How long the next message may be; 0 for none now. One always goes, however narrow the window, and no more
        are on their way than one acknowledgement can name."""
        count = self._bulk_count if bulk else len(self.flying) - self._bulk_count
        if not count:
            return message_bytes
        left = self._window_bytes - (self._bulk_bytes + self._reserved_bytes if bulk else self.in_flight_bytes)
        few = self._bulk_count < ACKED_BITS // 2 if bulk else len(self.flying) < ACKED_BITS
        return min(message_bytes, left) if few and left >= min(message_bytes, ROOM_BYTES_MIN) else 0

    @property
    def late_ms(self) -> float:
        """After so long without a word, what was sent is taken for lost (RFC 6298, and twice as long each time)."""
        measured = self._trip_ms + 4 * self._spread_ms if self._trip_ms else LATE_MS_FIRST
        low, high = self._late_ms
        return min(max(measured, low) * self._patience, high)

    def number(self) -> int:
        """32 bits: more than a process sends in its life."""
        self._next += 1
        return self._next - 1

    def sent(self, seq: int, size: int, works: list[Work], now_ms: int, bulk: bool = False) -> None:
        self.flying[seq] = Flight(size, now_ms, works, bulk)
        self._count(self.flying[seq], 1)

    def _count(self, flight: Flight[Work], sign: int) -> None:
        self.in_flight_bytes += sign * flight.size
        if flight.bulk:
            self._bulk_bytes += sign * flight.size
            self._bulk_count += sign

    def heard(self, frame: Frame, now_ms: int) -> tuple[bool, bool]:
        """(says something new, comes from a peer that started anew)."""
        restarted = frame.epoch != self.heard_epoch
        if restarted:
            self.heard_epoch = frame.epoch
            self._seen.clear()
            self._strays.clear()
            self._top = 0
        if frame.heard_epoch == self.epoch and frame.acked:
            self._acknowledge(frame, now_ms)
        if not frame.seq:
            return False, restarted
        if not self.owes:
            self.owes, self.owes_since_ms = True, now_ms
        if frame.seq < self._top - ACKED_BITS:
            self._strays[frame.seq] = None
            if len(self._strays) > ACKED_BITS:
                self._strays.popitem(last=False)
        if frame.seq in self._seen:
            return False, restarted
        self._seen[frame.seq] = None
        self._top = max(self._top, frame.seq)
        if len(self._seen) > bounds.SEEN_MAX:
            self._seen.popitem(last=False)
        return True, restarted

    def acks(self) -> tuple[int, int]:
        """For the next frame: the highest number that came, and which of those before it; or one that is too far behind
        it, as of bulk that was overtaken."""
        top = self._strays.popitem()[0] if self._strays else self._top
        self.owes = bool(self._strays) or top != self._top
        came = (1 << back for back in range(ACKED_BITS) if top - 1 - back in self._seen)
        return top, sum(came)

    def _acknowledge(self, frame: Frame, now_ms: int) -> None:
        if (flight := self._land(frame.acked)) is not None and not flight.bulk:
            self._measure(float(max(now_ms - flight.sent_ms, 1)))
        for back in range(ACKED_BITS):
            if frame.earlier >> back & 1:
                self._land(frame.acked - 1 - back)

    def _land(self, seq: int) -> Flight[Work] | None:
        flight = self.flying.pop(seq, None)
        if flight is not None:
            self._count(flight, -1)
            self._patience = 1
        return flight

    def _measure(self, trip_ms: float) -> None:
        """Only by the newest number that came: older ones may have been named before, in what was lost."""
        if not self._trip_ms:
            self._trip_ms, self._spread_ms = trip_ms, trip_ms / 2
        self._spread_ms += (abs(trip_ms - self._trip_ms) - self._spread_ms) / 4
        self._trip_ms += (trip_ms - self._trip_ms) / 8

    def late(self, now_ms: int) -> list[Work]:
        """The work of whatever is overdue, which flies no longer."""
        late_ms = self.late_ms, self._bulk_late_ms
        overdue = [seq for seq, flight in self.flying.items() if now_ms - flight.sent_ms >= late_ms[flight.bulk]]
        if overdue:
            self._patience = min(self._patience * 2, PATIENCE_MAX)
            self.lost += len(overdue)
        return [work for seq in overdue for work in self._forget(seq)]

    def _forget(self, seq: int) -> list[Work]:
        flight = self.flying.pop(seq)
        self._count(flight, -1)
        return flight.works

    def drop(self) -> None:
        """The link is cut: nothing is on its way any more."""
        self.flying.clear()
        self.in_flight_bytes = self._bulk_bytes = self._bulk_count = 0
        self._patience = 1
