"""Receipts from memory to disk, and then, and only then, the word to the terminals that they count.

A batch is stored until it is stored: the bus may be down for hours, the disk full; receipts stay gathered in bitmaps,
whose size has a bound, and no terminal is told anything meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from fusioncmd import limits, subjects
from fusioncmd.bus.port import Bus
from fusioncmd.errors import Unavailable
from fusioncmd.killpoint import reach
from fusioncmd.messages import Receipts, encode
from gateways.responder.gather import Batch, Gather, marks

log = structlog.get_logger("publisher")

RETRY_S_MIN = 0.1
RETRY_S_MAX = 2.0


class Publisher:
    def __init__(self, bus: Bus, gateway: str, on_stored: Callable[[Batch], None]) -> None:
        self._bus, self._gateway, self._on_stored = bus, gateway, on_stored
        self.gather = Gather()
        self._stores: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.failures = 0
        self.failing = False  # receipts wait, because the bus does not store them

    def wake(self) -> None:
        """Something was gathered: it goes out within GATHER_MS_MAX, or when a publish in flight has ended."""
        if self._timer is None and self.gather and len(self._stores) < limits.RECEIPTS_IN_FLIGHT_MAX:
            self._timer = asyncio.get_running_loop().call_later(limits.GATHER_MS_MAX / 1000, self._publish)

    @property
    def unsettled(self) -> bool:
        """Receipts are gathered, or on their way to the disk."""
        return bool(self.gather or self._stores)

    async def drain(self, wait_s: float) -> None:
        """Publish what is gathered and wait until all of it is stored, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while self.gather or self._stores:
                    if self.gather and len(self._stores) < limits.RECEIPTS_IN_FLIGHT_MAX:
                        self._publish()
                    else:
                        await asyncio.wait(self._stores, return_when=asyncio.FIRST_COMPLETED)
        for task in self._stores:
            task.cancel()
        if self._timer is not None:
            self._timer.cancel()

    def _publish(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        task = asyncio.create_task(self._store(self.gather.take()))
        self._stores.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._stores.discard(task)
        if not task.cancelled():
            task.result()
            self.wake()

    async def _store(self, batch: Batch) -> None:
        reach("gateway.receipts_gathered")
        data = encode(Receipts(self._gateway, marks(batch)))
        wait_s = RETRY_S_MIN
        while True:
            try:
                await self._bus.store(subjects.receipt(self._gateway), data)
                break
            except Unavailable as error:  # again: it may have been stored, and folding twice changes nothing
                self.failures += 1
                self.failing = True
                log.warning("publisher.retry", error=error.en, in_flight=len(self._stores))
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, RETRY_S_MAX)
        self.failing = False
        reach("gateway.receipts_stored")
        self._on_stored(batch)
