"""What playbooks do about alarms: who is called at once comes first, then what stands beside orders, then the rest.

An alarm that calls somebody, or that the duty officer has just looked at, is before those that only wait. Everything is
decided in the audit, then in the stream, then here; so a restart goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

import structlog
from msgspec import structs

from fusioncmd import ids
from fusioncmd.alarm import decided as decisions
from fusioncmd.alarm import subjects
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.book import Book, Known
from fusioncmd.alarm.decided import BESIDE, Decided, Waits, What
from fusioncmd.alarm.playbook import Playbook
from fusioncmd.audit.entries import Deed, Entry, Recorder
from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path
from fusioncmd.errors import BusDown, Problem, Unsure
from fusioncmd.messages import Order, Status
from fusioncmd.places.place import Place
from tiers.alarm_beside import AlarmBeside
from tiers.alarm_orders import AlarmOrders
from tiers.alarm_places import AlarmPlaces
from tiers.alarm_queues import AlarmQueues
from tiers.desk import Desk
from tiers.playbook_file import PlaybookFile

log = structlog.get_logger("alarms")

DEED: Deed = "alarm"
LATE_MS = 10 * 60_000  # an alarm that was said longer ago begins nothing by itself: somebody has to look at it
AGAIN_S = 0.5  # until what failed is looked at again
OFFERED_MAX = 4_096  # orders that somebody was shown and may issue; shed, the oldest
NOTHING = "", ""
AS_BEFORE = "Cameras and experts: as of an alarm just before.", "摄像头与专家：已由前一条预警处理。"
CANCELLED = "Cameras and experts: the order was cancelled.", "摄像头与专家：指令已撤销。"


class AlarmPlaybooks:
    """`clock` gives seconds since 1970."""

    def __init__(
        self, bus: Bus, desk: Desk, book: Book, file: PlaybookFile, orders: AlarmOrders, places: AlarmPlaces,
        beside: AlarmBeside, recorder: Recorder, clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self._bus, self._desk, self._book, self._file = bus, desk, book, file
        self._orders, self._places, self._beside, self._recorder, self._clock = orders, places, beside, recorder, clock
        self._queues = AlarmQueues()
        self._offered: OrderedDict[bytes, tuple[bytes, str]] = OrderedDict()  # order → alarm, playbook
        self._touched: dict[bytes, tuple[bytes, str, str]] = {}  # order → alarm, playbook, by whom it was issued
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        self._resume()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while (found := self._queues.next()) is not None:
                queue, some = found
                try:
                    await (self._follow(some[0]) if queue is self._queues.issued else self._consider(some))
                except Problem as problem:  # the bus is down: they are looked at again
                    log.warning("alarms.not_considered", problem=problem.en)
                    self._queues.failed(queue, some)
                    await asyncio.sleep(AGAIN_S)

    def look_at(self, ident: bytes, urgent: bool) -> None:
        self._queues.look_at(ident, urgent)
        self._wake.set()

    def offer(self, ident: bytes, alarm: bytes, playbook: str) -> None:
        """Somebody was shown that order, and may issue it under that id."""
        self._offered[ident] = alarm, playbook
        while len(self._offered) > OFFERED_MAX:
            self._offered.popitem(last=False)

    def note_issued(self, order: Order) -> None:
        """Somebody issued an order: it may be one that a playbook prepared."""
        if (found := self._book.prepared.get(order.id) or self._offered.get(order.id)) is not None:
            self._touched[order.id] = *found, order.issuer
            self._queues.issued[found[0]] = None
            self._wake.set()

    def _resume(self) -> None:
        """What was issued, and what stands beside it, when this process ended before."""
        issued = self._desk.ledger.book.orders
        for order in [order for order in self._book.prepared if order in issued]:
            self.note_issued(issued[order])
        for known in self._book.alarms.values():
            if any(each.what == "issued" and self._now_ms - each.at_ms < LATE_MS for each in known.decided):
                self._queues.issued[known.alarm.id] = None
                self._wake.set()

    # --- what a playbook does

    async def _consider(self, idents: list[bytes]) -> None:
        """One after the other; that some only wait is written down together, by one page of the audit."""
        waiting: list[tuple[Known, Playbook]] = []
        for i, ident in enumerate(idents):
            if i and self._queues.urgent:
                self._queues.back(idents[i:])
                break
            known = self._book.alarms.get(ident)
            if known is None or self._now_ms - known.alarm.said_ms > LATE_MS:
                continue
            known.alarm = self._places.narrowed(known.alarm)  # the place may have been put there since
            for playbook, place in self._places.applying(self._file.current(), known.alarm):
                if self._waits(playbook, known):
                    waiting.append((known, playbook))
                elif self._begins(playbook, known):
                    await self._apply(playbook, known, place)
        await self._wait(waiting)

    async def _wait(self, waiting: list[tuple[Known, Playbook]]) -> None:
        made: dict[tuple[str, str, Status], list[bytes]] = {}
        at_ms = self._now_ms
        entries = []
        for known, playbook in waiting:
            path = known.alarm.path.code
            made.setdefault((path, playbook.name, known.alarm.status), []).append(known.alarm.id)
            waits = Decided(known.alarm.id, path, "waits", f"playbook:{playbook.name}", at_ms, playbook.name)
            entries.append(_entry(waits, known.alarm))
        await asyncio.gather(*map(self._recorder.record, entries))
        for (path, name, status), alarms in made.items():
            together = Waits(tuple(alarms), path, at_ms, name, status)
            await self._bus.store(subjects.decided(Path(path)), decisions.encode(together))
            for each in together.each:
                self._book.decide(each)

    def _waits(self, playbook: Playbook, known: Known) -> bool:
        """Whether it begins to wait for a second look."""
        first = known.of(playbook.name) is None and known.standing == "open"
        return playbook.second_look and first and not self._was_done(playbook, known)

    def _begins(self, playbook: Playbook, known: Known) -> bool:
        """Once for each alarm, and once for each place within `once_s`; never when somebody said that it is nothing."""
        before = known.of(playbook.name)
        looked = known.standing == "confirmed" or (not playbook.second_look and known.standing == "open")
        return looked and (before is None or before.what == "waits") and not self._was_done(playbook, known)

    def _was_done(self, playbook: Playbook, known: Known) -> bool:
        """Lately, by when the alarm was said: what was held back for that does not begin some minutes later, as at a
        restart. What somebody has confirmed counts by now."""
        done_ms = self._book.done_ms(playbook.name, known.alarm.path.code, known.alarm.status)
        at_ms = self._now_ms if known.standing == "confirmed" else known.alarm.said_ms
        return done_ms is not None and at_ms - done_ms < playbook.once_s * 1_000

    async def _apply(self, playbook: Playbook, known: Known, of: Place | None) -> None:
        """Its order has one id, however often this is begun: nobody is called twice because a reply or a process was
        lost between the order and what is decided of it."""
        uncalled, failed, issued = NOTHING, NOTHING, False
        order, status = self._orders.ident(playbook, known), known.alarm.status
        try:
            draft = structs.replace(self._orders.draft(playbook, known, of), id=order)
            uncalled = self._orders.uncalled(playbook, draft, of)
            if playbook.then == "issue":
                await self._orders.issue(draft, known)
                issued = True
        except (BusDown, Unsure):  # nobody knows whether it is issued
            raise
        except Problem as problem:
            failed = problem.en, problem.zh
        if issued:
            await self.decide(known, playbook, "issued", order, uncalled, status=status)
            self._queues.issued[known.alarm.id] = None
            return
        if failed[0]:
            await self.decide(known, playbook, "failed", words=failed, status=status)
        await self.decide(known, playbook, "prepared", order, uncalled, status=status)

    async def _follow(self, ident: bytes) -> None:
        """What stands beside each order that was issued for an alarm, where that is not done yet."""
        known = self._book.alarms.get(ident)
        touched = [(order, name, by) for order, (alarm, name, by) in self._touched.items() if alarm == ident]
        for order, name, by in touched:
            if known and not any(each.what == "issued" and each.order == order for each in known.decided):
                await self.decide(known, self._file.named(name), "issued", order, by=by, status=self._status(order))
            del self._touched[order]
        if known is None:
            return
        for issued in [each for each in known.decided if each.what == "issued"]:
            playbook = self._file.named(issued.playbook)
            order_of = self._desk.ledger.book.orders.get(issued.order or b"")
            if playbook is not None and order_of is not None:
                await self._follow_one(playbook, known, order_of, issued.path)

    async def _follow_one(self, playbook: Playbook, known: Known, order: Order, place: str) -> None:
        """Its steps from the first that is not decided yet; none within `once_s` of the same beside another order, nor
        beside one that was cancelled."""
        done = [each for each in known.decided if each.order == order.id and each.what in BESIDE]
        steps = self._beside.steps(playbook)[len(done) :]
        last = self._book.beside(playbook.name, place, order.status)
        if not steps or any(each.words in (AS_BEFORE, CANCELLED) for each in done):
            return
        before = last is not None and last[1] != order.id and self._now_ms - last[0] < playbook.once_s * 1_000
        if before or self._beside.is_ended(order):
            words = AS_BEFORE if before else CANCELLED
            await self.decide(known, playbook, "lacking", order.id, words, status=order.status)
            return
        for step in steps:
            made = await step(playbook, known, order)
            await self.decide(
                known, playbook, made.what, order.id, made.words, draw=made.draw, calls=made.calls, status=order.status
            )

    async def decide(
        self, known: Known, playbook: Playbook | None, what: What, order: bytes | None = None,
        words: tuple[str, str] = NOTHING, by: str = "", draw: bytes | None = None, calls: bytes | None = None,
        status: Status | None = None,
    ) -> None:  # fmt: skip
        """In the audit first, then in the stream, then here."""
        name = playbook.name if playbook is not None else ""
        made = Decided(
            known.alarm.id, known.alarm.path.code, what, by or f"playbook:{name}", self._now_ms, name, order,
            (words[0][:200], words[1][:200]), draw, calls, status or known.alarm.status,
        )  # fmt: skip
        await self._recorder.record(_entry(made, known.alarm))
        await self._bus.store(subjects.decided(Path(made.path)), decisions.encode(made))
        self._book.decide(made)

    def _status(self, order: bytes) -> Status | None:
        found = self._desk.ledger.book.orders.get(order)
        return found.status if found is not None else None

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _entry(made: Decided, alarm: Alarm) -> Entry:
    details = {"what": made.what, "path": made.path, "event": alarm.event, "source": alarm.source}
    if made.playbook:
        details["playbook"] = made.playbook
    for name, ident in (("order", made.order), ("draw", made.draw), ("calls", made.calls)):
        if ident is not None:
            details[name] = ids.to_text(ident)
    if made.words[0]:
        details["words"] = made.words[0]
    return Entry(made.at_ms, made.by, DEED, ids.to_text(made.alarm), details=details)
