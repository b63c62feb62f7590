"""How fast an end of a link sends: at the provisioned rate, and less while the link shows that it takes less. Pure.

The line is thought of as a wire of that rate: each packet, with its IP and UDP headers, occupies it for its time, and
the next one goes when it is free. So at most one packet waits anywhere, and the modem's queue stays empty.
What a satellite link loses at random (1 to 5 %) is no reason to slow down. Two things are: a delay that grows and stays
(a queue somewhere, so less is let through than was said), and a loss far beyond what is usual on this link.

What was lost while nothing at all was heard says that the link was away, and nothing of its rate.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

HEADERS_BYTES = 28  # IPv4 and UDP
PACKET_S = 0.1  # the time on the line that a packet is cut for
PACKET_BYTES_MIN, PACKET_BYTES_MAX = 400, 1_200
SLACK_S = 0.02  # who is woken late may catch up by so much
SHARE_MIN = 0.125  # of the provisioned rate, below which it never goes
DOWN, UP = 0.8, 0.05
RAISE_AFTER_S, RAISE_EACH_S = 6.0, 2.0  # after it was lowered, and then, while there is no sign of a queue
WINDOW_S, WINDOW_PACKETS = 3.0, 50  # over which loss is looked at
LOSS_MAX = 0.18  # never a reason below: of 50 packets at 5 %, more are lost once in 4,000 windows
QUEUE_S = 0.3  # of delay above the least, and then twice a packet's time more
QUEUED_IN_A_ROW = 6
LEAST_FORGOTTEN_S = 60.0  # a least delay is of the last one to two minutes: paths change
AWAY_S = 2.0
ROUND_TRIP_S = 0.6  # until one was measured
WINDOW_ROUND_TRIPS, WINDOW_SPARE_PACKETS = 2.0, 6
PACKETS_FOR_URGENT = 4  # beyond the window


class Rate:
    """Of one direction. It is the congestion controller and the pacer of a QUIC connection (RFC 9002, 7)."""

    ssthresh = None

    def __init__(self, provisioned_bps: int) -> None:
        self.bytes_in_flight = 0
        self.urgent = False
        self.away = False  # nothing is acknowledged: what goes are probes
        self._free_s = 0.0
        self._lost_before_s = 0.0
        self.loss = 0.0
        self.provision(provisioned_bps)

    def provision(self, bps: int) -> None:
        """Another path, or another rate: what was learnt is forgotten."""
        self.provisioned_bps = bps
        self.share = 1.0
        self.round_trip_s = 0.0
        self._least_s: list[tuple[float, float]] = []
        self._queued = 0
        self._usual = 0.02
        self._acked = self._lost = 0
        self._window_began_s: float | None = None
        self._lowered_s = self._raise_s = 0.0
        self._heard_s: float | None = None

    @property
    def bps(self) -> int:
        return max(1, round(self.provisioned_bps * self.share))

    @property
    def packet_bytes(self) -> int:
        """Without IP and UDP: what takes `PACKET_S`."""
        return int(min(max(self.provisioned_bps * PACKET_S / 8 - HEADERS_BYTES, PACKET_BYTES_MIN), PACKET_BYTES_MAX))

    @property
    def free_s(self) -> float:
        """When the next packet may go."""
        return self._free_s

    def is_free(self, now_s: float) -> bool:
        return now_s >= self._free_s

    def went(self, size: int, now_s: float) -> None:
        """A datagram of `size` bytes without its headers."""
        self._free_s = max(self._free_s, now_s - SLACK_S) + self.air_s(size)

    def air_s(self, size: int) -> float:
        return (size + HEADERS_BYTES) * 8 / self.bps

    @property
    def congestion_window(self) -> int:
        """Bytes that may be unacknowledged: two round trips' worth. More for orders and voice, so that acknowledgements
        that are lost keep nobody of these waiting."""
        if self.away:
            return self.packet_bytes * (2 if self.urgent else 1)
        packets = WINDOW_SPARE_PACKETS + (PACKETS_FOR_URGENT if self.urgent else 0)
        round_trips = WINDOW_ROUND_TRIPS * max(self.round_trip_s, ROUND_TRIP_S / 2)
        return int(self.bps / 8 * round_trips) + packets * self.packet_bytes

    @congestion_window.setter
    def congestion_window(self, _: int) -> None: ...

    def on_packet_sent(self, *, packet: Any) -> None:
        self.bytes_in_flight += packet.sent_bytes

    def on_packet_acked(self, *, now: float, packet: Any) -> None:
        self.bytes_in_flight -= packet.sent_bytes
        if self._heard_s is not None and now - self._heard_s > AWAY_S:
            self._lost_before_s = now
        self._heard_s = now
        self._acked += 1
        self._look(now)

    def on_packets_expired(self, *, packets: Iterable[Any]) -> None:
        for packet in packets:
            self.bytes_in_flight -= packet.sent_bytes

    def on_packets_lost(self, *, now: float, packets: Iterable[Any]) -> None:
        for packet in packets:
            self.bytes_in_flight -= packet.sent_bytes
            self._lost += packet.sent_time >= self._lost_before_s
        self._look(now)

    def on_persistent_congestion(self) -> None: ...

    def on_rtt_measurement(self, *, now: float, rtt: float) -> None:
        self.round_trip_s = rtt if not self.round_trip_s else 0.875 * self.round_trip_s + 0.125 * rtt
        least = self._least(now, rtt)
        self._queued = self._queued + 1 if rtt > least + QUEUE_S + 2 * PACKET_S else 0
        if self._queued >= QUEUED_IN_A_ROW:
            self._queued = 0
            self._lower(now)
        elif self.share < 1 and rtt < least + QUEUE_S / 2 + PACKET_S and now >= self._raise_s:
            self.share = min(1.0, self.share + UP)
            self._raise_s = now + RAISE_EACH_S

    def get_log_data(self) -> dict[str, Any]:
        return {"cwnd": self.congestion_window, "bytes_in_flight": self.bytes_in_flight}

    def _least(self, now: float, rtt: float) -> float:
        kept = [(at, least) for at, least in self._least_s if at > now - 2 * LEAST_FORGOTTEN_S]
        if kept and kept[-1][0] > now - LEAST_FORGOTTEN_S:
            kept[-1] = kept[-1][0], min(kept[-1][1], rtt)
        else:
            kept.append((now, rtt))
        self._least_s = kept
        return min(least for _, least in kept)

    def _look(self, now: float) -> None:
        """At the end of each window: is the loss out of the usual?"""
        if self._window_began_s is None:
            self._window_began_s = now
        if now - self._window_began_s < WINDOW_S or self._acked + self._lost < WINDOW_PACKETS:
            return
        self.loss = self._lost / (self._acked + self._lost)
        self._acked = self._lost = 0
        self._window_began_s = now
        if self.loss > max(LOSS_MAX, 2 * self._usual + 0.05):
            self._lower(now)
            return
        self._usual += (self.loss - self._usual) / 8

    def _lower(self, now: float) -> None:
        """Once in a round trip: the one before must have shown by then."""
        if now - self._lowered_s > max(self.round_trip_s, ROUND_TRIP_S):
            self.share = max(SHARE_MIN, self.share * DOWN)
            self._lowered_s = now
            self._raise_s = now + RAISE_AFTER_S
