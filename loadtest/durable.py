"""When answers came to be on disk: receipts, read back from the stream as they are stored there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator

from fusioncmd.bus.port import RECEIPT, Bus, Stored
from fusioncmd.messages import ANSWERED, Receipts, decode


class Durable:
    def __init__(self) -> None:
        self._last_s: dict[bytes, float] = {}

    def fold(self, stored: Stored) -> None:
        now_s = time.monotonic()
        for mark in decode(Receipts, stored.data).marks:
            if mark.stage == ANSWERED:
                self._last_s[mark.order] = now_s

    def last_s(self, order: bytes) -> float | None:
        """When the last batch with an answer to `order` was on disk (monotonic clock); None for one that had none."""
        return self._last_s.get(order)


@contextlib.asynccontextmanager
async def watched(bus: Bus) -> AsyncIterator[Durable]:
    """From now on, while the block runs."""
    durable = Durable()
    tail = await bus.tail(RECEIPT, durable.fold, from_seq=(await bus.edge(RECEIPT)).last + 1)
    try:
        yield durable
    finally:
        await tail.stop()
