"""The lean swarm as its parent sees it: client processes that share the terminals among them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from loadtest.compare.processes import Worker, worker
from loadtest.compare.servers import Plan, Server
from loadtest.swarm.dialling import SOURCES
from loadtest.swarm.fleet import TERMINALS_PER_PROCESS_MAX


class Standing(NamedTuple):
    """All client processes together, in this round; times are those of the monotonic clock."""

    live: int
    delivered: int
    confirmed: int
    again: int
    last_delivered_s: float
    last_confirmed_s: float
    ends: dict[str, int]  # connections that ended, by reason


@dataclass(frozen=True, slots=True)
class Swarm:
    clients: list[Worker]

    async def begin(self) -> None:
        """A round begins: nobody has the order."""
        await self._all("go")

    async def standing(self) -> Standing:
        found = await self._all("status")
        ends: dict[str, int] = {}
        for status in found:
            for why, times in status["ends"].items():
                ends[why] = ends.get(why, 0) + times
        sums = {name: sum(s[name] for s in found) for name in ("live", "delivered", "confirmed", "again")}
        last = {name: max(s[name] for s in found) for name in ("last_delivered_s", "last_confirmed_s")}
        return Standing(**sums, **last, ends=ends)

    async def _all(self, word: str) -> list[Any]:
        return await asyncio.gather(*(client.ask(word) for client in self.clients))


@contextlib.asynccontextmanager
async def dialling(server: Server, plan: Plan, processes: int) -> AsyncIterator[Swarm]:
    """Terminals that begin to connect at once, from as many processes as that takes; gone when the block ends."""
    count = max(processes, -(-plan.terminals // TERMINALS_PER_PROCESS_MAX))
    clients: list[Worker] = []
    async with contextlib.AsyncExitStack() as stack:
        first = 0
        for p in range(count):
            terminals = plan.terminals // count + (p < plan.terminals % count)
            arguments: list[object] = [
                "--dialect", server.dialect, "--port", server.port, "--path", server.path or "/",
                "--first", first, "--terminals", terminals, "--source", f"127.0.{1 + p // 50}.{1 + SOURCES * (p % 50)}",
            ]  # fmt: skip
            if server.tickets is not None:
                arguments += ["--tickets", server.tickets]
            clients.append(await stack.enter_async_context(worker("loadtest.compare.client", *arguments)))
            first += terminals
        yield Swarm(clients)
