"""The node's counter for alarms: what came, the duty officer's second look, and what playbooks did about each.

Alarms lie in a stream of their own, beside what was decided about them, so a restart knows both.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import Any

import structlog
from msgspec import structs

from fusioncmd import ids
from fusioncmd.access import Actor
from fusioncmd.alarm import alarm as alarms
from fusioncmd.alarm import decided as decisions
from fusioncmd.alarm import playbook as playbooks
from fusioncmd.alarm import subjects
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.book import Book, Known
from fusioncmd.alarm.decided import Decided, What
from fusioncmd.alarm.playbook import Playbook
from fusioncmd.api import alarms as asked
from fusioncmd.audit.entries import Deed, Entry, Recorder
from fusioncmd.bus.port import ALARM, Bus, Stored
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, NotFound, Problem
from fusioncmd.places.place import Place
from tiers.alarm_orders import AlarmOrders
from tiers.alarm_places import AlarmPlaces
from tiers.desk import Desk
from tiers.playbook_file import PlaybookFile
from tiers.problems import Said
from tiers.serving import Answer

log = structlog.get_logger("alarms")

DEED: Deed = "alarm"
LATE_MS = 10 * 60_000  # an alarm that was said longer ago begins nothing by itself: somebody has to look at it


class AlarmDesk:
    """`clock` gives seconds since 1970."""

    def __init__(
        self, bus: Bus, desk: Desk, orders: AlarmOrders, places: AlarmPlaces, data: FilePath, recorder: Recorder,
        clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self._bus, self._desk, self._orders, self._file = bus, desk, orders, PlaybookFile(data)
        self._places, self._recorder, self._clock = places, recorder, clock
        self.book = Book()
        self._pending: OrderedDict[bytes, None] = OrderedDict()  # to be looked at by playbooks
        self._urgent: OrderedDict[bytes, None] = OrderedDict()  # and before those, as somebody is called or waits
        self._wake = asyncio.Event()
        self.bad = 0
        self.caught_up = asyncio.Event()

    def answers(self) -> dict[type[Any], Answer]:
        return {
            asked.Alarms: self.alarms, asked.OneAlarm: self.alarm, asked.LookAtAlarm: self.look,
            asked.DryPlaybooks: self.dry,
        }  # fmt: skip

    async def start(self) -> None:
        """Returns when all that is stored was read."""
        await self._places.start()
        tail = await self._bus.tail(ALARM, self._fold)
        await tail.caught_up()
        self.caught_up.set()

    async def run(self) -> None:
        """Until cancelled: playbooks look at what came."""
        self._file.current()
        await self.start()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while queue := self._urgent or self._pending:
                ident, _ = queue.popitem(last=False)
                try:
                    await self._consider(ident)
                except Problem as problem:  # the bus is down: it is looked at again
                    log.warning("alarms.not_considered", problem=problem.en)
                    queue[ident] = None
                    await asyncio.sleep(0.5)

    def problems(self) -> Iterator[Said]:
        if self._file.problem is not None:
            yield self._file.problem
        yield from self._orders.missing(self._file.held)

    # --- what comes

    def _fold(self, stored: Stored) -> None:
        try:
            if stored.subject.startswith("fc.decided."):
                self.book.decide(decisions.decode(stored.data))
                return
            alarm = alarms.decode(stored.data)
            if subjects.alarm(alarm.path) != stored.subject:
                raise BadInput("It lies on another place's subject.", "所在主题属于另一地点。")
        except Problem as problem:
            self.bad += 1
            log.error("alarms.bad_message", subject=stored.subject, seq=stored.seq, problem=problem.en)
            return
        alarm = self._places.narrowed(alarm)
        self.book.hear(alarm)
        self._look_at(alarm.id, any(each.at_once for each, _ in self._places.applying(self._file.held, alarm)))

    def _look_at(self, ident: bytes, urgent: bool) -> None:
        """A storm of what waits for a second look does not delay an alarm that calls somebody."""
        if urgent:
            self._urgent[ident] = None
            self._pending.pop(ident, None)
        elif ident not in self._urgent:
            self._pending[ident] = None
        self._wake.set()

    # --- playbooks

    async def _consider(self, ident: bytes) -> None:
        known = self.book.alarms.get(ident)
        if known is None or self._now_ms - known.alarm.said_ms > LATE_MS:
            return
        known.alarm = self._places.narrowed(known.alarm)  # the place may have been put there since
        for playbook, place in self._places.applying(self._file.current(), known.alarm):
            await self._apply(playbook, known, place)

    async def _apply(self, playbook: Playbook, known: Known, of: Place | None) -> None:
        """Once for each alarm, and once for each place within `once_s`."""
        before, place = known.of(playbook.name), known.alarm.path.code
        if before is not None and before.what != "waits":
            return
        done_ms = self.book.done_ms(playbook.name, place)
        if done_ms is not None and self._now_ms - done_ms < playbook.once_s * 1_000:
            return
        if playbook.second_look and known.standing != "confirmed":
            if before is None and known.standing == "open":
                await self._decide(known, "waits", playbook)
            return
        try:
            if playbook.then == "issue":
                order = await self._orders.issue(self._orders.draft(playbook, known, of), known)
                await self._decide(known, "issued", playbook, order)
                return
        except Problem as problem:
            await self._decide(known, "failed", playbook, words=(problem.en, problem.zh))
        await self._decide(known, "prepared", playbook, ids.make(self._now_ms, self._orders.entropy()))

    async def _decide(
        self, known: Known, what: What, playbook: Playbook | None = None, order: bytes | None = None,
        words: tuple[str, str] = ("", ""), by: str = "",
    ) -> None:  # fmt: skip
        """In the audit first, then in the stream, then here."""
        name = playbook.name if playbook is not None else ""
        made = Decided(
            known.alarm.id, known.alarm.path.code, what, by or f"playbook:{name}", self._now_ms, name, order,
            (words[0][:200], words[1][:200]),
        )  # fmt: skip
        await self._recorder.record(self._entry(made, known.alarm))
        await self._bus.store(subjects.decided(Path(made.path)), decisions.encode(made))
        self.book.decide(made)

    # --- questions

    async def alarms(self, request: asked.Alarms, who: Actor) -> asked.AlarmsReply:
        place = self._desk.place(request.node, who).code
        found = list(self.book.newest(place, request.standing))
        names = tuple(playbook.name for playbook in self._file.current())
        en, zh = self._file.problem or ("", "")
        return asked.AlarmsReply(tuple(map(_line, found[: request.limit])), len(found), names, en, zh)

    async def alarm(self, request: asked.OneAlarm, who: Actor) -> asked.AlarmReply:
        known = self._known(request.alarm, who)
        return self._reply(known)

    async def look(self, request: asked.LookAtAlarm, who: Actor) -> asked.AlarmReply:
        known = self._known(request.alarm, who)
        await self._decide(
            known, "confirmed" if request.confirm else "dismissed", by=who.name, words=(request.words, request.words)
        )
        self._look_at(known.alarm.id, urgent=True)
        return self._reply(known)

    async def dry(self, request: asked.DryPlaybooks, who: Actor) -> asked.DryReply:
        found = playbooks.read(request.file) if request.file else self._file.current()
        lines: list[asked.DryLine] = []
        looked_at = 0
        newest = list(self.book.newest(self._desk.place("", who).code))  # others come meanwhile
        for known in newest:
            if known.first_ms < request.since_ms:
                continue
            looked_at += 1
            lines += (asked.DryLine(known.alarm, each) for each in self._applying(known, found))
            await asyncio.sleep(0)
            if len(lines) >= request.limit:
                break
        return asked.DryReply(tuple(lines[: request.limit]), looked_at)

    def _applying(self, known: Known, found: tuple[Playbook, ...]) -> Iterator[asked.Applies]:
        for playbook, place in self._places.applying(found, known.alarm):
            made = self._orders.would(playbook, known, place)
            yield structs.replace(made, cameras=self._places.cameras(known.alarm, playbook.cameras))

    def _reply(self, known: Known) -> asked.AlarmReply:
        at, cameras = self._places.at(known.alarm), self._places.cameras(known.alarm, asked.CAMERAS_SHOWN)
        return asked.AlarmReply(_line(known), tuple(self._applying(known, self._file.current())), tuple(at), cameras)

    def _known(self, ident: bytes, who: Actor) -> Known:
        known = self.book.alarms.get(ident)
        place = self._desk.place("", who).code
        if known is None or not any(n.startswith(place) or place.startswith(n) for n in known.alarm.nodes):
            raise NotFound(f"There is no alarm {ids.to_text(ident)}.", f"没有预警 {ids.to_text(ident)}。")
        return known

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _entry(self, made: Decided, alarm: Alarm) -> Entry:
        details = {"what": made.what, "path": made.path, "event": alarm.event, "source": alarm.source}
        if made.playbook:
            details["playbook"] = made.playbook
        if made.order is not None:
            details["order"] = ids.to_text(made.order)
        if made.words[0]:
            details["words"] = made.words[0]
        return Entry(made.at_ms, made.by, DEED, ids.to_text(made.alarm), details=details)


def _line(known: Known) -> asked.AlarmLine:
    return asked.AlarmLine(
        known.alarm, known.standing, known.first_ms, known.times, known.gravest, tuple(known.decided)
    )
