"""What is said on the bus from where nothing may wait: packets that come in, frames that are due. Live, never kept.

In order, by one task; what the bus does not take now is worth nothing a moment later, and is shed and counted.
"""

from __future__ import annotations

import asyncio
from collections import deque

from fusioncmd.bus.port import Bus
from fusioncmd.errors import Unavailable

WAITING_MAX = 4_096  # shed, the oldest


class Saying:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._some = asyncio.Event()
        self.shed = 0

    def say(self, subject: str, data: bytes) -> None:
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.popleft()
            self.shed += 1
        self._waiting.append((subject, data))
        self._some.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                subject, data = self._waiting.popleft()
                try:
                    await self._bus.say(subject, data)
                except Unavailable:
                    self.shed += 1
