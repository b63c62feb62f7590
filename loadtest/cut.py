"""`python -m loadtest cut`: links between tiers are cut, one way, both ways, in flaps, and nodes are killed meanwhile.

Three tiers in a chain (province, city, county), each with terminals of its own, and an emulated link between each two.
In every schedule orders are issued at all three while the links are cut as the seed says. Each side commands what it
reaches; when the links are back, all agree on every order, and the province's figures are held against what the
terminals did. A schedule that fails is named by its seed, and played again with `--schedules 1 --seed N`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from pyroaring import BitMap

from fusioncmd import api, ids
from fusioncmd.errors import Problem, Unavailable
from fusioncmd.messages import Order, Selector, encode
from loadtest import harness, measure
from loadtest.checker import Meant, Verdict, check
from loadtest.link.schedule import Cut, drawn
from loadtest.output import Result, note, show
from loadtest.people import People
from loadtest.reading import read_order
from loadtest.scenario import all_connected, pause_until
from loadtest.swarm.fleet import Fleet, launched
from loadtest.swarm.record import Record
from loadtest.tree import Branch, chain

CODES = ("44", "4401", "440106")
ANSWERS = ("here", "need help")
AGREE_S_MAX = 30.0
CUT_NS = 6_000_000_000
ORDER_EVERY_S = 0.9
ISSUE_S_MAX = 10.0
CONNECT_S_MAX = 60.0
KILLED_SHARE = 0.3  # of the schedules kill a node


@dataclass
class World:
    """`own`: whose terminals are at each tier; `orders`: those of this schedule, and where they were issued."""

    branches: list[Branch]
    fleets: list[Fleet]
    own: list[BitMap]
    people: People
    orders: list[tuple[int, Order]] = field(default_factory=list)
    every: dict[bytes, Order] = field(default_factory=dict)

    async def record(self) -> Record:
        merged = await self.fleets[0].record()
        for fleet in self.fleets[1:]:
            merged.merge(await fleet.record())
        return merged

    @property
    def connected(self) -> BitMap:
        return BitMap.union(*self.own)


async def run(given: argparse.Namespace) -> Result:
    conditions = {name: getattr(given, name) for name in ("schedules", "terminals", "seed")}
    result = Result("cut", measure.conditions() | conditions)
    agreed: list[float] = []
    issued = 0
    with harness.scratch() as folder:
        async with chain(folder, CODES, given.seed) as branches, _world(branches, given.terminals, folder) as world:
            for seed in range(given.seed, given.seed + given.schedules):
                took_s, verdict = await _schedule(world, seed)
                issued += len(world.orders)
                if took_s is None or not verdict.clean:
                    result.failures.append(f"seed {seed}: {'; '.join(verdict.examples) or 'they did not agree'}")
                if took_s is not None:
                    agreed.append(took_s)
                note(f"seed {seed}: {len(world.orders)} orders, agreed {_words(took_s)}, {_violations(verdict)}")
                await _close(world)
            result.verdict = await _final(world)
    result.add("schedules", given.schedules)
    result.add("orders", issued)
    result.add("agreed, of the schedules", len(agreed))
    if agreed:
        result.add("agreed after the links were back, median", sorted(agreed)[len(agreed) // 2], "s")
        result.add("agreed after the links were back, longest", max(agreed), "s")
    return result


def _words(took_s: float | None) -> str:
    return "never" if took_s is None else f"after {took_s:.1f} s"


def _violations(verdict: Verdict) -> str:
    found = [f"{kind} {count}" for kind, count in verdict.counts.items() if count]
    return ", ".join(found) or "exact"


@contextlib.asynccontextmanager
async def _world(branches: list[Branch], terminals: int, folder: Path) -> AsyncIterator[World]:
    """People, and terminals at the tier nearest to them."""
    top = branches[0].running
    await top.fill(30 * terminals, 1)
    people = await top.people()
    chosen: list[list[int]] = [[] for _ in branches]
    for number, place in zip(people.numbers, people.places, strict=True):
        at = max(n for n, branch in enumerate(branches) if place.startswith(branch.code))
        if len(chosen[at]) < terminals:
            chosen[at].append(number)
    wanted = {branch.code: len(people.meant_by(Selector((branch.code,)))) for branch in branches}
    for branch in branches:
        if not await pause_until(lambda branch=branch: _has(branch, wanted[branch.code]), AGREE_S_MAX):  # type: ignore[misc]
            raise Unavailable(f"{branch.code} does not get its roster.", f"{branch.code} 未收到名册。")
    async with contextlib.AsyncExitStack() as stack:
        fleets = []
        for branch, numbers in zip(branches, chosen, strict=True):
            mine = set(numbers)
            all_tickets = branch.running.tickets(people, len(people))
            tickets = [(number, ticket) for number, ticket in all_tickets if number in mine]
            fleet = await stack.enter_async_context(
                launched(tickets, branch.running.tier.port, "at-once", 1, folder / branch.code, 1)
            )
            await all_connected(fleet, CONNECT_S_MAX)
            fleets.append(fleet)
        yield World(branches, fleets, [BitMap(numbers) for numbers in chosen], people)


async def _has(branch: Branch, people: int) -> bool:
    return (await branch.running.commander.ask(api.Health())).people == people


async def _schedule(world: World, seed: int) -> tuple[float | None, Verdict]:
    """Orders while links are cut; then how long it takes until all agree, and whether that is what people did."""
    chance = random.Random(seed)
    world.orders = []
    ends = asyncio.get_running_loop().time() + CUT_NS / 1e9
    cutting = [
        asyncio.create_task(_cut(branch, drawn(chance.random, CUT_NS)))
        for branch in world.branches[1:]
        if chance.random() < 0.75
    ]
    if chance.random() < KILLED_SHARE:
        cutting.append(asyncio.create_task(_kill(chance.choice(world.branches), chance.uniform(1, 4))))
    while asyncio.get_running_loop().time() < ends:
        await _issue(world, chance)
        await asyncio.sleep(ORDER_EVERY_S * chance.uniform(0.5, 1.5))
    await asyncio.gather(*cutting)
    healed_s = time.monotonic()
    for branch in world.branches[1:]:
        assert branch.link is not None
        branch.link.heal()
    agreed = await pause_until(lambda: _agree(world), 2 * AGREE_S_MAX)
    took_s = time.monotonic() - healed_s
    verdict = await _verdict(world, [order for _, order in world.orders])
    return (took_s if agreed and took_s <= AGREE_S_MAX else None), verdict


async def _cut(branch: Branch, cuts: list[Cut]) -> None:
    assert branch.link is not None
    began_s = asyncio.get_running_loop().time()
    for cut in cuts:
        for start_ns, end_ns in cut.spans():
            await asyncio.sleep(max(0.0, began_s + start_ns / 1e9 - asyncio.get_running_loop().time()))
            branch.link.cut(cut.ways)
            await asyncio.sleep(max(0.0, began_s + end_ns / 1e9 - asyncio.get_running_loop().time()))
            branch.link.heal(cut.ways)


async def _kill(branch: Branch, after_s: float) -> None:
    await asyncio.sleep(after_s)
    os.kill(branch.running.pids()["node"], signal.SIGKILL)


async def _issue(world: World, chance: random.Random) -> None:
    """At any tier, to any place of its own; a node that was just killed issues nothing."""
    at = chance.randrange(len(world.branches))
    to = chance.choice([branch.code for branch in world.branches[at:]])
    ident = ids.make(int(time.time() * 1000), os.urandom(ids.ENTROPY_BYTES))
    draft = api.Draft(
        id=ident, text=f"From {world.branches[at].code} to {to}.", answers=ANSWERS, audience=Selector((to,)),
        status="exercise", open_s=3_600,
    )  # fmt: skip
    with contextlib.suppress(Unavailable):
        issued = await world.branches[at].running.commander.call(draft, ISSUE_S_MAX)
        world.orders.append((at, issued.order))
        world.every[issued.order.id] = issued.order


async def _agree(world: World) -> bool:
    """Whether every tier tells of each order what follows from who is connected: everyone has it and answered."""
    try:
        for _, order in world.orders:
            meant = world.people.meant_by(order.audience)
            for branch in world.branches:
                here = world.people.meant_by(Selector((branch.code,))) & meant
                if not here:
                    continue
                told = (await branch.running.commander.ask(api.Tally(order.id), timeout_s=2.0)).total
                if (told.targeted, sum(told.by_answer)) != (len(here), len(here & world.connected)):
                    return False
    except Problem:
        return False
    return True


async def _verdict(world: World, orders: list[Order]) -> Verdict:
    record, wanted = await world.record(), {order.id for order in orders}
    record.deeds = {ident: deeds for ident, deeds in record.deeds.items() if ident in wanted}
    meant = {order.id: Meant(world.people.meant_by(order.audience), encode(order)) for order in orders}
    top = world.branches[0].running.commander
    counted = {}
    for order in orders:
        with contextlib.suppress(Problem):
            counted[order.id] = await read_order(top, order)
    return check(record, meant, counted, world.connected)


async def _close(world: World) -> None:
    """Cancel what is open, where it was issued: a terminal names sixteen open orders at most."""
    for at, order in world.orders:
        ident = ids.make(int(time.time() * 1000), os.urandom(ids.ENTROPY_BYTES))
        draft = api.Draft(id=ident, msg_type="cancel", refs=order.id, text="End.", status=order.status)
        with contextlib.suppress(Problem):
            issued = await world.branches[at].running.commander.call(draft, ISSUE_S_MAX)
            world.every[issued.order.id] = issued.order


async def _final(world: World) -> Verdict:
    """All orders of all schedules, as the province tells them at the end."""
    alerts = [order for order in world.every.values() if order.msg_type == "alert"]
    return await _verdict(world, alerts)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--schedules", type=int, default=10)
    parser.add_argument("--terminals", type=int, default=20, help="at each tier")
    parser.add_argument("--seed", type=int, default=1)


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)
