"""What comes from every way, on its way to the bus: folded, stored, and counted. The shell around what is pure here.

Whoever pushes hears that an alarm was taken when it is on disk. What is said again is stored each ten seconds at most,
after what is new; a store that fails is tried again, in order, while up to `WAITING_MAX` wait behind it.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict, deque
from collections.abc import Callable
from itertools import islice

import structlog
from msgspec import structs

from fusioncmd import ids
from fusioncmd.alarm import alarm as alarms
from fusioncmd.alarm import subjects
from fusioncmd.alarm.alarm import TIMES_MAX, Alarm
from fusioncmd.alarm.folding import Folder
from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path
from fusioncmd.errors import Forbidden, Problem, Unavailable

log = structlog.get_logger("alarm")

WAITING_MAX = 20_000  # alarms that are told and not stored yet; beyond: reject, and who pushes tries again
STORED_AT_ONCE_MAX = 64
AGAIN_AT_ONCE_MAX = 8  # so that what is new waits for few of these
RETRY_S = 0.3
DUE_S = 1.0


class Intake:
    """`serves`: whose alarms are taken here; `clock` gives seconds since 1970."""

    def __init__(self, bus: Bus, serves: Path, clock: Callable[[], float]) -> None:
        self._bus, self._serves, self._clock = bus, serves, clock
        self.folder = Folder()
        self._waiting: deque[tuple[Alarm, asyncio.Future[None]]] = deque()
        self._again: OrderedDict[tuple[str, str], Alarm] = OrderedDict()
        self._wake = asyncio.Event()
        self.stored = self.refused = 0
        self._limited: set[str] = set()

    @property
    def serves(self) -> str:
        return self._serves.code

    @property
    def now_ms(self) -> int:
        return int(self._clock() * 1000)

    def make_id(self, now_ms: int) -> bytes:
        return ids.make(now_ms, os.urandom(ids.ENTROPY_BYTES))

    def tell(self, alarm: Alarm) -> asyncio.Future[None] | None:
        """To be waited for until it is on disk; None: it was said lately, and is counted. Forbidden where it
        is of no place here; Unavailable when too much waits."""
        if not all(node.startswith(self._serves.code) for node in alarm.nodes):
            beyond = next(node for node in alarm.nodes if not node.startswith(self._serves.code))
            raise Forbidden(f"{beyond} lies beyond {self._serves}.", f"{beyond} 不在 {self._serves} 范围内。")
        if len(self._waiting) >= WAITING_MAX:
            raise Unavailable("More alarms come than can be stored.", "预警来得过快，暂无法存储。")
        told = self.folder.hear(alarm, self.now_ms)
        if told is None:
            self._name_the_limited()
            return None
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._with_what_waits(told), done))
        self._wake.set()
        return done

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._store_all())
            group.create_task(self._say_again())

    async def _say_again(self) -> None:
        while True:
            await asyncio.sleep(DUE_S)
            for alarm in self.folder.due(self.now_ms):
                self._again[alarm.key] = self._with_what_waits(alarm)
                self._wake.set()

    def _with_what_waits(self, told: Alarm) -> Alarm:
        """What was said of the same before and is not stored yet counts with it."""
        before = self._again.pop(told.key, None)
        return told if before is None else _with(told, before)

    async def _store_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting or self._again:
                if not await (self._store_new() if self._waiting else self._store_again()):
                    await asyncio.sleep(RETRY_S)

    async def _store_new(self) -> bool:
        """False: the bus is down; those that failed, and all behind them, stay."""
        some = list(islice(self._waiting, STORED_AT_ONCE_MAX))
        for problem in await self._store([alarm for alarm, _ in some]):
            if isinstance(problem, Unavailable):
                return False
            _, done = self._waiting.popleft()
            if not done.done():
                done.set_result(None) if problem is None else done.set_exception(problem)
        return True

    async def _store_again(self) -> bool:
        some = [self._again.popitem(last=False)[1] for _ in range(min(len(self._again), AGAIN_AT_ONCE_MAX))]
        stored = await self._store(some)
        down = [alarm for alarm, problem in zip(some, stored, strict=True) if isinstance(problem, Unavailable)]
        for alarm in down:
            self._put_back(alarm)
        return not down

    def _put_back(self, alarm: Alarm) -> None:
        """What could not be stored counts with what was said of the same meanwhile, which is newer."""
        for i, (newer, done) in enumerate(self._waiting):
            if newer.key == alarm.key:
                self._waiting[i] = _with(newer, alarm), done
                return
        said = self._again.get(alarm.key)
        self._again[alarm.key] = alarm if said is None else _with(said, alarm)

    async def _store(self, some: list[Alarm]) -> list[Problem | None]:
        """Side by side, for a store waits for the disk. What was wrong with each."""
        stores = (self._bus.store(subjects.alarm(alarm.path), alarms.encode(alarm)) for alarm in some)
        found: list[Problem | None] = []
        for alarm, result in zip(some, await asyncio.gather(*stores, return_exceptions=True), strict=True):
            if isinstance(result, Unavailable):
                log.warning("alarm.not_stored", problem=result.en)
            elif isinstance(result, Problem):
                log.error("alarm.not_storable", source=alarm.source, about=alarm.about, problem=result.en)
                self.refused += 1
            elif isinstance(result, BaseException):
                raise result
            else:
                self.stored += 1
            found.append(result if isinstance(result, Problem) else None)
        return found

    def _name_the_limited(self) -> None:
        for source, count in self.folder.limited().items():
            if source not in self._limited:
                self._limited.add(source)
                log.error("alarm.source_limited", source=source, refused=count)


def _with(alarm: Alarm, before: Alarm) -> Alarm:
    return structs.replace(alarm, times=min(TIMES_MAX, alarm.times + before.times))
