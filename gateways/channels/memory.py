"""A channel without a network: keeps what it was given, and does with it as it is told. The twin of the real ones."""

from __future__ import annotations

import asyncio
from collections import deque

from gateways.channels.errand import Errand, Result


class MemorySender:
    """`script`: what becomes of the next errands, one each; then all are accepted."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, str]] = []  # accepted: number, address
        self.script: deque[Result] = deque()
        self.ready = True

    async def send(self, errand: Errand) -> Result:
        await asyncio.sleep(0)
        result = self.script.popleft() if self.script else Result("accepted")
        if result.fate == "accepted":
            self.sent.append((errand.number, errand.address))
        return result

    async def run(self) -> None:
        await asyncio.Event().wait()
