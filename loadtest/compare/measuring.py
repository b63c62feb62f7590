"""One server measured: connected to, called down round by round, and weighed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from statistics import median

from loadtest import measure
from loadtest.compare.servers import Answered, Plan, Server
from loadtest.compare.swarm import Standing, Swarm, dialling
from loadtest.compare.weighing import memory_of

CONNECT_S_MAX = 300.0
ROUND_S_MAX = 120.0
STALL_S_MAX = 10.0  # nothing more has come for so long: what is missing is lost
POLL_S = 0.02
REST_S = 1.5  # after connecting: what servers do later for a connection is part of its cost
SETTLE_S = 0.3  # after a round, before CPU is read


@dataclass(slots=True)
class Row:
    """What one server did; medians over rounds, losses of all rounds together.

    Seconds are from the moment at which the order was asked for. `note` says why figures are missing.
    """

    name: str
    note: str = ""
    delivered_s: float | None = None
    counted_s: float | None = None  # the last answer read by the program that counts
    confirmed_s: float | None = None  # the last answer on disk, and its terminal told so
    deliveries_lost: int | None = None
    answers_lost: int | None = None
    round_us: float | None = None  # CPU of all server processes per delivery and answer
    connect_us: float | None = None
    memory_b: int | None = None  # of all server processes, per connection
    order_bytes: int | None = None  # of a delivery, without the transport's framing
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Round:
    delivered_s: float
    counted_s: float
    confirmed_s: float
    deliveries_lost: int
    answers_lost: int
    cpu_s: float


async def measured(name: str, server: Server, plan: Plan, clients: int, rounds: int) -> Row:
    """The row of a server that is up."""
    row = Row(name)
    cpu_s, memory = _cpu_s(server), _memory(server)
    async with dialling(server, plan, clients) as swarm:
        standing = await _until_live(swarm, plan.terminals)
        if standing.live < plan.terminals:
            row.failures.append(f"{name}: only {standing.live:,} of {plan.terminals:,} terminals could connect.")
            row.failures += _ends(name, standing)
            return row
        await asyncio.sleep(REST_S)
        row.connect_us = 1e6 * (_cpu_s(server) - cpu_s) / plan.terminals
        row.memory_b = round((_memory(server) - memory) / plan.terminals)
        done = [await _round(server, swarm, plan.terminals, row) for _ in range(rounds)]
        row.failures += _ends(name, await swarm.standing())
    row.order_bytes = server.order_bytes
    row.delivered_s = median(r.delivered_s for r in done)
    row.counted_s = median(r.counted_s for r in done)
    row.confirmed_s = median(r.confirmed_s for r in done) if server.confirms else None
    row.deliveries_lost = sum(r.deliveries_lost for r in done)
    row.answers_lost = sum(r.answers_lost for r in done)
    row.round_us = 1e6 * median(r.cpu_s for r in done) / plan.terminals
    return row


async def _until_live(swarm: Swarm, terminals: int) -> Standing:
    give_up = time.monotonic() + CONNECT_S_MAX
    while True:
        standing = await swarm.standing()
        if standing.live == terminals or standing.ends or time.monotonic() > give_up:
            return standing
        await asyncio.sleep(POLL_S)


async def _round(server: Server, swarm: Swarm, terminals: int, row: Row) -> Round:
    await swarm.begin()
    cpu_s = _cpu_s(server)
    started_s = time.monotonic()
    await server.call()
    standing, answered = await _until_done(server, swarm, terminals, started_s)
    await asyncio.sleep(SETTLE_S)
    cpu_s = _cpu_s(server) - cpu_s
    if standing.again or answered.strange:
        row.failures.append(
            f"{row.name}: {standing.again} deliveries came twice, {answered.strange} answers are strange."
        )
    missing = terminals - standing.confirmed if server.confirms else 0
    if missing:
        row.failures.append(f"{row.name}: {missing:,} answers were not confirmed.")
    return Round(
        max(standing.last_delivered_s - started_s, 0.0),  # 0 when none came
        max(answered.last_s - started_s, 0.0),
        max(standing.last_confirmed_s - started_s, 0.0),
        terminals - standing.delivered,
        terminals - answered.answered,
        cpu_s,
    )


async def _until_done(server: Server, swarm: Swarm, terminals: int, started_s: float) -> tuple[Standing, Answered]:
    """Until everyone has the order and every answer is counted and, where there is such a thing, confirmed; or until
    nothing comes any more.

    The server side is asked only when the terminals have nothing to wait for: asking costs it time.
    """
    progress, progress_s = -1, started_s
    answered = Answered(0, started_s)
    while True:
        standing = await swarm.standing()
        whole = standing.delivered == terminals and (not server.confirms or standing.confirmed == terminals)
        now_s = time.monotonic()
        if whole or now_s - progress_s > STALL_S_MAX / 2:
            answered = await server.answers()
            if whole and answered.answered == terminals:
                return standing, answered
        reached = standing.delivered + standing.confirmed + answered.answered
        if reached != progress:
            progress, progress_s = reached, now_s
        if now_s - progress_s > STALL_S_MAX or now_s - started_s > ROUND_S_MAX:
            return standing, await server.answers()
        await asyncio.sleep(POLL_S)


def _cpu_s(server: Server) -> float:
    return sum(cost.cpu_s for cost in measure.costs(server.pids()).values())


def _memory(server: Server) -> int:
    return sum(memory_of(pid) for pid in server.pids().values())


def _ends(name: str, standing: Standing) -> list[str]:
    return [f"{name}: {times:,} connections ended: {why}." for why, times in standing.ends.items()]
