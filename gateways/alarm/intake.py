"""What comes from every way, on its way to the bus: folded, stored, and counted. The shell around what is pure here.

Whoever pushes hears that an alarm was taken when it is on disk. What is said again is stored each ten seconds at most;
a store that fails is tried again, in order, while up to `WAITING_MAX` wait behind it.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable

import structlog

from fusioncmd import ids
from fusioncmd.alarm import alarm as alarms
from fusioncmd.alarm import subjects
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.folding import Folder
from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path
from fusioncmd.errors import Forbidden, Problem, Unavailable

log = structlog.get_logger("alarm")

WAITING_MAX = 20_000  # alarms that are told and not stored yet; beyond: reject, and who pushes tries again
STORED_AT_ONCE_MAX = 64
RETRY_S = 0.3
DUE_S = 1.0


class Intake:
    """`serves`: whose alarms are taken here; `clock` gives seconds since 1970."""

    def __init__(self, bus: Bus, serves: Path, clock: Callable[[], float]) -> None:
        self._bus, self._serves, self._clock = bus, serves, clock
        self.folder = Folder()
        self._waiting: deque[tuple[Alarm, asyncio.Future[None] | None]] = deque()
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
        self._waiting.append((told, done))
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
                self._waiting.append((alarm, None))
                self._wake.set()

    async def _store_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                some = [self._waiting[i] for i in range(min(len(self._waiting), STORED_AT_ONCE_MAX))]
                if not await self._store(some):
                    await asyncio.sleep(RETRY_S)

    async def _store(self, some: list[tuple[Alarm, asyncio.Future[None] | None]]) -> bool:
        """Side by side, for a store waits for the disk; those that fail, and all behind them, stay."""
        stores = (self._bus.store(subjects.alarm(alarm.path), alarms.encode(alarm)) for alarm, _ in some)
        for (alarm, done), result in zip(some, await asyncio.gather(*stores, return_exceptions=True), strict=True):
            if isinstance(result, Unavailable):
                log.warning("alarm.not_stored", problem=result.en)
                return False
            self._waiting.popleft()
            if isinstance(result, BaseException):
                if not isinstance(result, Problem):
                    raise result
                log.error("alarm.not_storable", source=alarm.source, about=alarm.about, problem=result.en)
                self.refused += 1
            else:
                self.stored += 1
            if done is not None and not done.done():
                done.set_result(None) if not isinstance(result, Problem) else done.set_exception(result)
        return True

    def _name_the_limited(self) -> None:
        for source, count in self.folder.limited().items():
            if source not in self._limited:
                self._limited.add(source)
                log.error("alarm.source_limited", source=source, refused=count)
