"""`python -m loadtest costs`: what the parts cost that a call-down does not weigh: the constants of `fusioncmd plan`.

A province's roster, orders to everyone, and evidence as 46 gateways would store it; a few live connections for the
heartbeat. Nothing is timed but stores on disk: CPU and memory are read from /proc, bytes from the store's own files.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import time
from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import NamedTuple

from pyroaring import BitMap

from fusioncmd import api, ids, subjects
from fusioncmd.codes import Path as Code
from fusioncmd.messages import ANSWERED, RECEIVED, SENT, Mark, Presence, Receipts, Report, Selector, encode
from loadtest import harness, measure
from loadtest.device_costs import add_devices
from loadtest.harness import Running
from loadtest.heartbeats import add_heartbeats
from loadtest.measure import stored_bytes
from loadtest.output import Result, note, show
from loadtest.people import People
from loadtest.scenario import Campaign

GATEWAYS = 46  # whose evidence and presence is played
IN_FLIGHT = 92  # two batches each
ORDERS = 6
REPORTS = 4_000
TEXT = "堤围出现管涌，已组织转移三十户，请求抢险队伍和沙袋支援。"
SMALL, LARGE = 20, 200  # people in a batch
BATCHES = 3_000
PRESENCE_ROUNDS = 10
REST_S = 2.0
SNAPSHOT_S_MAX = 40.0


class Spent(NamedTuple):  # CPU seconds
    node: float
    nats: float
    gateways: float


async def run(given: argparse.Namespace) -> Result:
    result = Result("costs", measure.conditions() | {"people": given.people})
    with harness.scratch() as folder:
        async with harness.running(folder, 2, note, played=GATEWAYS) as tier:
            await asyncio.sleep(REST_S)
            empty = measure.costs(tier.pids())
            result.add("memory of an idle gateway", empty["responder-1"].memory / 2**20, "MiB")
            result.add("memory of an idle node", empty["node"].memory / 2**20, "MiB")
            await _roster(tier, folder, empty, given, result)
            people = await tier.people()
            campaign = Campaign(tier.commander, people)
            await _orders(tier, folder, campaign, result)
            await _evidence(tier, folder, campaign, result)
            await _reports(tier, folder, campaign, result)
            await _presence(tier, people, result)
            await add_devices(tier, folder, people, result)
            held = [line.order.id for line in (await tier.commander.ask(api.Orders(2 * ORDERS))).lines]
            await add_heartbeats(tier, people, held, result)
            result.add("memory of the NATS server afterwards", measure.costs(tier.pids())["nats"].memory / 2**20, "MiB")
    return result


async def _roster(
    tier: Running, folder: Path, empty: dict[str, measure.Cost], given: argparse.Namespace, result: Result
) -> None:
    imported = await tier.fill(given.people, given.seed)
    while (await tier.commander.ask(api.Health())).people != given.people:
        await asyncio.sleep(0.1)
    now = measure.costs(tier.pids())
    result.add("import", imported.seconds, "s")
    result.add("node memory per person", (now["node"].memory - empty["node"].memory) / given.people, "B")
    result.add("roster stream per person", stored_bytes(folder, "FC_ROSTER") / given.people, "B")


async def _orders(tier: Running, folder: Path, campaign: Campaign, result: Result) -> None:
    """Orders that nobody has said anything of yet: to a role, and to everyone."""
    for whom, roles in (("a role of every fifth", ("flood",)), ("everyone", ())):
        before, stream = measure.costs(tier.pids()), stored_bytes(folder, "FC_CALL")
        for _ in range(ORDERS):
            await campaign.issue(
                text=TEXT, answers=("到岗", "在途", "需要支援"), audience=Selector(("44",), roles), status="exercise"
            )
        await asyncio.sleep(REST_S)
        grown = measure.costs(tier.pids())["responder-1"].memory - before["responder-1"].memory
        stored = stored_bytes(folder, "FC_CALL") - stream
        result.add(f"call stream per order to {whom}", stored / ORDERS / 1024, "KiB")
        result.add(f"gateway memory per order to {whom}", grown / ORDERS / 1024, "KiB")


async def _evidence(tier: Running, folder: Path, campaign: Campaign, result: Result) -> None:
    """Small batches and large ones, so that a batch's cost and a person's come apart; then all the rest."""
    memory = measure.costs(tier.pids())["node"].memory
    first, second, *_ = orders = [order.id for order in campaign.orders[-ORDERS:]]
    small = await _batches(tier, folder, first, campaign.people, SMALL, BATCHES)
    large = await _batches(tier, folder, second, campaign.people, LARGE, BATCHES)
    for name, per, unit in (("node", "node CPU", "µs"), ("nats", "NATS CPU", "µs"), ("bytes", "bytes", "B")):
        per_person = (large[name] - small[name]) / (LARGE - SMALL)
        result.add(f"receipts: {per} per person in a batch", per_person, unit)
        result.add(f"receipts: {per} per batch", small[name] - SMALL * per_person, unit)
    result.add("receipts: batches stored in a second", small["rate"])
    for ident in orders:
        await _batches(tier, folder, ident, campaign.people, 5_000, 1 << 30)
    grown = measure.costs(tier.pids())["node"].memory - memory
    result.add("node memory per order that everyone answered", grown / ORDERS / 2**20, "MiB")
    deadline_s = time.monotonic() + SNAPSHOT_S_MAX
    files = [folder / "ledger" / f"{ids.to_text(ident)}.order" for ident in orders]
    started_s = time.time()
    while time.monotonic() < deadline_s and not all(f.exists() and f.stat().st_mtime > started_s for f in files):
        await asyncio.sleep(0.5)
    written = sum(f.stat().st_size for f in files)
    result.add("ledger file per order that everyone answered", written / ORDERS / 2**20, "MiB")


async def _batches(
    tier: Running, folder: Path, order: bytes, people: People, size: int, batches_max: int
) -> dict[str, float]:
    """Evidence on disk in batches of `size`, at most so many; what one of them took."""
    everyone = sorted(people.numbers)
    answer_of = random.Random(1)
    made: list[tuple[str, bytes]] = []
    for gateway in range(GATEWAYS):
        here = everyone[gateway::GATEWAYS]
        for start in range(0, len(here), size):
            some = here[start : start + size]
            answers: list[list[int]] = [[], [], []]
            for number in some:
                answers[answer_of.choice((0, 0, 0, 1, 2))].append(number)
            marks = [Mark(order, SENT, None, packed(some)), Mark(order, RECEIVED, None, packed(some))]
            marks += [Mark(order, ANSWERED, i, packed(given)) for i, given in enumerate(answers) if given]
            name = f"played-{gateway}"
            made.append((subjects.receipt(name), encode(Receipts(name, tuple(marks)))))
    made = made[:batches_max]
    before = measure.costs(tier.pids())
    started_s = time.monotonic()
    await _each((tier.played[subject.split(".")[-1]].store(subject, data) for subject, data in made), IN_FLIGHT)
    took_s = time.monotonic() - started_s
    await asyncio.sleep(REST_S)
    spent = _spent(before, measure.costs(tier.pids()))
    count = len(made)
    return {
        "node": 1e6 * spent.node / count, "nats": 1e6 * spent.nats / count, "rate": count / took_s,
        "bytes": sum(len(data) for _, data in made) / count,
    }  # fmt: skip


async def _reports(tier: Running, folder: Path, campaign: Campaign, result: Result) -> None:
    before, stream = measure.costs(tier.pids()), stored_bytes(folder, "FC_REPORT")
    order, numbers = campaign.orders[0].id, campaign.people.numbers
    now_ms = int(time.time() * 1000)
    made = [
        (
            subjects.report(Code(campaign.people.places[i][:9])),
            encode(Report(ids.make(now_ms, os.urandom(10)), order, numbers[i], now_ms, TEXT, 23.1291, 113.2644)),
        )
        for i in range(REPORTS)
    ]
    await _each((tier.played["played-0"].store(subject, data) for subject, data in made), IN_FLIGHT)
    await asyncio.sleep(REST_S)
    now = measure.costs(tier.pids())
    result.add("node memory per report", (now["node"].memory - before["node"].memory) / REPORTS, "B")
    result.add("report stream per report", (stored_bytes(folder, "FC_REPORT") - stream) / REPORTS, "B")
    result.add("node and NATS CPU per report", 1e6 * sum(_spent(before, now)[:2]) / REPORTS, "µs")


async def _presence(tier: Running, people: People, result: Result) -> None:
    """What 46 gateways with everybody connected say each second."""
    everyone = sorted(people.numbers)
    said = [
        (f"played-{i}", encode(Presence(f"played-{i}", "responder", packed(everyone[i::GATEWAYS]))))
        for i in range(GATEWAYS)
    ]
    before = measure.costs(tier.pids())
    for _ in range(PRESENCE_ROUNDS):
        for name, data in said:
            await tier.played[name].say(subjects.presence(name), data)
        await asyncio.sleep(0.5)
    await asyncio.sleep(REST_S)
    spent = _spent(before, measure.costs(tier.pids()))
    times = PRESENCE_ROUNDS * len(everyone)
    result.add("presence: bytes per person connected", sum(len(data) for _, data in said) / len(everyone), "B")
    result.add("presence: node CPU per person and second", 1e9 * spent.node / times, "ns")
    result.add("presence: NATS CPU per person and second", 1e9 * spent.nats / times, "ns")


async def _each(stores: Iterable[Awaitable[object]], in_flight: int) -> None:
    room = asyncio.Semaphore(in_flight)

    async def one(store: Awaitable[object]) -> None:
        async with room:
            await store

    await asyncio.gather(*(one(store) for store in stores))


def packed(numbers: list[int]) -> bytes:
    return BitMap(numbers).serialize()


def _spent(before: dict[str, measure.Cost], now: dict[str, measure.Cost]) -> Spent:
    def cpu_s(name: str) -> float:
        return sum(now[n].cpu_s - before[n].cpu_s for n in now if n.startswith(name))

    return Spent(cpu_s("node"), cpu_s("nats"), cpu_s("responder"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=840_000)
    parser.add_argument("--seed", type=int, default=1)


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)
