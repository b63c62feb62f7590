"""The way to one department: what it is told goes one by one, orders first, and again until it has it.

What waits are names: what is said of each is made when its turn comes, so who was away for a day gets what is true now.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from fusioncmd.bus.port import Bus
from fusioncmd.departments import subjects, wire
from fusioncmd.departments.page import Counted
from fusioncmd.errors import BusDown, Problem

log = structlog.get_logger("departments")

WAITING_MAX = 1_000  # alarms that it was not told of yet; shed, the oldest
TAKE_S_MAX = 10.0
AGAIN_S_MIN, AGAIN_S_MAX = 1.0, 30.0
HELLO_EVERY_S = 15.0


@dataclass(frozen=True, slots=True)
class Errand:
    """`taken` is done once the department has it."""

    data: bytes
    taken: Callable[[], Awaitable[None]]


Make = Callable[[bytes], Errand | None]  # of a name; None: there is nothing to tell any more


@dataclass(slots=True)
class Lane:
    """`here`: it answered last; None: it was not asked yet."""

    bus: Bus
    name: str
    make: Mapping[str, Make]  # by subject; what stands first goes first
    waiting: dict[str, OrderedDict[bytes, None]] = field(init=False)
    counted: dict[str, Counted] = field(default_factory=dict)
    here: bool | None = None
    problem: tuple[str, str] | None = None
    shed: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _pause_s: float = AGAIN_S_MIN

    def __post_init__(self) -> None:
        self.waiting = {subject: OrderedDict() for subject in self.make}

    def put(self, subject: str, ident: bytes) -> None:
        queue = self.waiting[subject]
        if ident not in queue and len(queue) >= WAITING_MAX:
            queue.popitem(last=False)
            self.shed += 1
        queue[ident] = None
        self._wake.set()

    def count(self, subject: str) -> Counted:
        return self.counted.setdefault(subject, Counted())

    @property
    def left(self) -> int:
        return sum(map(len, self.waiting.values()))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if not self.left or self.here is False:
                await self._hello()
            while self.left and self.here is not False and await self._next():
                pass
            self._wake.clear()
            if self.here is False:
                await asyncio.sleep(self._pause_s)
                self._pause_s = min(self._pause_s * 2, AGAIN_S_MAX)
            elif not self.left:
                try:
                    async with asyncio.timeout(HELLO_EVERY_S):
                        await self._wake.wait()
                except TimeoutError:
                    pass

    async def _next(self) -> bool:
        """Whether to go on: not when it has to be tried again."""
        subject, ident = next((s, next(iter(queue))) for s, queue in self.waiting.items() if queue)
        queue = self.waiting[subject]
        try:
            errand = self.make[subject](ident)
            reply = wire.TakeReply() if errand is None else await self._ask(subject, errand.data)
            if reply is None:
                return False
            queue.pop(ident, None)  # before what follows: what changes meanwhile is put here anew
            if errand is not None and reply.fate == "taken":
                await errand.taken()
                self.count(subject).count += 1
                self.problem = None
            elif errand is not None:
                self.count(subject).refused += 1
                self.problem = f"it refuses: {reply.refused[:200]}", f"对方拒收：{reply.refused[:200]}"
                log.error("departments.refused", department=self.name, subject=subject, why=reply.refused[:200])
        except Problem as problem:  # it has it, and that could not be kept: told again, under the same name
            queue[ident] = None
            self._fail(problem.en, problem.zh)
            return False
        return True

    async def _hello(self) -> None:
        await self._ask(subjects.TAKE_HELLO, b"")

    async def _ask(self, subject: str, data: bytes) -> wire.TakeReply | None:
        """None: not now."""
        try:
            reply = wire.take_reply(await self.bus.ask(subjects.takes(self.name, subject), data, TAKE_S_MAX))
        except BusDown:  # nobody hears that subject
            self._fail("it is not there", "对方未接入")
            return None
        except Problem as problem:
            self._fail(problem.en, problem.zh)
            return None
        if reply.fate == "later":
            self._fail(reply.later[:200], reply.later[:200])
            return None
        if self.here is False:
            self.problem = None
        self.here, self._pause_s = True, AGAIN_S_MIN
        return reply

    def _fail(self, en: str, zh: str) -> None:
        if self.here is not False:
            log.warning("departments.not_here", department=self.name, problem=en)
        self.here, self.problem = False, (en, zh)
