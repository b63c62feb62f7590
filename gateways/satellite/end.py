"""One end of a link, which outlives its connections: what waits to be said, whether the other end hears. Pure.

`clock` gives seconds that nobody sets. The other end is there while it acknowledges what is said. It is gone when that
fails for `SILENT_S` (what is said in quiet times is one ping each `QUIET_S`), and back at the next acknowledgement.
"""

from __future__ import annotations

from collections.abc import Callable

from fusioncmd.errors import Problem
from gateways.satellite.carrying import Kind
from gateways.satellite.classes import Class
from gateways.satellite.facts import Facts
from gateways.satellite.quic import Wire
from gateways.satellite.rate import Rate
from gateways.satellite.turns import Turns
from gateways.satellite.wire import Heard, Hello

SILENT_S = 5.0
QUIET_S = 24.0  # without a word, a ping; the hub's comes later, where the kit's did not
QUIET_HUB_S = 25.0


class End:
    """Implements `carrying.Pipe`."""

    heard: Callable[[Class, bytes], None]
    turned: Callable[[bool], None]

    def __init__(self, peer: str, provisioned_bps: int, clock: Callable[[], float], quiet_s: float) -> None:
        self.peer, self.way, self.provisioned_bps = peer, "", provisioned_bps
        self.heard, self.turned = lambda cls, letter: None, lambda up: None
        self.wake: Callable[[], None] = lambda: None  # something is to be sent: set by who has the socket
        self.turns = Turns()
        self.wire: Wire | None = None
        self.refused: Problem | None = None
        self.connections = self.resumed = 0
        self.clock_off_ms: int | None = None
        self._clock, self._quiet_s = clock, quiet_s
        self._up, self._since_s = False, clock()
        self._sent_bytes = self._heard_bytes = 0  # of connections that ended

    @property
    def up(self) -> bool:
        return self._up

    @property
    def rate(self) -> Rate | None:
        return None if self.wire is None else self.wire.rate

    @property
    def rate_bps(self) -> int:
        return self.provisioned_bps if self.wire is None else self.wire.rate.bps

    def waiting(self, cls: Class) -> int:
        return self.turns.waiting(cls)

    def say(self, cls: Class, letter: bytes, lives_s: float | None = None) -> bool:
        early = cls is Class.ORDERS and letter[:1] == bytes((Kind.EXCHANGE,))
        taken = self.turns.say(cls, letter, lives_s, self._clock(), early)
        if taken:
            self.wake()
        return taken

    def hold(self, wire: Wire | None) -> None:
        """From now on it speaks over this connection; what the one before left unsaid is said again."""
        if self.wire is not None:
            self.wire.feeds = False
            self._count(self.wire)
        self.turns.begin_again()
        self.wire = wire
        if wire is not None:
            wire.turns, wire.feeds = self.turns, True

    def take(self, event: Heard | Hello, own_ms: int) -> None:
        if isinstance(event, Heard):
            self.heard(event.cls, event.letter)
        else:
            self.clock_off_ms = event.clock_ms - own_ms

    def watch(self, now_s: float) -> None:
        """Is the other end there? Asked at `watch_s`."""
        wire = self.wire
        if wire is None or wire.ended or not wire.ready:
            self.turn(False)
            return
        if wire.asked_s is None:
            self.turn(True)
            if now_s >= self._quiet_until_s(wire):
                wire.ping()
        elif now_s >= wire.asked_s + SILENT_S:
            self.turn(False)

    def watch_s(self) -> float | None:
        wire = self.wire
        if wire is None or wire.ended or not wire.ready:
            return None
        if wire.asked_s is None:
            return self._quiet_until_s(wire)
        return wire.asked_s + SILENT_S if self._up else None

    def turn(self, up: bool) -> None:
        if up != self._up:
            self._up, self._since_s = up, self._clock()
            self.turned(up)

    def facts(self) -> Facts:
        wire, rate = self.wire, self.rate
        refused = self.refused
        return Facts(
            peer=self.peer, way=self.way, up=self._up, since_s=self._clock() - self._since_s, rate_bps=self.rate_bps,
            provisioned_bps=self.provisioned_bps if rate is None else rate.provisioned_bps,
            round_trip_s=0.0 if rate is None else rate.round_trip_s, loss=0.0 if rate is None else rate.loss,
            sent_bytes=self._sent_bytes + (wire.sent_wire_bytes if wire else 0),
            heard_bytes=self._heard_bytes + (wire.heard_wire_bytes if wire else 0),
            waiting={cls.name.lower(): self.turns.waiting(cls) for cls in Class},
            shed={cls.name.lower(): count for cls, count in self.turns.shed.items()},
            connections=self.connections, resumed=self.resumed, clock_off_ms=self.clock_off_ms,
            refused="" if refused is None else refused.en, refused_zh="" if refused is None else refused.zh,
        )  # fmt: skip

    def _quiet_until_s(self, wire: Wire) -> float:
        """Who hears is not heard for that: an acknowledgement is asked for now and then all the same."""
        heard_s, acked_s = wire.connection.heard_s or 0.0, wire.connection.recovery.acked_s or 0.0
        return min(heard_s + self._quiet_s, acked_s + 2 * self._quiet_s)

    def _count(self, wire: Wire) -> None:
        self._sent_bytes += wire.sent_wire_bytes
        self._heard_bytes += wire.heard_wire_bytes
