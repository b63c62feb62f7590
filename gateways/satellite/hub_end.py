"""The hub's ends of its links: which datagram belongs to which kit, who is let in, and one end for each kit. Pure.

Of who has not shown who they are, little is kept: `HALF_OPEN_MAX` at once, for `HANDSHAKE_S` each; where there are more
than `HALF_OPEN_FREE`, who comes must first show that they are where they say (a stateless retry).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fusioncmd.errors import Problem
from gateways.satellite import identity
from gateways.satellite.carrying import Pipe
from gateways.satellite.end import QUIET_HUB_S, End
from gateways.satellite.identity import Believes, Identity
from gateways.satellite.quic import Wire
from gateways.satellite.quic_opening import Answering, First, first_of
from gateways.satellite.rate import Rate
from gateways.satellite.turns import Turns
from gateways.satellite.wire import RATE_BPS_MAX, REFUSED, Address, Ended, Heard, Hello, Moved, Proved

HALF_OPEN_MAX, HALF_OPEN_FREE = 64, 8
HANDSHAKE_S = 15.0
MOVED_SILENT_S = 1.0  # what waited so long for an acknowledgement went where the kit is no more
KITS_MAX = 256  # shed: a kit beyond is refused


@dataclass(slots=True, eq=False)
class Comer:
    """A connection, and whose it is, once that is known."""

    wire: Wire
    began_s: float
    code: str = ""
    end: End | None = None
    resumed: bool = False


class HubEnds:
    """`on_kit(code, end)`: once for each kit that proved who it is. `tell(problem)`: somebody was refused."""

    def __init__(
        self,
        own: Identity,
        believes: Believes,
        admits: Callable[[str], bool],
        on_kit: Callable[[str, Pipe], None],
        provisioned_bps: int,
        clock: Callable[[], float],
        secret: bytes,
        tell: Callable[[Problem], None] = lambda problem: None,
    ) -> None:
        self._own, self._believes, self._admits, self._on_kit = own, believes, admits, on_kit
        self._provisioned_bps, self._clock, self._tell = provisioned_bps, clock, tell
        self._answering = Answering(own, secret)
        self._by_id: dict[bytes, Comer] = {}
        self._half_open: OrderedDict[int, Comer] = OrderedDict()
        self.ends: dict[str, End] = {}
        self.comers: dict[str, Comer] = {}  # the living connection of each kit
        self.wake: Callable[[Comer], None] = lambda comer: None
        self.unread = self.retried = self.refusals = 0
        self.last_refusal: Problem | None = None

    def receive(self, data: bytes, address: Address, now_s: float) -> tuple[Comer | None, list[tuple[bytes, Address]]]:
        """Whose it was, and what is answered beside what that one has to say."""
        first = first_of(data)
        if first is None:
            self.unread += 1
            return None, []
        comer = self._by_id.get(first.cid)
        if comer is None:
            if not first.begins:
                self.unread += 1
                answer = self._answering.forgotten(first, len(data))
                return None, [] if answer is None else [(answer, address)]
            comer, answer = self._begin(first, address, now_s)
            if comer is None:
                return None, [] if answer is None else [(answer, address)]
        comer.wire.receive(data, address, now_s)
        self._settle(comer, now_s)
        return comer, []

    def due(self, comer: Comer, now_s: float) -> None:
        comer.wire.due(now_s)
        self._settle(comer, now_s)
        if comer.end is None and now_s >= comer.began_s + HANDSHAKE_S:
            self._forget(comer)

    def transmit(self, comer: Comer, now_s: float) -> list[tuple[bytes, Address]]:
        made = comer.wire.transmit(now_s)
        self._settle(comer, now_s)
        return made

    def timer(self, comer: Comer, now_s: float) -> float | None:
        if comer.wire.ended:  # nothing is due, also where its kit came by another connection since
            return None
        until_s = comer.began_s + HANDSHAKE_S if comer.end is None else comer.end.watch_s()
        return min((at for at in (comer.wire.timer(now_s), until_s) if at is not None), default=None)

    def close(self) -> Iterable[Comer]:
        """Those who are to be told, at their next `transmit`."""
        for comer in self.comers.values():
            comer.wire.close(0)
        return list(self.comers.values())

    def judge_again(self) -> list[Comer]:
        """Whom trust has ended since they came: each is told why at its next `transmit`."""
        ended = []
        for comer in list(self.comers.values()):
            try:
                if comer.wire.may_speak:
                    self._judge(comer.wire.statement or b"")
            except Problem as problem:
                self._hang_up(comer, problem)
                ended.append(comer)
        return ended

    def _begin(self, first: First, address: Address, now_s: float) -> tuple[Comer | None, bytes | None]:
        original, retried = first.cid, None
        if len(self._half_open) >= HALF_OPEN_FREE or first.token:
            self.retried += 1
            shown = self._answering.retry(first, address, now_s)
            if not isinstance(shown, tuple):
                return None, shown
            original, retried = shown[0], shown[1]
        while len(self._half_open) >= HALF_OPEN_MAX:
            self._forget(next(iter(self._half_open.values())))
        wire = self._answering.answer(original, retried, Turns(), Rate(self._provisioned_bps), self._may_resume)
        wire.feeds = False
        comer = Comer(wire, now_s)
        self._half_open[id(comer)] = comer
        self._by_id[first.cid] = self._by_id[wire.connection.host_cid] = comer
        return comer, None

    def _may_resume(self, statement: bytes) -> bool:
        try:
            return self._judge(statement) in self.ends
        except Problem:
            return False

    def _judge(self, statement: bytes) -> str:
        return identity.judge_kit(statement, self._believes, self._own.code, self._admits)

    def _settle(self, comer: Comer, now_s: float) -> None:
        self._note_ids(comer)
        for event in comer.wire.events():
            if isinstance(event, Proved):
                self._proved(comer, event)
            elif isinstance(event, Hello):
                self._hello(comer, event)
            elif isinstance(event, Heard):
                self._heard(comer, event)
            elif isinstance(event, Moved):
                asked_s = comer.wire.asked_s
                comer.wire.move(None, asked_s is not None and now_s - asked_s > MOVED_SILENT_S)
            elif isinstance(event, Ended):
                self._ended(comer, event)
        if comer.end is not None:
            comer.end.watch(now_s)

    def _proved(self, comer: Comer, event: Proved) -> None:
        code = ""
        try:
            code = self._judge(event.statement)
            if code not in self.ends and len(self.ends) >= KITS_MAX:
                raise identity.full()
        except Problem as problem:
            comer.code = code or identity.claimed(event.statement)
            self._hang_up(comer, problem)
            return
        comer.code, comer.resumed = code, event.resumed
        self._answering.keep_ticket(comer.wire, event.statement)

    def _hello(self, comer: Comer, event: Hello) -> None:
        """The kit has judged us too, and says how fast it may be sent to: now it is there."""
        if not comer.code or not comer.wire.may_speak:
            return
        if comer.end is None:
            self._attach(comer)
        assert comer.end is not None
        comer.end.take(event, self._believes.now_ms())
        comer.wire.rate.provision(event.rate_bps)

    def _attach(self, comer: Comer) -> None:
        code = comer.code
        end = self.ends.get(code)
        if end is None:
            end = self.ends[code] = End(code, self._provisioned_bps, self._clock, QUIET_HUB_S)
            self._on_kit(code, end)
        self._half_open.pop(id(comer), None)
        before = self.comers.pop(code, None)
        if before is not None:
            self._forget(before)
        self.comers[code] = comer
        comer.end = end
        end.hold(comer.wire)
        end.wake = lambda: self.wake(comer)
        end.connections += 1
        end.resumed += comer.resumed
        comer.wire.ready = True
        comer.wire.say_hello(Hello(self._believes.now_ms(), RATE_BPS_MAX))

    def _heard(self, comer: Comer, event: Heard) -> None:
        end = comer.end
        if end is None and event.early and comer.wire.connection.statement is not None:
            end = self.ends.get(identity.claimed(comer.wire.connection.statement))
        if end is not None:
            end.take(event, 0)
        elif comer.code and comer.wire.may_speak:
            self._attach(comer)
            self._heard(comer, event)

    def _hang_up(self, comer: Comer, problem: Problem) -> None:
        said = identity.refused(f"The kit {comer.code}", f"便携站 {comer.code}", problem)
        self._refuse(said)
        comer.wire.close(REFUSED, said.en, said.zh)
        if comer.end is not None:
            comer.end.refused = said
            comer.end.turn(False)

    def _refuse(self, problem: Problem) -> None:
        self.refusals += 1
        self.last_refusal = problem
        self._tell(problem)

    def _ended(self, comer: Comer, event: Ended) -> None:
        if event.code == REFUSED and not event.ours:
            self._refuse(identity.told(event.en, event.zh))
        self._forget(comer)

    def _forget(self, comer: Comer) -> None:
        self._half_open.pop(id(comer), None)
        for cid in [cid for cid, known in self._by_id.items() if known is comer]:
            del self._by_id[cid]
        if self.comers.get(comer.code) is comer:
            del self.comers[comer.code]
            if comer.end is not None:
                comer.end.hold(None)
                comer.end.turn(False)
        comer.wire.ended = True

    def _note_ids(self, comer: Comer) -> None:
        wire = comer.wire
        for cid in wire.issued:
            self._by_id[cid] = comer
        for cid in wire.retired:
            self._by_id.pop(cid, None)
        wire.issued, wire.retired = [], []
