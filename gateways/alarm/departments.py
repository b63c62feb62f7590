"""Departments at the gateway of alarms: what they say is taken here, and those without NATS are told by HTTP from here.

The files of the tier say who they are; they are read again when they change. The shell around `department_alarms.py`.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog

from fusioncmd.bus.port import Bus
from fusioncmd.departments import subjects, wire
from fusioncmd.departments.department import Department
from fusioncmd.departments.folder import DepartmentFolder, token_of
from fusioncmd.errors import BadInput, Forbidden, NotFound, Problem, Unavailable
from gateways.alarm.department_alarms import DepartmentAlarms
from gateways.alarm.department_feed import DepartmentFeed
from gateways.alarm.desk import Desk
from gateways.alarm.posting import Posting

log = structlog.get_logger("alarm")

LOOK_EVERY_S = 1.0
HERE_EVERY_S = 5
ASK_S_MAX = 5.0


class Departments:
    """`bus_folder`: where the users of the bus are, and departments beside them."""

    def __init__(self, bus: Bus, desk: Desk, alarms: DepartmentAlarms, bus_folder: Path, clock: Callable[[], float]):
        self._bus, self._desk, self._alarms, self._data, self._clock = bus, desk, alarms, bus_folder, clock
        self._folder = DepartmentFolder(bus_folder)
        self._served: set[str] = set()
        self._posting, self.feed = Posting(), DepartmentFeed(bus_folder.parent)
        self.taken: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    async def run(self) -> None:
        """Until cancelled."""
        looked = 0
        try:
            while True:
                await self._serve_all()
                self.feed.keep(one.name for one in self._folder.current() if one.feed)
                if looked % HERE_EVERY_S == 0:
                    await self._say_here()
                looked += 1
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            await self._posting.close()

    # --- what they say

    async def alarm(self, name: str, data: bytes) -> int:
        """How many alarms came of it."""
        try:
            one = self._known(name)
            if not one.gives:
                raise Forbidden(f"{name} gives no alarms here.", f"{name} 未获准提供预警。")
            made = self._alarms.alarms(one, data, self._desk.now_ms, self._clock())
            await self._desk.tell(made)
        except Problem as problem:
            self.refused[name[:32]] += 1
            log.warning("alarm.department_refused", department=name[:32], problem=problem.en)
            raise
        self.taken[name] += 1
        return len(made)

    async def answer(self, name: str, data: bytes) -> Any:
        """What the node says to an answer of a duty desk without NATS."""
        return msgspec.json.decode(await self._bus.ask(subjects.says_answer(name), data, ASK_S_MAX))

    def check(self, name: str, shown: str) -> None:
        """Forbidden: it does not show the token of that department."""
        one = next((one for one in self._folder.current() if one.name == name and one.by != "nats"), None)
        token = token_of(self._data, name) if one is not None else ""
        basic = base64.b64encode(f"{name}:{token}".encode()).decode()
        known = [hmac.compare_digest(shown.encode(), way.encode()) for way in (f"Bearer {token}", f"Basic {basic}")]
        if not token or not any(known):
            raise Forbidden("The token of this department is not shown.", "未出示该部门的令牌。")

    def _known(self, name: str) -> Department:
        one = next((one for one in self._folder.current() if one.name == name), None)
        if one is None:
            raise NotFound(f"There is no department {name[:32]}.", f"没有部门 {name[:32]}。")
        return one

    # --- on the bus

    async def _serve_all(self) -> None:
        for one in self._folder.current():
            if one.by == "nats" and one.gives:
                await self._serve(subjects.says_alarm(one.name), self._answering(one.name))
            elif one.by != "nats":
                for what in subjects.TAKEN:
                    await self._serve(subjects.takes(one.name, what), self._telling(one.name, what))

    async def _serve(self, subject: str, server: Callable[[bytes], Any]) -> None:
        if subject not in self._served:
            await self._bus.serve(subject, server)
            self._served.add(subject)

    def _answering(self, name: str) -> Callable[[bytes], Any]:
        async def answer(data: bytes) -> bytes:
            try:
                return wire.said(await self.alarm(name, data))
            except Problem as problem:
                return wire.refused(problem)

        return answer

    async def _say_here(self) -> None:
        try:
            await self._bus.say(subjects.HERE, msgspec.json.encode(wire.Here(dict(self.taken), dict(self.refused))))
        except Unavailable as problem:
            log.warning("alarm.not_said", problem=problem.en)

    # --- those without NATS are told

    def _telling(self, name: str, what: str) -> Callable[[bytes], Any]:
        async def tell(data: bytes) -> bytes:
            return msgspec.json.encode(await self._post(name, what, data))

        return tell

    async def _publish(self, name: str, data: bytes) -> wire.TakeReply:
        try:
            await asyncio.to_thread(self.feed.put, name, data)
        except Problem as problem:
            return wire.TakeReply(later=problem.en[:200])
        return wire.TakeReply()

    def atom(self, name: str) -> bytes:
        return self.feed.atom(name, self._known(name).title)

    async def _post(self, name: str, what: str, data: bytes) -> wire.TakeReply:
        try:
            one = self._known(name)
            if one.by == "nats":
                return wire.TakeReply(refused=f"{name} has a key of the bus now")
            token = token_of(self._data, name)
        except (NotFound, BadInput) as problem:
            return wire.TakeReply(later=problem.en)
        if one.feed:
            return wire.TakeReply() if what == subjects.TAKE_HELLO else await self._publish(name, data)
        if what == subjects.TAKE_HELLO:
            return await self._posting.hello(one.url)
        return await self._posting.post(one.url, what.partition(".")[2], data, token, self._clock())
