"""What a link is given: how long its messages may be, how much may be on its way, and when to compare again. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from fusioncmd.exchange import bounds
from fusioncmd.exchange.flow import LATE_MS_MAX, LATE_MS_MIN

SATELLITE_TRIP_S, ACK_S = 0.6, 0.4
RATE_BPS_MIN, RATE_BPS_MAX = 8_000, 8_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    message_bytes: int = bounds.MESSAGE_BYTES
    in_flight_bytes: int = bounds.IN_FLIGHT_BYTES
    quiet_ms: int = 1_000  # nothing moved for so long: digests mean something again
    repair_ms: int = 3_000  # between rounds while the peers differ
    repair_ms_max: int = 10_000  # when they go on to differ: something is refused, or too long for this pipe
    agreed_ms: int = 20_000  # between rounds while they agree
    agreed_ms_max: int = 20_000  # when nothing moves: twice as long each time, up to this
    probe_ms: int = 4_000  # between rounds while the peer is not heard
    insist_ms: int = 60_000  # a round, however much moves
    silent_ms: int = 15_000  # so long unheard, with something on its way: the peer is taken for cut off
    parts: int = 32  # into which a range that differs is cut
    listed_max: int = bounds.LISTED_MAX  # a range of so many is listed instead
    reserved_bytes: int = 0  # of `in_flight_bytes`, for what is urgent; then a message is urgent, or bulk, and not both
    late_ms: tuple[int, int] = (LATE_MS_MIN, LATE_MS_MAX)  # said again, at the earliest and at the latest
    bulk_late_ms: int = LATE_MS_MAX  # bulk, which may wait behind everything else; where there is some reserved
    ack_ms: int = 0  # so long an acknowledgement waits for something to go with
    orders_kept_max: int = 0  # that came while the pipe was cut, and are said before anything is compared; shed, oldest

    def __post_init__(self) -> None:
        assert bounds.MESSAGE_BYTES_MIN <= self.message_bytes <= bounds.MESSAGE_BYTES_MAX
        assert self.in_flight_bytes >= self.reserved_bytes and self.agreed_ms <= self.agreed_ms_max


def thin(rate_bps: int) -> Pace:
    """For a link over a satellite that takes `rate_bps` of everything: its pipe loses nothing while it is up and tells
    when it is cut, so what is on its way is waited for, and rounds are rare. A message lasts 0.4 s. Of bulk so much is
    on its way as goes in two round trips with their acknowledgement, and as much again has room that is urgent."""
    bytes_per_s = min(max(rate_bps, RATE_BPS_MIN), RATE_BPS_MAX) // 8
    window = max(int(bytes_per_s * 2 * (SATELLITE_TRIP_S + ACK_S)), 4 * bounds.MESSAGE_BYTES_THIN_MIN)
    message = min(max(int(bytes_per_s * 0.4), bounds.MESSAGE_BYTES_THIN_MIN), bounds.MESSAGE_BYTES)
    return Pace(
        message_bytes=message, in_flight_bytes=2 * window, reserved_bytes=window,
        quiet_ms=3_000, repair_ms=6_000, repair_ms_max=60_000, agreed_ms=60_000, agreed_ms_max=3_600_000,
        probe_ms=60_000, insist_ms=300_000, silent_ms=300_000, listed_max=128,
        late_ms=(8_000, 60_000), bulk_late_ms=240_000, ack_ms=int(ACK_S * 1000), orders_kept_max=32,
    )  # fmt: skip


class Rounds:
    """When the lower end of a link, or one that hears nothing of the other, compares digests again. `jitter` is a
    number from 0 to 1."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self.at_ms = 0
        self._begun_ms = 0
        self._wait_ms = pace.repair_ms
        self._agreed_wait_ms = pace.agreed_ms
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
        self.at_ms = now_ms + int(self._agreed_wait_ms * (0.75 + jitter / 2))
        self._agreed_wait_ms = min(self._agreed_wait_ms * 2, self._pace.agreed_ms_max)

    def stirred(self, now_ms: int) -> None:
        """Something was said, either way: whether it came to the same is seen soon, and not after a long quiet."""
        if self._agreed_wait_ms > self._pace.agreed_ms:
            self._agreed_wait_ms = self._pace.agreed_ms
            self.at_ms = min(self.at_ms, now_ms + self._pace.agreed_ms)

    def suit(self, pace: Pace) -> None:
        self._pace, self._wait_ms, self._agreed_wait_ms = pace, pace.repair_ms, pace.agreed_ms

    def moved(self, now_ms: int) -> None:
        """An item came: if by a round, it was worth it, and the next shows whether that was all."""
        self._wait_ms = self._pace.repair_ms
        if not self._same:
            self.soon(now_ms)

    def soon(self, now_ms: int) -> None:
        """Something could not be taken yet, or never will be."""
        self.at_ms = min(self.at_ms, now_ms + self._wait_ms)
