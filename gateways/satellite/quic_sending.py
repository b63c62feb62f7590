"""What one connection of a link sends, and when: each packet is made when the line is free for it, from what then goes
first (`turns.py`, `rate.py`). An acknowledgement waits for the packet that goes next anyhow.
"""

from __future__ import annotations

from typing import Any, cast

from aioquic.quic.connection import QuicConnectionState
from aioquic.tls import Epoch

from gateways.satellite.classes import Class
from gateways.satellite.quic_connection import Connection
from gateways.satellite.quic_recovery import URGENT_PROBE_S, Sender
from gateways.satellite.rate import HEADERS_BYTES, PACKET_BYTES_MAX, Rate
from gateways.satellite.turns import DATAGRAM_FRAME_BYTES, STREAMED, Turns
from gateways.satellite.wire import Address

PACKET_OVERHEAD_BYTES = 1 + 8 + 4 + 16  # first byte, connection id, number, tag of the cipher
ACK_BYTES = 24  # that an acknowledgement takes of a packet, as a rule
AGAIN_S = 0.02  # until something is tried again that found no way out
PACKETS_AT_ONCE_MAX = 32  # of a handshake
KEY_PACKETS_MAX = 1 << 20  # under one key; AES-GCM holds for 2^23 (RFC 9001, 6.6)
ASK_BYTES = 300  # of what asks on another way
SHORT_BYTES = 48  # of a probe in an outage
ACK_ROOM_BYTES = 64  # that aioquic wants to be left for an acknowledgement
WHOLE_S = 0.2  # after one that is not, another packet may go: of what is urgent
HELLOS = len(STREAMED)  # the stream of hellos comes after those of the classes


