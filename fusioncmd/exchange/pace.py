"""What a link is given: how long its messages may be, how much may be on its way, and when to compare again. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from fusioncmd.exchange import bounds


@dataclass(frozen=True, slots=True)
class Pace:
    message_bytes: int = bounds.MESSAGE_BYTES
    in_flight_bytes: int = bounds.IN_FLIGHT_BYTES
    quiet_ms: int = 1_000  # nothing moved for so long: digests mean something again
    repair_ms: int = 3_000  # between rounds while the peers differ
    repair_ms_max: int = 10_000  # when they go on to differ: something is refused, or too long for this pipe
    agreed_ms: int = 20_000  # between rounds while they agree
    probe_ms: int = 4_000  # between rounds while the peer is not heard
    insist_ms: int = 60_000  # a round, however much moves
    silent_ms: int = 15_000  # so long unheard, with something on its way: the peer is taken for cut off
    parts: int = 32  # into which a range that differs is cut
    listed_max: int = bounds.LISTED_MAX  # a range of so many is listed instead

    def __post_init__(self) -> None:
        assert bounds.MESSAGE_BYTES_MIN <= self.message_bytes <= bounds.MESSAGE_BYTES_MAX


class Rounds:
    """When the lower end of a link, or one that hears nothing of the other, compares digests again. `jitter` is a
    number from 0 to 1."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self.at_ms = 0
        self._begun_ms = 0
        self._wait_ms = pace.repair_ms
        self._same = False  # as the last round found

    def now(self, now_ms: int) -> None:
        """The peer is there, or there again: whatever moves, compare."""
        self.at_ms, self._begun_ms = now_ms, now_ms - self._pace.insist_ms
        self._wait_ms = self._pace.repair_ms

    def probe(self, now_ms: int) -> None:
        """The peer fell silent."""
        self.at_ms = min(self.at_ms, now_ms + self._pace.probe_ms)

    def due(self, now_ms: int, idle: bool) -> bool:
        return now_ms >= self.at_ms and (idle or self.insists(now_ms))

    def insists(self, now_ms: int) -> bool:
        return now_ms - self._begun_ms >= self._pace.insist_ms

    def begin(self, now_ms: int, jitter: float, silent: bool) -> None:
        """Rounds that bring nothing come less and less often; to a silent peer they are how its return is noticed."""
        self._begun_ms, self._same = now_ms, False
        if silent:
            self.at_ms = now_ms + int(self._pace.probe_ms * (0.75 + jitter / 2))
            return
        self.at_ms = now_ms + int(self._wait_ms * (0.75 + jitter / 2))
        self._wait_ms = min(self._wait_ms * 2, self._pace.repair_ms_max)

    def agreed(self, now_ms: int, jitter: float) -> None:
        self._wait_ms, self._same = self._pace.repair_ms, True
        self.at_ms = now_ms + int(self._pace.agreed_ms * (0.75 + jitter / 2))

    def moved(self, now_ms: int) -> None:
        """An item came: if by a round, it was worth it, and the next shows whether that was all."""
        self._wait_ms = self._pace.repair_ms
        if not self._same:
            self.soon(now_ms)

    def soon(self, now_ms: int) -> None:
        """Something could not be taken yet, or never will be."""
        self.at_ms = min(self.at_ms, now_ms + self._wait_ms)
