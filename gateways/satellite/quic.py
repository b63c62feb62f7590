"""One connection of a link, over QUIC (RFC 9000, 9001, 9002, 9221): bytes, addresses and times in, datagrams and events
out. No socket, no clock: whoever holds it asks when it wants to be asked again.

Each class but VOICE has one stream in each direction, VOICE goes in datagrams, and one more stream carries hellos. What
comes before the handshake is over (0-RTT) may be said again by anybody who overheard it: of that, only messages of the
exchange are taken, which are the same said twice.
"""

from __future__ import annotations

import math
from typing import Any

from aioquic.quic.connection import END_STATES, QuicConnectionState, QuicNetworkPath
from aioquic.quic.events import (
    ConnectionIdIssued,
    ConnectionIdRetired,
    DatagramFrameReceived,
    HandshakeCompleted,
    StreamDataReceived,
)

from fusioncmd.errors import BadMessage, Problem
from fusioncmd.trust import link_keys
from gateways.satellite import wire
from gateways.satellite.carrying import Kind
from gateways.satellite.classes import Class
from gateways.satellite.quic_connection import Connection
from gateways.satellite.quic_recovery import ACK_S, AWAY_S
from gateways.satellite.quic_sending import HELLOS, Sending
from gateways.satellite.rate import HEADERS_BYTES, Rate
from gateways.satellite.turns import STREAMED, Turns, Unframing, frame
from gateways.satellite.wire import BROKEN, Address, Ended, Event, Heard, Hello, Moved, Proved


class Wire(Sending):
    def __init__(self, connection: Connection, turns: Turns, rate: Rate) -> None:
        super().__init__(connection, turns, rate)
        self.ready = False  # the end that holds it knows who is there, and may speak
        self.heard_wire_bytes = 0
        self.early_refused = 0
        self.ticket: Any = None  # that the hub gave out on it
        self.statement: bytes | None = None  # of the other end
        self.issued: list[bytes] = []  # connection ids by which the other end may call it from now on
        self.retired: list[bytes] = []
        self._unframing: dict[int, Unframing] = {}
        self._events: list[Event] = []
        self._closing: tuple[int, None, str] | None = None

    def receive(self, data: bytes, address: Address, now_s: float) -> None:
        self.heard_wire_bytes += len(data) + HEADERS_BYTES
        connection = self.connection
        if self.is_kit and connection.is_reset(data):
            self._end(0, "The hub has forgotten this connection.", "枢纽已不认识此连接。", False)
            return
        acked_s, path = connection.recovery.acked_s, self._path()
        back_s = (connection.heard_s or 0.0) + AWAY_S if connection.recovery.long_away else math.inf
        connection.receive_datagram(data, address, now_s)
        if connection.heard_s == now_s > back_s:
            self._answer_at_once(now_s)
        if path is not None and self._path() != path:
            self._events.append(Moved(self._path()))
        if connection.recovery.acked_s != acked_s:
            self.asked_s = None
            for cls, sender in self._class_senders():
                self.turns.acked(cls, sender.acked)
        self._not_before_s = 0.0
        self._close()
        self._take_events()

    def _answer_at_once(self, now_s: float) -> None:
        """The other end is heard again after an outage: no acknowledgement waits, and a probe of ours goes with it."""
        for space in self.connection.recovery.spaces:
            if space.ack_at is not None:
                space.ack_at = now_s
        self.connection._probe_pending = True

    def due(self, now_s: float) -> None:
        """The time that `timer` named has come."""
        if self.connection._close_at is not None:
            self.connection.get_timer()
            self.connection.handle_timer(now_s)
        self._take_events()

    @property
    def may_speak(self) -> bool:
        """Nobody has closed it."""
        return not self.ended and self._closing is None and self.connection._close_event is None

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
        self._take_events()
        found, self._events = self._events, []
        return found

    def _close(self) -> None:
        """A kit that closes before its handshake is confirmed would not be understood: the hub has no key yet."""
        if self._closing is not None and not (
            self.is_kit and self.complete and not self.connection._handshake_confirmed
        ):
            self.connection.close(*self._closing)
            self._closing = None

    def _take_events(self) -> None:
        while (event := self.connection.next_event()) is not None:
            if isinstance(event, HandshakeCompleted):
                self._completed(event)
            elif isinstance(event, StreamDataReceived):
                self._read(event.stream_id, event.data)
            elif isinstance(event, DatagramFrameReceived):
                self._hear(Class.VOICE, event.data)
            elif isinstance(event, ConnectionIdIssued):
                self.issued.append(event.connection_id)
            elif isinstance(event, ConnectionIdRetired):
                self.retired.append(event.connection_id)
        closed, state = self.connection._close_event, self.connection._state
        if closed is not None and state in END_STATES:
            ours = state is QuicConnectionState.CLOSING
            self._end(closed.error_code, *wire.read_reason(closed.reason_phrase), ours)

    def _completed(self, event: HandshakeCompleted) -> None:
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
        if self._senders and not event.early_data_accepted:
            connection.recovery.give_up()
        self.complete, self.statement = True, statement
        connection._ack_delay = ACK_S
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

    def _end(self, code: int, en: str, zh: str, ours: bool) -> None:
        if not self.ended:
            self.ended, self.feeds = True, False
            self._events.append(Ended(code, en, zh, ours))
