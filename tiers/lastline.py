"""The node's part of the last line: what goes next by the modem, and what came by it. While links carry, nothing does.

The process that has the modem (gateways/shortmessage) asks for each message when it may send one, and so always gets
what is most useful then; it holds no key, and what it invents is refused here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path

import structlog

from fusioncmd import ids, subjects
from fusioncmd.audit.entries import Recorder
from fusioncmd.bus.port import Bus
from fusioncmd.errors import BadMessage, Problem, Unavailable
from fusioncmd.lastline import frames, positions, settings, templates, twins
from fusioncmd.lastline.bits import Reader
from fusioncmd.lastline.frames import Kind, Repeated
from fusioncmd.lastline.schedule import Candidate, Schedule
from fusioncmd.lastline.wire import Came, Modem, Next, Say, Taken, decode, encode
from fusioncmd.trust import ring
from fusioncmd.trust.judge import Judge
from tiers import line_saying
from tiers.desk import Desk
from tiers.line_ends import Ends, text_of
from tiers.line_hearing import Hearing
from tiers.line_saying import Saying
from tiers.line_state import LineState
from tiers.line_twins import Twins
from tiers.links import Links
from tiers.problems import Said
from tiers.tracks import TrackDesk

log = structlog.get_logger("lastline")

TWINS_EVERY_S = 1.0
MODEM_LOST_S = 180  # the modem's process says at least so often that it is there
REFUSED_SHOWN_S = 3_600  # of the last refusal of each end
LATE_MS = 60_000  # an order that was issued so long before a link was found cut may not have come through


class Lastline:
    """Keys, settings and templates are in `data`; `monotonic` gives seconds."""

    def __init__(
        self, bus: Bus, desk: Desk, links: Links, data: Path, judge: Judge, recorder: Recorder,
        monotonic: Callable[[], float], tracks: TrackDesk,
    ) -> None:  # fmt: skip
        self._bus, self._desk, self._monotonic, self._tracks = bus, desk, monotonic, tracks
        self._refused: dict[str, tuple[float, Said]] = {}  # the last of each end, and when
        self._settled: Said | None = None  # why settings or templates are not taken
        self.repeated = 0
        known = self._table(data)
        self._ends = Ends(links, data, judge, monotonic)
        self._hearing = Hearing(bus, desk, judge, recorder, LineState(data), ring.folder_of(data), known)
        self._saying = Saying(desk.node, desk.roster, desk.ledger, known)
        self._schedule, self._twins = Schedule(), Twins(bus, desk)
        self._modem: Modem | None = None
        self._modem_s = 0.0
        self._owed: set[str] = set()  # peers of whom something came that they do not know yet
        self._last: tuple[Candidate, int] | None = None
        self._editions: set[str] = set()  # peers whose roster is another
        self._one = asyncio.Lock()  # each message by itself: the modem brings one anew that takes long, and it is one

    def _table(self, data: Path) -> templates.Table:
        """With the tier's own; where those cannot be taken, without, and health says why: a node runs all the same."""
        try:
            return table(data)
        except Problem as problem:
            self._settled = problem.en, problem.zh
            return templates.read(built_in())

    async def start(self) -> None:
        try:
            self._ends.begin()
        except Problem as problem:
            self._settled = problem.en, problem.zh
        await self._bus.serve(subjects.LINE_NEXT, self._next)
        await self._bus.serve(subjects.LINE_CAME, self._came)

    async def run(self) -> None:
        """Until cancelled: the modem is answered, and answers to stand-ins count for what those stand for."""
        await self.start()
        while True:
            await asyncio.sleep(TWINS_EVERY_S)
            await self.tend()

    async def tend(self) -> None:
        try:
            await self._twins.tell()
            async with self._one:
                for order, other in self._twins.over():
                    await self._hearing.end(twins.short_of(order.id), other.node)
        except Unavailable as problem:
            log.warning("lastline.not_stored", problem=problem.en)
        except Problem as problem:
            self._refuse("", problem)

    # --- what goes

    async def _next(self, data: bytes) -> bytes:
        try:
            asked = decode(Next, data)
        except BadMessage as problem:
            self._refuse("", problem)
            return encode(Say())
        now_s = self._monotonic()
        self._modem, self._modem_s = asked.modem, now_s
        if asked.failed and self._last is not None:
            self._schedule.failed(*self._last)
        self._last = None
        self._ends.look()
        try:
            candidates = self._candidates(asked.modem.bits, now_s) if asked.modem.bits else iter(())
            if (chosen := self._schedule.next(candidates, now_s)) is None:
                return encode(Say())
            key = self._ends.key(chosen.peer, sending=True)
            counter = self._hearing.state.next_counter(key)
        except Problem as problem:
            self._refuse("", problem)
            return encode(Say())
        self._schedule.sent(chosen, counter, now_s)
        self._last = chosen, counter
        if chosen.kind is Kind.HEARD:
            self._owed.discard(chosen.peer)
        log.info("lastline.said", peer=chosen.peer, kind=chosen.kind.name, counter=counter)
        data = frames.close(key, chosen.kind, counter, chosen.said)
        return encode(Say(self._ends.settings.cards[chosen.peer], data))

    def _candidates(self, bits: int, now_s: float) -> Iterator[Candidate]:
        now_ms = self._desk.now_ms
        orders = self._saying.orders(now_ms)
        for peer, cut_s in self._ends.to_tell(now_s):
            if self._ends.is_above(peer):
                yield from self._saying.above(peer, bits, now_ms)
                units = self._tracks.units.within(self._desk.node.code, now_ms)
                yield from self._saying.positions(peer, bits, (one.track for one in units))
            else:
                since_ms = 0 if cut_s is None else now_ms - int((now_s - cut_s) * 1000) - LATE_MS
                yield from self._saying.below(orders, peer, bits, since_ms, now_ms)
            if peer in self._owed:
                yield line_saying.heard(peer, self._hearing.state.window(self._ends.key(peer, sending=False)))

    # --- what comes

    async def _came(self, data: bytes) -> bytes:
        """Not taken is what could not be kept now: whoever brought it brings it again."""
        async with self._one:
            return await self._came_alone(data)

    async def _came_alone(self, data: bytes) -> bytes:
        peer = ""
        try:
            came = decode(Came, data)
            self._ends.look()
            peer = self._ends.of_card(came.by)
            key, state = self._ends.key(peer, sending=False), self._hearing.state
            kind, counter, said = frames.open_(key, came.data, state.window(key))
        except Repeated:
            self.repeated += 1
            return encode(Taken())
        except BadMessage as problem:
            self._refuse(peer, problem)
            return encode(Taken())
        except Unavailable as problem:
            self._refuse("", problem)
            return encode(Taken(kept=False))
        try:
            try:
                await self._take(kind, said, peer)
            except Unavailable:
                raise
            except Problem as problem:
                self._refuse(peer, problem)
            state.came(key, state.window(key).with_(counter))
        except Unavailable as problem:
            log.warning("lastline.not_kept", peer=peer, problem=problem.en)
            return encode(Taken(kept=False))
        if kind is not Kind.HEARD:
            self._owed.add(peer)
        log.info("lastline.came", peer=peer, kind=kind.name, counter=counter)
        return encode(Taken())

    async def _take(self, kind: Kind, said: Reader, peer: str) -> None:
        from_above, hearing = self._ends.is_above(peer), self._hearing
        if kind is Kind.HEARD:
            self._schedule.heard(peer, frames.read_heard(said))
        elif from_above and kind is Kind.ORDER:
            await hearing.order(said, peer)
        elif from_above and kind is Kind.SIGNED:
            await hearing.signed(said, peer)
        elif not from_above and kind is Kind.ANSWERS:
            short, same_edition = await hearing.answers(said, peer)
            self._schedule.confirm(peer, short)
            self._editions = self._editions - {peer} if same_edition else self._editions | {peer}
        elif not from_above and kind is Kind.REPORT:
            self._schedule.confirm(peer, await hearing.report(said, peer))
        elif not from_above and kind is Kind.POSITIONS:
            for track in positions.read(said, peer):
                self._tracks.came(track)
        else:
            raise BadMessage(f"{peer} may not say that.", f"{peer} 无权发送此类短报文。")

    # --- health

    def _refuse(self, peer: str, problem: Problem) -> None:
        log.error("lastline.refused", peer=peer, problem=problem.en)
        self._refused[peer] = self._monotonic(), (problem.en, problem.zh)

    def problems(self) -> Iterator[Said]:
        """The last refusal of each end, what cannot be said, and what the modem lacks. Nothing where there is none."""
        if self._settled is not None:
            yield self._settled
        yield from (said for at_s, said in self._refused.values() if self._monotonic() - at_s < REFUSED_SHOWN_S)
        for order, problem in self._saying.unsayable.items():
            name = ids.to_text(order)
            yield f"{name}: {problem.en}", f"{name}：{problem.zh}"
        for peer in sorted(self._editions):
            yield (
                f"{peer} counts answers by another edition of the roster; whom this one does not know is not counted",
                f"{peer} 按另一版名册统计答复；本版名册中没有的人员暂不计入",
            )
        if self._modem is None:
            return
        yield from self._ends.problems()
        if self._monotonic() - self._modem_s > MODEM_LOST_S:
            yield "The process of the short message modem is gone", "短报文终端进程已停止"
        elif self._modem.trouble_en:
            yield self._modem.trouble_en, self._modem.trouble_zh


def table(data: Path) -> templates.Table:
    """The templates that the program brings, and the tier's own. `BadInput` for a file that cannot be taken."""
    return templates.read(built_in(), text_of(data / settings.TEMPLATES_FILE))


def built_in() -> str:
    return resources.files("fusioncmd.lastline").joinpath(settings.TEMPLATES_FILE).read_text("utf-8")
