"""Push subscriptions on their way from terminals to disk: a message each, at a bounded pace, confirmed when stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from fusioncmd import subjects, terminal
from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path
from fusioncmd.errors import Unavailable
from fusioncmd.ladder.wire import Subscription, encode

log = structlog.get_logger("subscriptions")

IN_FLIGHT_MAX = 64  # per gateway process; shed: the terminal says it again when it connects next
EACH_S = 60.0  # of one device: what comes sooner is shed
REMEMBERED_MAX = 65_536


class SubscriptionBox:
    """`stored(number)` is told once it is on disk."""

    def __init__(self, bus: Bus, stored: Callable[[int], None], clock: Callable[[], float]) -> None:
        self._bus, self._stored, self._clock = bus, stored, clock
        self._said_s: dict[tuple[int, bytes], float] = {}
        self._stores: set[asyncio.Task[None]] = set()
        self.shed = 0

    def take(self, said: terminal.Subscribe, number: int, town: str, device: bytes) -> None:
        now_s, key = self._clock(), (number, device)
        if len(self._stores) >= IN_FLIGHT_MAX or abs(now_s - self._said_s.get(key, -EACH_S)) < EACH_S:
            self.shed += 1
            return
        self._said_s[key] = now_s
        if len(self._said_s) > REMEMBERED_MAX:
            del self._said_s[next(iter(self._said_s))]
        data = encode(Subscription(number, said.endpoint, said.key, said.auth))
        task = asyncio.create_task(self._store(subjects.push(Path(town), number, device), data, key))
        self._stores.add(task)
        task.add_done_callback(self._stores.discard)

    async def _store(self, subject: str, data: bytes, key: tuple[int, bytes]) -> None:
        try:
            await self._bus.store(subject, data)
        except Unavailable as error:
            log.warning("subscriptions.not_stored", error=error.en)
            self._said_s.pop(key, None)
        else:
            self._stored(key[0])
