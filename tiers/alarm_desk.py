"""The node's counter for alarms: what came, the duty officer's second look, and what playbooks did about each.

Alarms lie in a stream of their own, beside what was decided about them, so a restart knows both.
"""

from __future__ import annotations

import asyncio
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
from fusioncmd.alarm.book import Book, Known
from fusioncmd.alarm.playbook import Playbook
from fusioncmd.api import alarms as asked
from fusioncmd.audit.entries import Recorder
from fusioncmd.bus.port import ALARM, Bus, Stored
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, Forbidden, NotFound, Problem
from fusioncmd.messages import Order, PicturePart, decode
from tiers.alarm_beside import AlarmBeside
from tiers.alarm_orders import AlarmOrders
from tiers.alarm_places import AlarmPlaces
from tiers.alarm_playbooks import AlarmPlaybooks
from tiers.desk import Desk
from tiers.expert_calls import ExpertCalls
from tiers.playbook_file import PlaybookFile
from tiers.problems import Said
from tiers.serving import Answer

log = structlog.get_logger("alarms")


class AlarmDesk:
    """`clock` gives seconds since 1970."""

    def __init__(
        self, bus: Bus, desk: Desk, orders: AlarmOrders, places: AlarmPlaces, beside: AlarmBeside, data: FilePath,
        recorder: Recorder, clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self._bus, self._desk, self._orders, self._places = bus, desk, orders, places
        self._file, self.book = PlaybookFile(data), Book()
        self._playbooks = AlarmPlaybooks(bus, desk, self.book, self._file, orders, places, beside, recorder, clock)
        self._expert_calls = ExpertCalls(desk, self.book, self._file, beside, self._playbooks)
        self.bad = 0
        self.caught_up = asyncio.Event()

    def answers(self) -> dict[type[Any], Answer]:
        return {
            asked.Alarms: self.alarms, asked.OneAlarm: self.alarm, asked.LookAtAlarm: self.look,
            asked.DryPlaybooks: self.dry, asked.AlarmStill: self.still,
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
        async with asyncio.TaskGroup() as group:
            group.create_task(self._playbooks.run())
            group.create_task(self._expert_calls.run())

    def note_issued(self, order: Order) -> None:
        """An order was issued here, whoever did it."""
        self._playbooks.note_issued(order)

    def problems(self) -> Iterator[Said]:
        if self._file.problem is not None:
            yield self._file.problem
        yield from self._orders.missing(self._file.held)

    # --- what comes

    def _fold(self, stored: Stored) -> None:
        try:
            if stored.subject.startswith("fc.decided."):
                for decided in decisions.decode(stored.data):
                    self.book.decide(decided)
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
        self._playbooks.look_at(
            alarm.id, any(each.at_once for each, _ in self._places.applying(self._file.held, alarm))
        )

    # --- questions

    async def alarms(self, request: asked.Alarms, who: Actor) -> asked.AlarmsReply:
        place = self._desk.place(request.node, who).code
        found = list(self.book.newest(place, request.standing))
        if request.order is not None:
            found = [
                known for known in found if any(request.order in (each.order, each.calls) for each in known.decided)
            ]
        names = tuple(playbook.name for playbook in self._file.current())
        en, zh = self._file.problem or ("", "")
        return asked.AlarmsReply(tuple(map(_line, found[: request.limit])), len(found), names, en, zh)

    async def alarm(self, request: asked.OneAlarm, who: Actor) -> asked.AlarmReply:
        known = self._known(request.alarm, who)
        return self._reply(known)

    async def still(self, request: asked.AlarmStill, who: Actor) -> asked.AlarmStillReply:
        """NotFound where none was kept, or is no more."""
        alarm = self._known(request.alarm, who).alarm
        stored = await self._bus.last(subjects.still(Path(alarm.nodes[0]), alarm.id))
        if stored is None:
            raise NotFound(
                "There is no picture of this alarm, or it is not kept any more.", "该预警没有画面，或已不再保留。"
            )
        return asked.AlarmStillReply(decode(PicturePart, stored.data).data)

    async def look(self, request: asked.LookAtAlarm, who: Actor) -> asked.AlarmReply:
        """Of those whose place it all is: it may call down everybody there, or keep everybody from being called."""
        known, place = self._known(request.alarm, who), self._desk.place("", who).code
        if not all(node.startswith(place) for node in known.alarm.nodes):
            raise Forbidden(
                "This alarm is of more than your place: the second look is for who has all of it.",
                "该预警超出您的管辖范围，须由上级核实。",
            )
        await self._playbooks.decide(
            known,
            None,
            "confirmed" if request.confirm else "dismissed",
            by=who.name,
            words=(request.words, request.words),
        )
        self._playbooks.look_at(known.alarm.id, urgent=True)
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
        applies = tuple(self._applying(known, self._file.current()))
        for each in applies:
            if each.draft is not None:
                self._playbooks.offer(each.draft.id, known.alarm.id, each.playbook)
        return asked.AlarmReply(_line(known), applies, tuple(at), cameras)

    def _known(self, ident: bytes, who: Actor) -> Known:
        known = self.book.alarms.get(ident)
        place = self._desk.place("", who).code
        if known is None or not any(n.startswith(place) or place.startswith(n) for n in known.alarm.nodes):
            raise NotFound(f"There is no alarm {ids.to_text(ident)}.", f"没有预警 {ids.to_text(ident)}。")
        return known


def _line(known: Known) -> asked.AlarmLine:
    return asked.AlarmLine(
        known.alarm, known.standing, known.first_ms, known.times, known.gravest, tuple(known.decided)
    )
