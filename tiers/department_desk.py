"""Departments at a node: the page of what leaves to each and what enters from it, and both of it done.

Nothing is decided here: what leaves was confirmed, or issued, and stands in what is stored; so after a restart each
department is told what it does not have yet, and nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path as FilePath
from typing import Any

import structlog
from pyroaring import BitMap

from fusioncmd import ids
from fusioncmd.access import Actor
from fusioncmd.alarm import cap_write
from fusioncmd.alarm import decided as decisions
from fusioncmd.alarm import subjects as alarm_subjects
from fusioncmd.alarm.book import Known
from fusioncmd.alarm.decided import Decided, Told
from fusioncmd.api import departments as asked
from fusioncmd.audit.entries import Entry, Recorder
from fusioncmd.bus.port import Bus
from fusioncmd.bus.users import folder_of
from fusioncmd.codes import Path
from fusioncmd.departments import subjects, telling, wire
from fusioncmd.departments.department import Department, desk_of
from fusioncmd.departments.folder import DepartmentFolder
from fusioncmd.departments.page import Counted, shares
from fusioncmd.errors import NotFound, Problem
from fusioncmd.messages import Presence
from fusioncmd.reachable import Reachable
from tiers.alarm_desk import AlarmDesk
from tiers.department_lane import Errand, Lane
from tiers.department_orders import GATEWAY, DepartmentOrders
from tiers.desk import Desk
from tiers.duty_desks import DutyDesks, name_of
from tiers.problems import Said
from tiers.serving import Answer

log = structlog.get_logger("departments")

TEND_EVERY_S = 1.0
GATEWAY_LOST_S = 15.0  # it says each five seconds what it counted


class DepartmentDesk:
    """`clock` gives seconds since 1970, `monotonic` seconds."""

    def __init__(
        self, bus: Bus, desk: Desk, alarms: AlarmDesk, data: FilePath, reachable: Reachable, recorder: Recorder,
        clock: Callable[[], float], monotonic: Callable[[], float],
    ) -> None:  # fmt: skip
        self._bus, self._desk, self._alarms, self._reachable = bus, desk, alarms, reachable
        self._recorder, self._clock, self._monotonic = recorder, clock, monotonic
        self._folder = DepartmentFolder(folder_of(data))
        self._desks = DutyDesks(bus, desk.roster, desk.node)
        self._orders = DepartmentOrders(bus, desk, self._desks, monotonic)
        self._lanes: dict[str, tuple[Department, Lane, asyncio.Task[None]]] = {}
        self._answered: dict[str, Counted] = {}
        self._served: set[str] = set()
        self._here, self._here_s = wire.Here(), -GATEWAY_LOST_S
        alarms.book.changed = self._concerned

    def answers(self) -> dict[type[Any], Answer]:
        return {asked.Departments: self.departments}

    def problems(self) -> Iterator[Said]:
        if self._folder.problem is not None:
            yield self._folder.problem
        for name, (_, lane, _) in self._lanes.items():
            en, zh = lane.problem or ("", "")
            if en and lane.here:
                yield f"Department {name}: {en}", f"部门 {name}：{zh}"
            elif en and lane.left:
                yield (
                    f"{lane.left} messages wait for department {name}: {en}",
                    f"部门 {name} 有 {lane.left} 条消息待送：{zh}",
                )
            if lane.shed:
                yield (
                    f"{lane.shed} alarms were not told to department {name}: too many waited",
                    f"待送过多，已有 {lane.shed} 条预警未通报部门 {name}",
                )

    async def run(self) -> None:
        """Until cancelled."""
        await self._alarms.caught_up.wait()
        await self._bus.hear(subjects.HERE, self._hear)
        try:
            while True:
                await self._tend()
                await asyncio.sleep(TEND_EVERY_S)
        finally:
            for _, _, task in self._lanes.values():
                task.cancel()

    async def _tend(self) -> None:
        known = {one.name: one for one in self._folder.current()}
        for name in [name for name, (one, _, task) in self._lanes.items() if known.get(name) != one or task.done()]:
            self._lanes.pop(name)[2].cancel()  # removed, or another now, or failed
            if name not in known:
                self._note(name, {"change": "removed"})
        for one in known.values():
            if one.name not in self._lanes:
                self._begin(one)
            if one.desk and one.name not in self._served:
                await self._bus.serve(subjects.says_answer(one.name), partial(self._answer, one.name))
                self._served.add(one.name)
        await self._desks.tend(known.values())
        here = BitMap()
        for one, lane, _ in self._lanes.values():
            for ident in await self._orders.new(one) if one.desk else ():
                lane.put(subjects.TAKE_ORDER, ident)
            if lane.here and (number := self._desks.number(one)) is not None:
                here.add(number)
        if any(one.desk for one in known.values()):
            self._reachable.hear(Presence(GATEWAY, GATEWAY, here.serialize()), self._clock())

    def _begin(self, one: Department) -> None:
        make = {subjects.TAKE_ORDER: partial(self._order, one), subjects.TAKE_ALARM: partial(self._alarm, one)}
        lane = Lane(self._bus, one.name, make)
        task = asyncio.create_task(lane.run(), name=f"department {one.name}")
        task.add_done_callback(partial(_ended, one.name))
        self._lanes[one.name] = one, lane, task
        shown = {f"{share.way} {n}": f"{share.subject}: {share.en}" for n, share in enumerate(shares(one, {}), 1)}
        self._note(one.name, {"change": "shares"} | shown)
        for known in self._alarms.book.alarms.values():
            self._put(known, one, lane)

    def _note(self, name: str, details: dict[str, str]) -> None:
        """Of whom it shares with, the audit has each change, and all at each start."""
        self._recorder.note(Entry(int(self._clock() * 1000), self._desk.node.code, "department", name, "", details))

    # --- what leaves

    def _concerned(self, known: Known) -> None:
        for one, lane, _ in self._lanes.values():
            self._put(known, one, lane)

    def _put(self, known: Known, one: Department, lane: Lane) -> None:
        if one.takes and telling.is_due(known, one):
            lane.put(subjects.TAKE_ALARM, known.alarm.id)

    def _due(self, known: Known, one: Department) -> telling.Due | None:
        return telling.due(known, one, self._desk.node.code, self._name)

    def _alarm(self, one: Department, ident: bytes) -> Errand | None:
        known = self._alarms.book.alarms.get(ident)
        due = None if known is None else self._due(known, one)
        if known is None or due is None:
            return None

        async def taken() -> None:
            await self._keep(known, one, due.told)

        return Errand(cap_write.written(due.alert), taken)

    async def _keep(self, known: Known, one: Department, told: Told) -> None:
        """What it has, in the audit and beside the alarm; where that ended meanwhile, it is told so now (`changed`)."""
        alarm, at_ms = known.alarm, int(self._clock() * 1000)
        made = Decided(alarm.id, alarm.path.code, "told", f"department:{one.name}", at_ms, told=told)
        details = {"what": "told", "path": made.path, "event": alarm.event, "source": alarm.source}
        details["kind"] = told.msg_type
        await self._recorder.record(Entry(at_ms, made.by, "alarm", ids.to_text(alarm.id), details=details))
        await self._bus.store(alarm_subjects.decided(alarm.path), decisions.encode(made))
        self._alarms.book.decide(made)

    def _order(self, one: Department, ident: bytes) -> Errand | None:
        return self._orders.errand(ident, one)

    def _name(self, code: str) -> str:
        path, divisions = Path(code), self._desk.roster.divisions
        return divisions.full_name(path) if path in divisions else code

    # --- what enters

    async def _answer(self, name: str, data: bytes) -> bytes:
        counted = self._answered.setdefault(name, Counted())
        try:
            one = next((one for one in self._folder.current() if one.name == name and one.desk), None)
            if one is None:
                raise NotFound(f"There is no duty desk of {name}.", f"没有 {name} 的值班室。")
            await self._orders.answer(one, data)
        except Problem as problem:
            counted.refused += 1
            log.warning("departments.answer_refused", department=name, problem=problem.en)
            return wire.refused(problem)
        counted.count += 1
        return wire.said(1)

    def _hear(self, _: str, data: bytes) -> None:
        try:
            self._here, self._here_s = wire.here(data), self._monotonic()
        except Problem as problem:
            log.error("departments.bad_message", problem=problem.en)

    # --- the page

    async def departments(self, request: asked.Departments, who: Actor) -> asked.DepartmentsReply:
        en, zh = self._folder.problem or ("", "")
        lines = tuple(map(self._line, self._folder.current()))
        return asked.DepartmentsReply(lines, self._monotonic() - self._here_s < GATEWAY_LOST_S, en, zh)

    def _line(self, one: Department) -> asked.DepartmentLine:
        found = self._lanes.get(one.name)
        counted = {} if found is None else dict(found[1].counted)
        counted[subjects.SAY_ANSWER] = self._answered.get(one.name, Counted())
        counted[subjects.SAY_ALARM] = Counted(self._here.taken.get(one.name, 0), self._here.refused.get(one.name, 0))
        here, left, problem = None, 0, ("", "")
        if found is not None:
            here, left, problem = found[1].here, found[1].left, found[1].problem or ("", "")
        return asked.DepartmentLine(
            one.name, one.title, one.by, one.at, shares(one, counted), here, left, *problem, url=one.url,
            desk=desk_of(one.node, one.name) if one.desk else "", desk_place=one.desk,
            desk_name=name_of(one) if one.desk else "",
        )  # fmt: skip


def _ended(name: str, task: asyncio.Task[Any] | asyncio.Future[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("departments.lane_failed", department=name, error=repr(error))
