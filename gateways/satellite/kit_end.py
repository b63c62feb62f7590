"""The kit's end of a link: it dials its hub for ever. Pure: time is an argument, addresses are what it was given.

While a connection hears nothing it goes on probing; only when it has ended, when the hub has forgotten it, or when its
handshake does not come to an end, another is begun: with the ticket of the one before, so that the first orders go with
the first packet (0-RTT).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fusioncmd.errors import Problem
from gateways.satellite import identity, quic_opening
from gateways.satellite.end import QUIET_S, End
from gateways.satellite.identity import Believes, Identity
from gateways.satellite.quic import Wire
from gateways.satellite.quic_opening import Ticket
from gateways.satellite.rate import Rate
from gateways.satellite.ways import SILENT_S, Asking, Way
from gateways.satellite.wire import REFUSED, Ended, Hello, Moved, Proved

REDIAL_S, REDIAL_S_MAX = 1.0, 30.0
REFUSED_S = 30.0  # until who was refused, or refused the hub, asks again
JUDGE_EACH_S = 10.0  # with the next packet, which comes each 24 s at least
HANDSHAKE_S = 15.0  # from the first packet that was heard of it
HANDSHAKE_UNHEARD_S = 60.0
HANDSHAKE_NEXT_WAY_S = 6.0  # where there are others


class KitEnd(End):
    def __init__(
        self,
        own: Identity,
        believes: Believes,
        above: str,
        ways: Sequence[Way],
        clock: Callable[[], float],
        ticket: Ticket | None = None,
        keep_ticket: Callable[[Ticket], None] = lambda ticket: None,
        tell: Callable[[Problem], None] = lambda problem: None,
    ) -> None:
        super().__init__(above, ways[0].rate_bps, clock, QUIET_S)
        self.asking = Asking(ways)
        self._own, self._believes, self._tell = own, believes, tell
        self._ticket, self._keep_ticket = ticket, keep_ticket
        self._tries = 0
        self._redial_s: float | None = None
        self._began_s = self._judge_s = 0.0

    def start(self, now_s: float) -> None:
        self._dial(now_s)

    def receive(self, data: bytes, way: str, now_s: float) -> None:
        if self.wire is not None:
            self.wire.receive(data, way, now_s)
            self._settle(now_s)

    def due(self, now_s: float) -> None:
        if self._redial_s is not None and now_s >= self._redial_s:
            self._dial(now_s)
        if self.wire is not None:
            self.wire.due(now_s)
            if not self.wire.ready and now_s >= self._handshake_until_s(self.wire):
                self._dial(now_s)
            self._ask(now_s)
            self._settle(now_s)

    def transmit(self, now_s: float) -> list[tuple[bytes, str]]:
        """Datagrams, each with the way by which it goes."""
        if self.wire is None:
            return []
        made = self.wire.transmit(now_s)
        self._settle(now_s)
        return made

    def use(self, way: str, now_s: float) -> None:
        """Change over to it, if it answers, and stay there while it does; `BadInput` where there is none such."""
        self.asking.want(way, now_s)
        self._ask(now_s)

    def timer(self, now_s: float) -> float | None:
        times = [self._redial_s, self.watch_s()]
        if self.wire is not None and not self.wire.ended:
            times.append(self.wire.timer(now_s))
            if not self.wire.ready:
                times.append(self._handshake_until_s(self.wire))
            else:
                silent = self._is_silent(self.wire, now_s)
                times += [None if silent else self._silent_s(self.wire), self.asking.next_s(now_s, silent)]
        return min((at for at in times if at is not None), default=None)

    def close(self) -> None:
        """The hub is told at the next `transmit`, and not dialled again."""
        self._redial_s = None
        if self.wire is not None:
            self.wire.close(0)

    def _dial(self, now_s: float) -> None:
        self._redial_s, self._began_s = None, now_s
        way = self.asking.ways[self._tries % len(self.asking.ways)]
        self._use(way.name)
        ticket = self._ticket if self._may_resume() else None
        self.hold(
            quic_opening.dial(self._own, way.name, self.turns, Rate(way.rate_bps), now_s, ticket, self._got_ticket)
        )  # fmt: skip
        self._tries += 1

    def _may_resume(self) -> bool:
        try:
            return self._ticket is not None and bool(self._judge(self._ticket.statement))
        except Problem:
            return False

    def _judge(self, statement: bytes) -> str:
        return identity.judge_hub(statement, self._believes, self.peer)

    def _got_ticket(self, ticket: Ticket) -> None:
        self._ticket = ticket
        self._keep_ticket(ticket)

    def _settle(self, now_s: float) -> None:
        wire = self.wire
        for event in wire.events() if wire is not None else ():
            if isinstance(event, Proved):
                self._proved(wire, event, now_s)
            elif isinstance(event, Ended):
                self._ended(event, now_s)
            elif isinstance(event, Moved):
                self._moved(wire, str(event.address), now_s)
            elif isinstance(event, Hello):
                self.take(event, self._believes.now_ms())
                self._ready(wire, now_s)
            elif wire is not None and wire.feeds:
                self.take(event, 0)
        if wire is not None and wire.ready and now_s >= self._judge_s and wire.may_speak:
            self._judge_hub(wire, wire.statement or b"", now_s)  # it may have been revoked since
        self.watch(now_s)

    def _proved(self, wire: Wire | None, event: Proved, now_s: float) -> None:
        assert wire is not None
        if self._judge_hub(wire, event.statement, now_s):
            self.connections += 1
            self.resumed += event.resumed
            wire.say_hello(Hello(self._believes.now_ms(), self.provisioned_bps))

    def _judge_hub(self, wire: Wire, statement: bytes, now_s: float) -> bool:
        self._judge_s = now_s + JUDGE_EACH_S
        try:
            self._judge(statement)
        except Problem as problem:
            self.refused = identity.refused(f"The hub {self.peer}", f"上级枢纽 {self.peer}", problem)
            self._tell(self.refused)
            wire.close(REFUSED, self.refused.en, self.refused.zh)
            self._redial_s = now_s + REFUSED_S
            return False
        return True

    def _ready(self, wire: Wire | None, now_s: float) -> None:
        """The hub has judged us too: it answered our hello."""
        if wire is not None and wire.feeds:
            wire.ready = True
            self._tries, self.refused = 0, None

    def _ended(self, event: Ended, now_s: float) -> None:
        if event.code == REFUSED and not event.ours:
            self.refused = identity.told(event.en, event.zh)
            self._tell(self.refused)
        if self._redial_s is None and not (event.ours and event.code == 0):
            wait_s = REFUSED_S if event.code == REFUSED else min(REDIAL_S * 2 ** min(self._tries, 5), REDIAL_S_MAX)
            self._redial_s = now_s + (0.0 if event.code == 0 and self._tries == 0 else wait_s)

    def _ask(self, now_s: float) -> None:
        """Other ways, whether they answer."""
        wire = self.wire
        if wire is not None and wire.ready and not wire.ended:
            for name in self.asking.due(now_s, self._is_silent(wire, now_s)):
                wire.ask(name)

    def _moved(self, wire: Wire | None, name: str, now_s: float) -> None:
        """The hub answered on another way: from now on all goes there, and it is told how fast it may send."""
        assert wire is not None
        self._use(name)
        wire.move(self.provisioned_bps, self._is_silent(wire, now_s))
        wire.say_hello(Hello(self._believes.now_ms(), self.provisioned_bps))

    def _use(self, name: str) -> None:
        self.asking.use(name)
        self.way, self.provisioned_bps = name, self.asking.used.rate_bps

    def _is_silent(self, wire: Wire, now_s: float) -> bool:
        silent_s = self._silent_s(wire)
        return silent_s is not None and now_s >= silent_s

    def _silent_s(self, wire: Wire) -> float | None:
        return None if wire.asked_s is None or len(self.asking.ways) == 1 else wire.asked_s + SILENT_S

    def _handshake_until_s(self, wire: Wire) -> float:
        if wire.connection.heard_s is not None:
            return self._began_s + HANDSHAKE_S
        return self._began_s + (HANDSHAKE_UNHEARD_S if len(self.asking.ways) == 1 else HANDSHAKE_NEXT_WAY_S)
