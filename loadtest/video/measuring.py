"""One server of the video benchmark measured: with more and more viewers at the live rate, and with the rate raised."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from loadtest.compare.processes import Worker, worker
from loadtest.compare.weighing import memory_of
from loadtest.measure import cost
from loadtest.video.browsers import Seen, watching
from loadtest.video.servers import Served, told

SETTLE_S, DRAIN_S = 2.0, 0.5
SPEEDS = (2, 4, 8, 12, 16, 24, 32, 48, 64)  # times the live rate
STEP_S, BUSY_CPU, LOST_MAX = 4.0, 0.97, 0.01  # of a step; the share of a core, or of packets, at which they end
CLIENTS = 2  # processes of viewers


@dataclass(slots=True)
class Live:
    """One rate, so many viewers. Delays are to the last of the viewers, of each packet of the source."""

    viewers: int
    live: int
    sent: int  # by the source
    lost: int  # to all viewers together, for good
    late: int  # came when asked for again
    cpu_percent: float  # of a core, of the process that forwards
    beside_percent: dict[str, float]
    p50_ms: float
    p99_ms: float
    worst_ms: float
    memory_b: int  # of the process that forwards, more than without viewers

    @property
    def viewer_percent(self) -> float:
        return self.cpu_percent / self.viewers


@dataclass(slots=True)
class Busy:
    """The fastest step in which no more than 1 % of packets were lost."""

    viewers: int
    speed: int
    per_s: float  # packets forwarded in a second of the clock
    cpu: float  # cores
    lost: int

    @property
    def per_core(self) -> float:
        """Packets forwarded in a second of CPU."""
        return self.per_s / self.cpu

    @property
    def packet_us(self) -> float:
        return 1e6 / self.per_core


@dataclass(slots=True)
class Row:
    name: str
    note: str = ""
    profile: str = ""
    live: list[Live] = field(default_factory=list)
    busy: Busy | None = None
    seen: list[Seen] = field(default_factory=list)  # by real browsers


async def live(
    row: Row, served: Served, source: Worker, address: str, *, viewers: list[int], seconds: float, browsers: int
) -> None:
    """At the live rate: with more and more viewers, and at last with browsers among them."""
    memory = memory_of(served.pid)
    async with _clients(address) as clients:
        here = 0
        for many in viewers:
            await _opened(served, clients, here, many)
            here = many
            row.live.append(await _live(served, source, clients, many, memory, seconds))
        if browsers and served.page is not None:
            url, token = served.page
            async with watching(url, [token(f"browser {n}") for n in range(browsers)]) as pages:
                await pages.begin()
                await asyncio.sleep(seconds)
                row.seen = await pages.seen(seconds)
        row.profile = ", ".join(sorted({one for said in await _all(clients, "status") for one in said["profiles"]}))


async def busy(row: Row, served: Served, source: Worker, address: str, *, viewers: int) -> None:
    """The rate raised until it is busy; of a server that has done nothing before."""
    async with _clients(address) as clients:
        await _opened(served, clients, 0, viewers)
        row.busy = await _busy(served, source, clients, viewers)


async def _opened(served: Served, clients: list[Worker], here: int, many: int) -> None:
    """So many viewers, of whom some are here."""
    shares = [(many + i) // CLIENTS - (here + i) // CLIENTS for i in range(CLIENTS)]
    for client, share in zip(clients, shares, strict=True):
        if share:
            await told(client, served.watch(share, here))
            here += share


@contextlib.asynccontextmanager
async def _clients(address: str) -> AsyncIterator[list[Worker]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(worker("loadtest.video.viewers", "--address", address))
            for _ in range(CLIENTS)
        ]


async def _live(served: Served, source: Worker, clients: list[Worker], many: int, memory: int, seconds: float) -> Live:
    await _all(clients, "exact")
    await asyncio.sleep(SETTLE_S)
    await _all(clients, "clear")
    before, began = _cpu(served), time.monotonic()
    sent: int = (await source.ask("status"))["sent"]
    await asyncio.sleep(seconds)
    after, passed = _cpu(served), time.monotonic() - began
    sent = (await source.ask("status"))["sent"] - sent
    await asyncio.sleep(DRAIN_S)
    found, delays = await _all(clients, "status"), await _all(clients, "delays")
    last: dict[str, int] = {}
    for one in delays:
        for number, us in one["last_us"].items():
            last[number] = max(us, last.get(number, 0))
    ms = sorted(us / 1_000 for us in last.values()) or [float("nan")]
    used = {name: 100 * (after[name] - before[name]) / passed for name in after}
    return Live(
        many, sum(one["live"] for one in found), sent, sum(one["lost"] + one["strange"] for one in found),
        sum(one["late"] for one in found), used.pop(""), used, ms[len(ms) // 2], ms[len(ms) * 99 // 100], ms[-1],
        memory_of(served.pid) - memory,
    )  # fmt: skip


async def _busy(served: Served, source: Worker, clients: list[Worker], many: int) -> Busy | None:
    await _all(clients, "count")
    best: Busy | None = None
    for speed in SPEEDS:
        await told(source, f"go {speed}")
        await asyncio.sleep(1.0)
        await _all(clients, "clear")
        before, began = _cpu(served)[""], time.monotonic()
        await asyncio.sleep(STEP_S)
        cpu, passed = _cpu(served)[""] - before, time.monotonic() - began
        found = await _all(clients, "status")
        unread = sum(one["unread"] for one in found)  # it forwarded them: who measures was too slow
        came = sum(sum(one["came"]) for one in found) + unread
        lost = max(0, sum(one["lost"] for one in found) - unread)
        if came == 0 or lost > LOST_MAX * came:
            break
        best = Busy(many, speed, came / passed, cpu / passed, lost)
        if best.cpu > BUSY_CPU:
            break
    return best


def _cpu(served: Served) -> dict[str, float]:
    return {"": cost(served.pid).cpu_s} | {name: cost(pid).cpu_s for name, pid in served.beside.items()}


async def _all(clients: list[Worker], words: str) -> list[Any]:
    return await asyncio.gather(*(client.ask(words) for client in clients))