class Sending:
    """`turns` and `rate` belong to the end that holds it. `feeds`: whether letters are taken from `turns` at all."""

    def __init__(self, connection: Connection, turns: Turns, rate: Rate) -> None:
        self.connection, self.turns, self.rate = connection, turns, rate
        self.is_kit = bool(connection.configuration.is_client)
        self.feeds = True
        self.complete = self.ended = False
        self.asked_s: float | None = None  # since when something waits for an acknowledgement, and none came at all
        self.sent_wire_bytes = 0
        self._senders: dict[int, Sender] = {}
        self._hellos = bytearray()
        self._not_before_s = self._whole_s = 0.0
        self._is_open = self._asks = False
        self._packets = 0  # under the key that is used now
        connection.recovery._pacer = cast(Any, self)

    # what aioquic asks its pacer:

    def next_send_time(self, now: float) -> float | None:
        """One packet for each time that it is asked for datagrams."""
        return None if self._is_open else now + AGAIN_S

    def update_after_send(self, now: float) -> None:
        self._is_open = False

    def update_rate(self, congestion_window: int, smoothed_rtt: float) -> None: ...

    def transmit(self, now_s: float) -> list[tuple[bytes, Address]]:
        """All datagrams that may go now; after each `receive`, `due` and whenever something was said."""
        if self.ended or self.connection._state is QuicConnectionState.TERMINATED:
            return []
        out: list[tuple[bytes, Address]] = []
        for _ in range(PACKETS_AT_ONCE_MAX):
            made = self._packet(now_s)
            if not made:
                break
            out += made
        if not out and self._wants(now_s):
            self._not_before_s = now_s + AGAIN_S
        return out

    def timer(self, now_s: float) -> float | None:
        """When it wants to be asked again, without anything new; None: never."""
        connection = self.connection
        if self.ended or connection._close_at is None:
            return None
        connection.get_timer()
        times = [connection._close_at, connection._loss_at, connection._path_validation_deadline()]
        ack_s = self._ack_s()
        waits = self._has_data()
        if ack_s is not None:
            times.append(max(ack_s, self.rate.free_s) if waits else ack_s)
        if waits and self._has_window(now_s):
            times.append(self.rate.free_s)
        return max(min(at for at in times if at is not None), self._not_before_s)

    def _wants(self, now_s: float) -> bool:
        at = self.timer(now_s)
        return at is not None and at <= now_s

    def _packet(self, now_s: float) -> list[tuple[bytes, Address]]:
        connection, rate = self.connection, self.rate
        rate.urgent = self.turns.urgent
        acks = self._ack_s()
        free = (rate.is_free(now_s) and not self._holds(now_s)) or connection._probe_pending
        if connection._close_pending or not self._may_carry():
            self._is_open = True
            order: list[Class] = []
        elif free:
            self._is_open = True
            order = self._fill(now_s)
        elif self._asks or (acks is not None and acks <= now_s and not self._has_data()):
            order = []
        else:
            return []
        before = self._pending()
        datagrams = sum(map(len, connection._datagrams_pending))
        if self._asks:
            connection._max_datagram_size = min(connection._max_datagram_size, ASK_BYTES)
        size = connection._max_datagram_size
        if self._is_short(now_s):
            connection._max_datagram_size = SHORT_BYTES + (0 if acks is None else ACK_ROOM_BYTES)
        made = connection.datagrams_to_send(now_s)
        connection._max_datagram_size = size
        self._is_open = self._asks = False
        if made:
            after = self._pending()
            went = {cls: before[cls] - after[cls] for cls in before}
            went[Class.VOICE] = datagrams - sum(map(len, connection._datagrams_pending))
            self.turns.went(went, order)
            self._account(made, now_s)
        return made  # type: ignore[no-any-return, unused-ignore]

    def _is_short(self, now_s: float) -> bool:
        """A probe into an outage: whole only while something urgent waits, and not each of those."""
        connection = self.connection
        if not (connection._probe_pending and connection.recovery.long_away):
            return False
        if connection._close_pending or self._asks:
            return False
        if self.rate.urgent and now_s >= self._whole_s + URGENT_PROBE_S - AGAIN_S:
            self._whole_s = now_s
            return False
        return True

    def _holds(self, now_s: float) -> bool:
        """In an outage nothing goes but probes, and what is urgent right after one that was whole."""
        return self.connection.recovery.long_away and not self._whole_s <= now_s < self._whole_s + WHOLE_S

    def _account(self, made: list[tuple[bytes, Address]], now_s: float) -> None:
        for data, _ in made:
            self.sent_wire_bytes += len(data) + HEADERS_BYTES
            self._packets += 1
            self.rate.went(len(data), now_s)
        if self._packets > KEY_PACKETS_MAX and self.complete and not self.rate.away:
            self.connection.request_key_update()
            self._packets = 0
        if self.asked_s is None and any(s.ack_eliciting_in_flight for s in self.connection.recovery.spaces):
            self.asked_s = now_s

    def _may_carry(self) -> bool:
        """Whether letters may go: after the handshake, or before it by a ticket."""
        if self.complete:
            return True
        return bool(self.is_kit and self.connection._cryptos and self._early())

    def _early(self) -> bool:
        return bool(self.connection._cryptos[Epoch.ZERO_RTT].send.is_valid())

    def _fill(self, now_s: float) -> list[Class]:
        """Hand to the connection what its next packet takes, and the order in which it goes."""
        connection = self.connection
        if not self.feeds:
            return []
        self._open_streams()
        if self._hellos and self.complete:
            connection.send_stream_data(self._id(HELLOS), bytes(self._hellos))
            self._hellos.clear()
        size = self.rate.packet_bytes
        voice = self.turns.first_datagram_bytes
        if voice:
            size = min(max(size, voice + DATAGRAM_FRAME_BYTES + PACKET_OVERHEAD_BYTES + ACK_BYTES), PACKET_BYTES_MAX)
        if not connection._spaces[Epoch.INITIAL].discarded:  # shorter ones with a first packet in them are not read
            size = PACKET_BYTES_MAX
        connection._max_datagram_size = size
        order: list[Class] = []
        if self._has_window(now_s) or connection._probe_pending:
            room = size - PACKET_OVERHEAD_BYTES - sum(map(len, connection._datagrams_pending))
            room -= ACK_BYTES if self._ack_s() is not None else 0
            order, given = self.turns.take(now_s, room, self._pending(), early=not self.complete)
            for cls, data in given:
                if cls is Class.VOICE:
                    connection.send_datagram_frame(data)
                else:
                    connection.send_stream_data(self._id(STREAMED.index(cls)), data)
        ranks = {self._id(STREAMED.index(cls)): n for n, cls in enumerate(order) if cls in STREAMED}
        ranks[self._id(HELLOS)] = -1
        connection._streams_queue.sort(key=lambda stream: ranks.get(stream.stream_id or 0, len(Class)))
        return order

    def _path(self) -> Address | None:
        paths = self.connection._network_paths
        return paths[0].addr if paths else None

    def _has_window(self, now_s: float) -> bool:
        if self._holds(now_s):
            return False
        return self.rate.congestion_window - self.rate.bytes_in_flight >= self.rate.packet_bytes

    def _has_data(self) -> bool:
        if not self._may_carry():
            return False
        lost = any(not sender.buffer_is_empty and sender.waiting_bytes for sender in self._senders.values())
        if lost or self._hellos or self.connection._datagrams_pending:
            return True
        return self.feeds and (bool(self.turns) if self.complete else self.turns.has_early)

    def _pending(self) -> dict[Class, int]:
        return {cls: sender.waiting_bytes for cls, sender in self._class_senders()}

    def _class_senders(self) -> list[tuple[Class, Sender]]:
        return [(STREAMED[n], sender) for n, sender in self._senders.items() if n != HELLOS]

    def _ack_s(self) -> float | None:
        found = [space.ack_at for space in self.connection.recovery.spaces if space.ack_at is not None]
        return min(found, default=None)

    def _id(self, n: int) -> int:
        return 4 * n + (2 if self.is_kit else 3)

    def _open_streams(self) -> None:
        if self._senders:
            return
        for n in range(len(STREAMED) + 1):
            sender = self._senders[n] = Sender(stream_id=self._id(n), writable=True)
            self.connection._get_or_create_stream_for_send(self._id(n)).sender = sender
