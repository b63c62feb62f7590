"""One connection of a link, over QUIC (RFC 9000, 9001, 9002, 9221): bytes, addresses and times in, datagrams and events
out. No socket, no clock: whoever holds it asks when it wants to be asked again.

Each class but VOICE has one stream in each direction, VOICE goes in datagrams, and one more stream carries hellos. What
goes into a packet is decided when that packet is made (`turns.py`), at the time at which the line is free (`rate.py`).
An acknowledgement waits for the packet that goes next anyhow.
"""

from __future__ import annotations

from typing import Any

from aioquic.quic import events
from aioquic.quic.connection import QuicConnectionState, QuicNetworkPath
from aioquic.quic.stream import QuicStream
from aioquic.tls import Epoch

from fusioncmd.errors import BadMessage, Problem
from fusioncmd.trust import link_keys
from gateways.satellite import wire
from gateways.satellite.carrying import Kind
from gateways.satellite.classes import Class
from gateways.satellite.quic_connection import Connection
from gateways.satellite.quic_recovery import Sender
from gateways.satellite.rate import HEADERS_BYTES, PACKET_BYTES_MAX, Rate
from gateways.satellite.turns import DATAGRAM_FRAME_BYTES, STREAMED, Turns, Unframing, frame
from gateways.satellite.wire import BROKEN, Ended, Event, Heard, Hello, Moved, Proved

PACKET_OVERHEAD_BYTES = 1 + 8 + 2 + 16  # first byte, connection id, number, tag of the cipher
ACK_BYTES = 24  # that an acknowledgement takes of a packet, as a rule
AGAIN_S = 0.02  # until something is tried again that found no way out
PACKETS_AT_ONCE_MAX = 32  # of a handshake
ASK_BYTES = 300  # of what asks on another way
HELLOS = len(STREAMED)
Address = Any


