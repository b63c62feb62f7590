"""How a QUIC connection lives through outages: what is probed how often, and what goes first when the link is back.

RFC 9002 doubles the wait between probes; after an hour's outage the next one would come an hour later. Here it is
bounded (`PROBE_S`), and a probe says anew what is not acknowledged, in the order of classes. So the first packet that
comes through after an outage carries the most urgent. What is said twice may be acknowledged twice: `Sender` takes it.
In an outage that lasts, probes are short and frequent, and what waits goes with one of them now and then, if urgent.
"""

from __future__ import annotations

from typing import Any, cast

from aioquic.quic.connection import QuicConnection
from aioquic.quic.packet_builder import QuicDeliveryState, QuicSentPacket
from aioquic.quic.rangeset import RangeSet
from aioquic.quic.recovery import QuicPacketRecovery, QuicPacketSpace
from aioquic.quic.stream import QuicStreamSender

from gateways.satellite.rate import Rate

PROBE_S, URGENT_PROBE_S = 1.0, 0.45  # between probes that nothing answers; the second while something urgent waits
AWAY_S, AWAY_PROBE_S = 3.0, 0.225  # without an acknowledgement for so long, a short probe each so often
SPREAD_S = 0.15  # a round trip may last longer than usual by so much before anything is probed
URGENT_SPREAD_S = 0.4  # and no more than so, while something urgent waits: who says little knows little of the spread
ACK_S = 0.1  # that an acknowledgement waits for others: at 512 kbit/s one each packet is half of 64 kbit/s back
DOUBLINGS_MAX = 8
UNACKED_PACKETS_MAX = 64  # remembered; of what is older, nobody waits for an acknowledgement


class Sender(QuicStreamSender):
    """Bytes of a stream may be said again while an acknowledgement of the first time may still come."""

    def on_data_delivery(self, delivery: QuicDeliveryState, start: int, stop: int, fin: bool) -> None:
        start = max(start, self._buffer_start)
        if stop <= start:
            return
        if delivery is QuicDeliveryState.ACKED:
            super().on_data_delivery(delivery, start, stop, False)
            self._pending.subtract(start, stop)
            return
        missing = RangeSet([range(start, stop)])
        for known in self._acked:
            missing.subtract(known.start, known.stop)
        for part in missing:
            super().on_data_delivery(delivery, part.start, part.stop, False)

    def on_late_delivery(self, delivery: QuicDeliveryState, start: int, stop: int, fin: bool) -> None:
        """Of bytes that were given up for lost before."""
        if delivery is QuicDeliveryState.ACKED:
            self.on_data_delivery(delivery, start, stop, fin)

    @property
    def waiting_bytes(self) -> int:
        """Written, and not sent or lost."""
        return sum(len(part) for part in self._pending)

    @property
    def acked(self) -> int:
        """All bytes up to there came."""
        return self._buffer_start


class Recovery(QuicPacketRecovery):
    def __init__(self, connection: QuicConnection, rate: Rate, initial_round_trip_s: float, is_kit: bool) -> None:
        super().__init__(
            congestion_control_algorithm="reno",
            initial_rtt=initial_round_trip_s,
            max_datagram_size=1_200,
            peer_completed_address_validation=not is_kit,
            send_probe=connection._send_probe,
            logger=connection._logger,
        )
        self._cc = cast(Any, rate)
        self.rate = rate
        self.acked_s: float | None = None  # when the other end last acknowledged something

    @property
    def max_ack_delay(self) -> float:
        """Both ends wait so long, whatever aioquic writes into its transport parameters."""
        return ACK_S

    @max_ack_delay.setter
    def max_ack_delay(self, _: float) -> None: ...

    @property
    def long_away(self) -> bool:
        """Nothing is acknowledged, since `AWAY_S` before it was last probed."""
        last_s = float(self._time_of_last_sent_ack_eliciting_packet)
        return self.rate.away and self.acked_s is not None and last_s - self.acked_s > AWAY_S

    def forget_round_trip(self) -> None:
        """On another path."""
        self._rtt_initialized, self._rtt_min, self._pto_count = False, float("inf"), 0

    def get_probe_timeout(self, *, include_max_ack_delay: bool = True) -> float:
        found = float(super().get_probe_timeout(include_max_ack_delay=include_max_ack_delay))
        if not self._rtt_initialized:
            return found
        if self.rate.urgent:
            found = min(found, self._rtt_smoothed + URGENT_SPREAD_S)
        return max(found, self._rtt_smoothed + SPREAD_S)

    def get_loss_detection_time(self, *, amplification_limited: bool) -> float | None:
        space = self._get_loss_space()
        if space is not None:
            return space.loss_time
        if amplification_limited or not self._time_of_last_sent_ack_eliciting_packet:
            return None
        flying = sum(
            space.ack_eliciting_in_flight
            for space in self.spaces
            if self.handshake_confirmed or not space.is_application_data
        )
        if self.peer_completed_address_validation and not flying:
            return None
        wait_s = self.get_probe_timeout(include_max_ack_delay=self.handshake_confirmed)
        if self._pto_count:
            bound_s = URGENT_PROBE_S if self.rate.urgent and self.handshake_confirmed else PROBE_S
            bound_s = AWAY_PROBE_S if self.long_away else bound_s
            wait_s = min(wait_s * 2 ** min(self._pto_count, DOUBLINGS_MAX), bound_s)
        return float(self._time_of_last_sent_ack_eliciting_packet) + wait_s

    def on_ack_received(self, *, ack_rangeset: Any, ack_delay: float, now: float, space: QuicPacketSpace) -> None:
        known = len(space.sent_packets)
        super().on_ack_received(ack_rangeset=ack_rangeset, ack_delay=ack_delay, now=now, space=space)
        if len(space.sent_packets) < known:
            self.acked_s, self.rate.away = now, False

    def reschedule_data(self, *, now: float, speed_up_handshake: bool = False) -> None:
        if not self.handshake_confirmed or speed_up_handshake:
            super().reschedule_data(now=now, speed_up_handshake=speed_up_handshake)
            return
        self.rate.away = True
        self.give_up()
        self._send_probe()

    def give_up(self) -> None:
        """All that is not acknowledged is to be said again; an acknowledgement that comes yet is taken."""
        for space in self.spaces:
            if not space.is_application_data:
                continue
            for packet in space.sent_packets.values():
                self._give_up(packet, space)
            for number in list(space.sent_packets)[:-UNACKED_PACKETS_MAX]:
                del space.sent_packets[number]

    def _give_up(self, packet: QuicSentPacket, space: QuicPacketSpace) -> None:
        if not packet.in_flight:  # an acknowledgement alone, or given up before
            return
        handlers, packet.delivery_handlers = packet.delivery_handlers, []
        for handler, args in handlers:
            handler(QuicDeliveryState.LOST, *args)
            sender = getattr(handler, "__self__", None)
            if isinstance(sender, Sender):
                packet.delivery_handlers.append((sender.on_late_delivery, args))
        if packet.is_ack_eliciting:
            space.ack_eliciting_in_flight -= 1
            packet.is_ack_eliciting = False
        self.rate.on_packets_expired(packets=(packet,))
        packet.in_flight = False
