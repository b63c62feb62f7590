"""One direction of a link: packets and their times in, packets and their times out. Pure; times are in nanoseconds.

A packet waits for the line (a token bucket), is on the air, and comes. What the line does to it:

- *unordered* flows (UDP): what is lost, what goes while the line is cut and what finds the queue full never comes;
  jitter may reorder;
- *ordered* flows (TCP) lose nothing: what a cut or a loss takes goes again after the retransmission timeout, doubled
  each time (RFC 6298), and until then its flow stands. After a long cut that can take as long again, as it does in
  life. While nothing comes back (one-way cut), a window's worth goes on, then the flow stands as well.

Not shaped: the congestion window of a sender, and headers, unless the profile has them.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterable

from loadtest.link.packets import TCP_HEADER_BYTES, UDP_HEADER_BYTES, Counters, Flow, Packet, Payload, Profile
from loadtest.link.quantities import MS, S
from loadtest.link.schedule import Change

FLYING_BYTES_MAX = 16 * 1024 * 1024  # on the air, per direction; UDP beyond is shed, TCP waits
WINDOW_BYTES = 64 * 1024  # of a flow, while nothing is acknowledged
RETRY_NS_MIN = 200 * MS  # Linux: what is above the round trip
RETRY_NS_MAX = 120 * S
DOUBLINGS_MAX = 40
LOSSES_MAX = 32  # of one packet in a row


class Line:
    def __init__(
        self,
        profile: Profile,
        changes: Iterable[Change] = (),
        retry_ns: int = RETRY_NS_MIN,
        retry_ns_max: int = RETRY_NS_MAX,
    ) -> None:
        self.profile, self.counters = profile, Counters()
        self.cut, self.deaf = False, False
        self.waiting_bytes = self.flying_bytes = 0
        self._changes = deque(changes)
        self._retry_ns, self._retry_ns_max = retry_ns, retry_ns_max
        self._full_ns = 0  # when the token bucket is full
        self._heads: list[tuple[int, int, Flow]] = []  # one entry for each flow that waits: since when it may go
        self._flying: list[tuple[int, int, Flow, Packet]] = []
        self._serial = 0
        self._silence = 0

    def offer(self, now_ns: int, flow: Flow, payload: Payload) -> None:
        self._settle(now_ns)
        size = len(payload) if isinstance(payload, bytes) else 0
        if self.profile.headers:
            size += TCP_HEADER_BYTES if flow.ordered else UDP_HEADER_BYTES
        counters, packet = self.counters, self._packet(now_ns, flow, payload, size)
        counters.packets += 1
        counters.bytes += size
        if not flow.ordered and (
            self.waiting_bytes + size > self.profile.queue_bytes or self.flying_bytes + size > FLYING_BYTES_MAX
        ):
            counters.overflowed += 1
            return
        flow.waiting.append(packet)
        flow.waiting_bytes += size
        self.waiting_bytes += size
        if len(flow.waiting) == 1:
            self._line_up(now_ns, flow)
        self._settle(now_ns)
        counters.waiting_bytes_max = max(counters.waiting_bytes_max, self.waiting_bytes)

    def switch(self, change: Change) -> None:
        """A change that no schedule foresaw. Those of the schedule come all the same."""
        self._settle(change.at_ns)
        self._turn(change)

    def advance(self, now_ns: int) -> list[tuple[Flow, Payload]]:
        """What has come by `now_ns`, in order."""
        self._settle(now_ns)
        come: list[tuple[Flow, Payload]] = []
        while self._flying and self._flying[0][0] <= now_ns:
            _, _, flow, packet = heapq.heappop(self._flying)
            flow.flying_bytes -= packet.size
            self.flying_bytes -= packet.size
            self.counters.carried_packets += 1
            self.counters.carried_bytes += packet.size
            come.append((flow, packet.payload))
        return come

    def next_ns(self) -> int | None:
        """When `advance` has something to do."""
        times = [self._changes[0].at_ns] if self._changes else []
        if self._flying:
            times.append(self._flying[0][0])
        departs_ns = self._departs_ns()
        return min(times if departs_ns is None else [*times, departs_ns], default=None)

    def abandon(self, flow: Flow) -> None:
        """What still waits is not sent. What is on the air comes."""
        self.counters.abandoned += len(flow.waiting)
        self.waiting_bytes -= flow.waiting_bytes
        flow.waiting.clear()
        flow.waiting_bytes = 0

    def _packet(self, now_ns: int, flow: Flow, payload: Payload, size: int) -> Packet:
        """Its fate is drawn before anything is known of the line, so that the nth packet's is the seed's alone."""
        luck, spread = 1.0 - flow.chance(), flow.chance()
        loss = self.profile.loss
        losses = min(LOSSES_MAX, int(math.log(luck) / math.log(loss))) if loss else 0
        return Packet(now_ns, payload, size, losses, round((2 * spread - 1) * self.profile.jitter_ns))

    def _settle(self, now_ns: int) -> None:
        """All departures and changes up to now, each at its time, however late this is called."""
        while True:
            departs_ns = self._departs_ns()
            change_ns = self._changes[0].at_ns if self._changes else None
            if departs_ns is not None and departs_ns <= now_ns and (change_ns is None or departs_ns <= change_ns):
                self._depart(departs_ns)
            elif change_ns is not None and change_ns <= now_ns:
                self._turn(self._changes.popleft())
            else:
                return

    def _turn(self, change: Change) -> None:
        if change.cut is not None:
            self.counters.cuts += change.cut and not self.cut
            self.cut = change.cut
        if change.deaf is not None:
            self._silence += change.deaf and not self.deaf
            self.deaf = change.deaf

    def _line_up(self, ready_ns: int, flow: Flow) -> None:
        self._serial += 1
        heapq.heappush(self._heads, (ready_ns, self._serial, flow))

    def _air_ns(self, size: int) -> int:
        return 0 if self.profile.rate_bps is None else size * 8 * S // self.profile.rate_bps

    def _departs_ns(self) -> int | None:
        while self._heads and not self._heads[0][2].waiting:
            heapq.heappop(self._heads)  # abandoned
        if not self._heads:
            return None
        ready_ns, _, flow = self._heads[0]
        full_ns = max(self._full_ns, ready_ns) + self._air_ns(flow.waiting[0].size)
        return max(ready_ns, full_ns - self._air_ns(self.profile.burst_bytes))

    def _depart(self, departs_ns: int) -> None:
        ready_ns, _, flow = heapq.heappop(self._heads)
        packet = flow.waiting[0]
        self._full_ns = max(self._full_ns, ready_ns) + self._air_ns(packet.size)
        self.counters.line_bytes += packet.size
        lost = self.cut or packet.losses > 0
        if flow.ordered and (lost or self._unheard(flow, packet.size)):
            packet.losses -= packet.losses > 0 and not self.cut
            self._again(departs_ns, flow)
            return
        flow.waiting.popleft()
        flow.waiting_bytes -= packet.size
        self.waiting_bytes -= packet.size
        flow.tries = 0
        if lost:
            self.counters.cut_off += self.cut
            self.counters.lost += not self.cut
        else:
            self._fly(departs_ns, flow, packet)
        if flow.waiting:
            self._line_up(max(departs_ns, flow.waiting[0].offered_ns), flow)

    def _fly(self, departs_ns: int, flow: Flow, packet: Packet) -> None:
        arrives_ns = departs_ns + self.profile.delay_ns + packet.jitter_ns
        if flow.ordered:
            arrives_ns = flow.arrives_ns = max(arrives_ns, flow.arrives_ns)
        flow.flying_bytes += packet.size
        self.flying_bytes += packet.size
        self._serial += 1
        heapq.heappush(self._flying, (arrives_ns, self._serial, flow, packet))

    def _again(self, departs_ns: int, flow: Flow) -> None:
        wait_ns = min(self._retry_ns << min(flow.tries, DOUBLINGS_MAX), self._retry_ns_max)
        flow.tries += 1
        self.counters.repeated += 1
        self._line_up(departs_ns + wait_ns, flow)

    def _unheard(self, flow: Flow, size: int) -> bool:
        """Whether an ordered flow stands because nothing is acknowledged."""
        if not self.deaf:
            return False
        if flow.silence != self._silence:
            flow.silence, flow.unheard = self._silence, 0
        if flow.unheard + size > WINDOW_BYTES:
            return True
        flow.unheard += size
        return False
