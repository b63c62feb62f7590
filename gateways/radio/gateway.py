"""The radio gateway between SIP and sound: who is called and may be, which sound a call gets, one radio to another, and
radios that the node wants called together.

What media does takes time, so each call has its work done in order, one piece after the other, by a task that lives as
long as there is some. Between pieces a call may have ended: then what was opened is closed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from fusioncmd.codes import Path, parse
from fusioncmd.errors import BadInput, Problem
from fusioncmd.radios import Radio, Ring
from gateways.radio import bounds, echo
from gateways.radio.calls import CallChanged, CallDown, Caller, CallUp, LocalMedia, Media
from gateways.radio.dialling import Private, Talkgroup, check, dialled, is_of
from gateways.radio.sip_checks import Refused
from gateways.radio.sip_events import Answered, Changed, Event, Invited, Over, Registered, Ringing
from gateways.radio.sip_message import Fields
from gateways.radio.sip_syntax import quoted
from gateways.radio.speaking import Sip

log = structlog.get_logger("radio")

AT_ONCE: Fields = [("Answer-Mode", "Auto"), ("Call-Info", "<sip:gateway>;answer-after=0")]  # RFC 5373, and as phones do


@dataclass(slots=True)
class Leg:
    """A call of one radio. `other`: the leg of the other radio in a private call. `echoes`: it hears itself."""

    who: Caller
    where: str
    other: str = ""
    carried: bool = False
    echoes: bool = False


class Gateway:
    """`sip` does what the agent does and sends it at once; `radios` are the accounts by name; `exists` knows places."""

    def __init__(
        self, sip: Sip, media: Media, echoing: Media, radios: dict[str, Radio], exists: Callable[[Path], bool],
    ) -> None:  # fmt: skip
        self._sip, self._media, self._echoing, self._radios, self._exists = sip, media, echoing, radios, exists
        self._legs: dict[str, Leg] = {}
        self._waiting: dict[str, Invited] = {}  # private calls whose other radio has not answered
        self._work: dict[str, list[Callable[[], Awaitable[None]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.counts: Counter[str] = Counter()
        self.changed = True  # who is here is another than was told

    @property
    def calls(self) -> int:
        return len(self._legs)

    def hear(self, event: Event) -> None:
        match event:
            case Registered():
                self.changed = True
            case Invited():
                self._invited(event)
            case Ringing():
                if leg := self._legs.get(event.call):
                    self._sip.ring(leg.other)
            case Answered():
                self._then(event.call, lambda: self._answered(event))
            case Changed():
                self._then(event.call, lambda: self._changed(event))
            case Over():
                self._over(event)

    def ring(self, ring: Ring) -> int:
        """Call radios that are here together, or end their calls; how many. Who is in it already is not called."""
        where = dialled(ring.where)
        if not isinstance(where, Talkgroup):
            raise BadInput(f"{ring.where!r} is no talkgroup.", f"“{ring.where}”不是通话组。")
        legs = [(call, leg.who.account) for call, leg in self._legs.items() if leg.where == where.name]
        if ring.end:
            return self._hang_up([call for call, account in legs if not ring.accounts or account in ring.accounts])
        place, called, there = parse(ring.path), 0, {account for _, account in legs}
        for account in [*self._sip.accounts()]:
            radio = self._radios.get(account)
            meant = account in ring.accounts if ring.accounts else True
            if radio is None or not meant or account in there:
                continue
            if not (ring.accounts or place.covers(Path(radio.path))):
                continue
            if called >= bounds.RING_AT_ONCE_MAX:
                self.counts["not rung"] += 1
                continue
            call = self._sip.invite(account, quoted(ring.by), where.name, AT_ONCE)
            if call:
                self._legs[call] = Leg(caller_of(radio), where.name)
                called += 1
        return called

    def _hang_up(self, calls: list[str]) -> int:
        for call in calls:
            self._sip.hang_up(call)
            self._over(Over(call, 0))
        return len(calls)

    async def close(self) -> None:
        """End every call, in order."""
        self._hang_up([*self._legs])
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)  # `_done` has them

    # --- calls

    def _invited(self, event: Invited) -> None:
        try:
            own = self._radios.get(event.account)
            if own is None:
                raise Refused(403)
            if event.dialled == echo.DIALLED:
                self._legs[event.call] = Leg(caller_of(own), echo.DIALLED, echoes=True)
                return self._then(event.call, lambda: self._carry(event))
            meant = dialled(event.dialled)
            if isinstance(meant, Private):
                return self._private(event, own, meant)
            check(own, meant.path, self._exists)
            self._legs[event.call] = Leg(caller_of(own), meant.name)
            self._then(event.call, lambda: self._carry(event))
        except Refused as refused:
            self.counts[f"not put through {refused.status}"] += 1
            self._sip.refuse(event.call, refused.status)

    def _private(self, event: Invited, own: Radio, meant: Private) -> None:
        """The other radio is called, and both are answered when it is."""
        found = [r for r in self._radios.values() if r.account == meant.account or is_of(r, meant.number)]
        if not found:
            raise Refused(404)
        reached = [r for r in found if self._sip.is_here(r.account) and r.account != own.account]
        check(own, Path((reached or found)[0].path), self._exists)
        if not reached:
            raise Refused(480)
        other = reached[0]
        where = f"person:{other.account if other.number is None else other.number}"
        if any(leg.where == where for leg in self._legs.values()):
            raise Refused(486)  # a second caller would hear the first
        called = self._sip.invite(other.account, quoted(own.name), own.account, [])
        if not called:
            raise Refused(480)
        self._legs[event.call] = Leg(caller_of(own), where, other=called)
        self._legs[called] = Leg(caller_of(other), where, other=event.call)
        self._waiting[event.call] = event

    async def _carry(self, event: Invited | Answered) -> None:
        """Open the sound of a leg, and say yes."""
        leg = self._legs.get(event.call)
        if leg is None:
            return
        try:
            local = await self._of(leg).open(CallUp(event.call, leg.who, leg.where, event.offer.media))
        except Problem as problem:
            log.warning("radio.not_carried", call=event.call, where=leg.where, problem=problem.en)
            self._sip.refuse(event.call, 503)
            return self._over(Over(event.call, 503))
        leg.carried = True
        if event.call not in self._legs:  # it ended meanwhile
            return await self._of(leg).close(CallDown(event.call, leg.who, leg.where))
        self._sip.accept(event.call, local)

    async def _answered(self, event: Answered) -> None:
        await self._carry(event)
        leg = self._legs.get(event.call)
        if leg is not None and (first := self._waiting.pop(leg.other, None)) is not None:
            self._then(leg.other, lambda: self._carry(first))

    async def _changed(self, event: Changed) -> None:
        leg = self._legs.get(event.call)
        if leg is None:
            return
        local: LocalMedia
        try:
            local = await self._of(leg).change(CallChanged(event.call, leg.who, leg.where, event.offer.media))
        except Problem as problem:
            log.warning("radio.not_changed", call=event.call, problem=problem.en)
            return self._sip.refuse(event.call, 488)
        self._sip.accept(event.call, local)

    def _over(self, event: Over) -> None:
        leg = self._legs.pop(event.call, None)
        if leg is None:
            return
        self._waiting.pop(event.call, None)
        if leg.carried:
            self._then(event.call, lambda: self._of(leg).close(CallDown(event.call, leg.who, leg.where)))
        if leg.other in self._legs:
            self._legs[leg.other].other = ""
            self._sip.refuse(leg.other, _passed_on(event.status))
            self._over(Over(leg.other, event.status))

    def _of(self, leg: Leg) -> Media:
        return self._echoing if leg.echoes else self._media

    def _then(self, call: str, piece: Callable[[], Awaitable[None]]) -> None:
        """Do it after what is being done for this call."""
        if (waiting := self._work.get(call)) is not None:
            waiting.append(piece)
            return
        self._work[call] = [piece]
        task = asyncio.create_task(self._do(call), name=f"call {call}")
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._done(call, task))

    async def _do(self, call: str) -> None:
        work = self._work[call]
        while work:
            await work.pop(0)()
        del self._work[call]

    def _done(self, call: str, task: asyncio.Task[None]) -> None:
        """A mistake of ours costs this call, and nothing else: what it still has to do, as to close, is done."""
        self._tasks.discard(task)
        left = self._work.pop(call, [])  # nothing, where all was done
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("radio.call_failed", call=call, exc_info=error)
        self.counts["ended by a mistake"] += 1
        for piece in left:
            self._then(call, piece)
        self._fail(call)

    def _fail(self, call: str) -> None:
        """End it at the radio, and close what was opened. What waits for it finds no leg, or closes it."""
        if (leg := self._legs.get(call)) is None:
            return
        self._sip.refuse(call, 500)  # what it asked
        self._sip.hang_up(call)  # and it, when it was accepted before
        leg.carried = True  # nobody knows how far it came
        self._over(Over(call, 500))


def caller_of(radio: Radio) -> Caller:
    return Caller(radio.number, radio.account, radio.path, radio.name)


def _passed_on(status: int) -> int:
    """What the caller hears of how it ended on the other side."""
    return status if status in (408, 480, 486, 488, 603) else 480