class Wire:
    """`turns` and `rate` belong to the end that holds it. `feeds`: whether letters are taken from `turns` at all."""

    def __init__(self, connection: Connection, turns: Turns, rate: Rate) -> None:
        self.connection, self.turns, self.rate = connection, turns, rate
        self.feeds = True
        self.is_kit = bool(connection.configuration.is_client)
        self.complete = self.confirmed = self.ended = False
        self.asked_s: float | None = None  # since when something waits for an acknowledgement, and none came at all
        self.ready = False  # the end that holds it knows who is there, and may speak
        self.sent_wire_bytes = self.heard_wire_bytes = 0
        self.early_refused = 0
        self._streams: dict[int, QuicStream] = {}
        self._hellos = bytearray()
        self._unframing: dict[int, Unframing] = {}
        self._events: list[Event] = []
        self._not_before_s = 0.0
        self._is_open = self._asks = False
        self._closing: tuple[int, None, str] | None = None
        self.ticket: Any = None  # that the hub gave out on it
        self.statement: bytes | None = None  # of the other end
        self.issued: list[bytes] = []  # connection ids by which the other end may call it from now on
        self.retired: list[bytes] = []
        connection.recovery._pacer = self

    # what aioquic asks its pacer

    def next_send_time(self, now: float) -> float | None:
        """One packet for each time that it is asked for datagrams."""
        return None if self._is_open else now + AGAIN_S

    def update_after_send(self, now: float) -> None:
        self._is_open = False

    def update_rate(self, congestion_window: int, smoothed_rtt: float) -> None: ...

    # in

    def receive(self, data: bytes, address: Address, now_s: float) -> None:
        self.heard_wire_bytes += len(data) + HEADERS_BYTES
        connection = self.connection
        if self.is_kit and connection.is_reset(data):
            self._end(0, "The hub has forgotten this connection.", "枢纽已不认识此连接。")
            return
        acked_s, path = connection.recovery.acked_s, self._path()
        connection.receive_datagram(data, address, now_s)
        if path is not None and self._path() != path:
            self._events.append(Moved(self._path()))
        if connection.recovery.acked_s != acked_s:
            self.asked_s = None
            for cls, stream in self._class_streams():
                self.turns.acked(cls, stream.sender.acked)
        self._not_before_s = 0.0
        self._close()
        self._take_events()

    def due(self, now_s: float) -> None:
        """The time that `timer` named has come."""
        if self.connection._close_at is not None:
            self.connection.get_timer()
            self.connection.handle_timer(now_s)
        self._take_events()

    def say_hello(self, said: Hello) -> None:
        self._hellos += frame(wire.hello(said))

    def ask(self, address: Address) -> None:
        """Whether the other end answers there too; if it does, it is where it is reached from then on (`Moved`)."""
        paths = self.connection._network_paths
        path = next((path for path in paths if path.addr == address), None)
        if path is None:
            path = QuicNetworkPath(address)
            self.connection._add_network_path(path)
        path.is_validated = path.local_challenge_sent = False
        self._asks = True

    def move(self, rate_bps: int | None, again: bool) -> None:
        """What was learnt of the path before does not hold on another. `again`: what went there is lost."""
        if rate_bps is not None:
            self.rate.provision(rate_bps)
        self.connection.recovery.forget_round_trip()
        if again:
            self.connection.recovery.give_up()

    def ping(self) -> None:
        self.connection.send_ping(0)

    def close(self, code: int, en: str = "", zh: str = "") -> None:
        """The other end is told at the next `transmit`."""
        self.feeds = False
        self._closing = code, None, wire.reason(en, zh)
        self._close()

    def events(self) -> list[Event]:
        found, self._events = self._events, []
        return found

    # out

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
        if waits and self._has_window():
            times.append(self.rate.free_s)
        return max(min(at for at in times if at is not None), self._not_before_s)

    def _wants(self, now_s: float) -> bool:
        at = self.timer(now_s)
        return at is not None and at <= now_s

    def _packet(self, now_s: float) -> list[tuple[bytes, Address]]:
        connection, rate = self.connection, self.rate
        rate.urgent = self.turns.urgent
        acks = self._ack_s()
        free = rate.is_free(now_s) or connection._probe_pending
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
        made = connection.datagrams_to_send(now_s)
        self._is_open = self._asks = False
        if made:
            after = self._pending()
            went = {cls: before[cls] - after[cls] for cls in before}
            went[Class.VOICE] = datagrams - sum(map(len, connection._datagrams_pending))
            self.turns.went(went, order)
            self._account(made, now_s)
        return made  # type: ignore[no-any-return, unused-ignore]

    def _account(self, made: list[tuple[bytes, Address]], now_s: float) -> None:
        for data, _ in made:
            self.sent_wire_bytes += len(data) + HEADERS_BYTES
            self.rate.went(len(data), now_s)
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
        if not self.complete or not connection._network_paths[0].is_validated:
            size = PACKET_BYTES_MAX if not self.complete else size
        connection._max_datagram_size = size
        order: list[Class] = []
        if self._has_window() or connection._probe_pending:
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
        connection._streams_queue.sort(key=lambda stream: ranks.get(stream.stream_id, len(Class)))
        return order

    def _path(self) -> Address | None:
        paths = self.connection._network_paths
        return paths[0].addr if paths else None

    def _has_window(self) -> bool:
        return self.rate.congestion_window - self.rate.bytes_in_flight >= self.rate.packet_bytes

    def _has_data(self) -> bool:
        if not self._may_carry():
            return False
        lost = any(not s.sender.buffer_is_empty and s.sender.waiting_bytes for s in self._streams.values())
        if lost or self._hellos or self.connection._datagrams_pending:
            return True
        return self.feeds and (bool(self.turns) if self.complete else self.turns.has_early)

    def _pending(self) -> dict[Class, int]:
        return {cls: stream.sender.waiting_bytes for cls, stream in self._class_streams()}

    def _class_streams(self) -> list[tuple[Class, QuicStream]]:
        return [(STREAMED[n], stream) for n, stream in self._streams.items() if n != HELLOS]

    def _ack_s(self) -> float | None:
        found = [space.ack_at for space in self.connection.recovery.spaces if space.ack_at is not None]
        return min(found, default=None)

    def _id(self, n: int) -> int:
        return 4 * n + (2 if self.is_kit else 3)

    def _open_streams(self) -> None:
        if self._streams:
            return
        for n in range(len(STREAMED) + 1):
            stream = self.connection._get_or_create_stream_for_send(self._id(n))
            stream.sender = Sender(stream_id=stream.stream_id, writable=True)
            self._streams[n] = stream

    def _close(self) -> None:
        """A kit that closes before its handshake is confirmed would not be understood: the hub has no key yet."""
        if self._closing is not None and not (
            self.is_kit and self.complete and not self.connection._handshake_confirmed
        ):
            self.connection.close(*self._closing)
            self._closing = None

    def _take_events(self) -> None:
        while (event := self.connection.next_event()) is not None:
            if isinstance(event, events.HandshakeCompleted):
                self._completed(event)
            elif isinstance(event, events.StreamDataReceived):
                self._read(event.stream_id, event.data)
            elif isinstance(event, events.DatagramFrameReceived):
                self._hear(Class.VOICE, event.data)
            elif isinstance(event, events.ConnectionIdIssued):
                self.issued.append(event.connection_id)
            elif isinstance(event, events.ConnectionIdRetired):
                self.retired.append(event.connection_id)
            elif isinstance(event, events.ConnectionTerminated):
                self._end(event.error_code, *wire.read_reason(event.reason_phrase))

    def _completed(self, event: events.HandshakeCompleted) -> None:
        connection = self.connection
        try:
            if event.session_resumed and connection.statement is not None:
                statement = connection.statement
            elif connection.tls._peer_certificate is not None:
                statement = link_keys.statement_in(connection.tls._peer_certificate)
            else:
                self.close(BROKEN, "The other end showed no certificate.", "对端未出示证书。")
                return
        except Problem as problem:
            self.close(BROKEN, problem.en, problem.zh)
            return
        if self._streams and not event.early_data_accepted:
            connection.recovery.give_up()
        self.complete, self.statement = True, statement
        self._events.append(Proved(statement, bool(event.session_resumed)))

    def _read(self, stream_id: int, data: bytes) -> None:
        n, kind = divmod(stream_id, 4)
        if kind != (3 if self.is_kit else 2) or n > HELLOS:
            self.close(BROKEN, "A stream that none of the classes has.", "收到不属于任何类别的流。")
            return
        try:
            for letter in self._unframing.setdefault(n, Unframing()).feed(data):
                if n < HELLOS:
                    self._hear(STREAMED[n], letter)
                elif self.complete:
                    self._events.append(wire.read_hello(letter))
        except BadMessage as problem:
            self.close(BROKEN, problem.en, problem.zh)

    def _hear(self, cls: Class, letter: bytes) -> None:
        early = not self.complete
        if early and (cls is not Class.ORDERS or letter[0] != Kind.EXCHANGE):
            self.early_refused += 1
            return
        self._events.append(Heard(cls, letter, early))

    def _end(self, code: int, en: str, zh: str) -> None:
        if not self.ended:
            self.ended, self.feeds = True, False
            self._events.append(Ended(code, en, zh))
