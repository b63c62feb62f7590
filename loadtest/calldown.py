"""`python -m loadtest calldown`: one call-down to live terminals, timed, weighed, and checked to the last person.

Every terminal receives and answers at once, so the figures are the system's own. The clock is read when the last one
has the order, when the last answer is on disk, when the last one was told so, and when the node's figures say the same.
Then the same once more with an order that asks for no answer: the difference is what answers and confirmations cost.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import time
from statistics import median
from typing import NamedTuple

from pyroaring import BitMap

from fusioncmd import api, terminal
from fusioncmd.errors import Unavailable
from fusioncmd.messages import Selector
from fusioncmd.terminal import Deliver
from loadtest import harness, measure
from loadtest.durable import watched
from loadtest.floors import Floors
from loadtest.harness import Running
from loadtest.lateness import behind_s, tallied
from loadtest.output import Result, note, show
from loadtest.scenario import Campaign, until_quiet
from loadtest.swarm.fleet import Fleet, launched

TEXT = "台风红色预警，请立即到岗并报告。Typhoon red alert: report for duty at once."
ANSWERS = ("到岗", "在途", "需要支援")
HEADER_BYTES = 4  # of a WebSocket frame of that size
ORDER_BYTES = 655  # what a delivery takes here, before there is one; afterwards it is counted
CONNECT_S_MAX = 300.0
ROUND_S_MAX = 120.0
RESTART_S_MAX = 120.0
REST_S = 1.5  # between rounds: presence is said once a second


class Round(NamedTuple):
    """Seconds from the moment at which the commander asked for the order to be issued."""

    issued_s: float
    delivered_s: float
    durable_s: float
    confirmed_s: float
    ledger_s: float
    late_s: float  # the oldest answer that the node's figures did not have, at most
    cpu_s: dict[str, float]


async def run(given: argparse.Namespace) -> Result:
    conditions = measure.conditions() | {
        "terminals": given.terminals, "people": given.people, "gateways": given.gateways, "rounds": given.rounds,
    }  # fmt: skip
    result = Result("calldown", conditions)
    floors = Floors(given)
    if given.floor:
        await floors.measure(ORDER_BYTES)
    with harness.scratch() as folder:
        async with harness.running(folder, given.gateways, note) as tier:
            await _fill(tier, given, result)
            people = await tier.people()
            tickets = tier.tickets(people, given.terminals)
            connected = BitMap(number for number, _ in tickets)
            before = measure.costs(tier.pids())
            free = measure.available()
            async with launched(tickets, tier.tier.port, "at-once", given.seed, folder, given.swarm) as fleet:
                await _connect(tier, fleet, before, result)
                result.add("memory of terminals, gateways and kernel", (free - measure.available()) / 2**30, "GiB")
                campaign = Campaign(tier.commander, people)
                rounds = [await _round(tier, fleet, campaign, result) for _ in range(given.rounds)]
                bare = await _round(tier, fleet, campaign, result, answers=())
                _tell(rounds, bare, len(tickets), result)
                result.verdict = await campaign.verdict(await fleet.record(), connected)
                size = HEADER_BYTES + len(terminal.encode(Deliver(tier.commander.sealed(campaign.orders[0]))))
                result.add("bytes per delivery", size, "B")
                await _restart(tier, result)
    if given.floor:
        await floors.measure(size)
        await floors.measure_many(size)
        floors.tell(median(r.durable_s for r in rounds), median(r.confirmed_s for r in rounds), result)
    return result


async def _fill(tier: Running, given: argparse.Namespace, result: Result) -> None:
    note(f"importing {given.people:,} people …")
    imported = await tier.fill(given.people, given.seed)
    result.add("people imported", imported.rows)
    result.add("import", imported.seconds, "s")
    await _until_known(tier, given.people)


async def _until_known(tier: Running, people: int) -> None:
    """Until the node has folded the whole roster."""
    while (await tier.commander.ask(api.Health())).people != people:
        await asyncio.sleep(0.05)


async def _connect(tier: Running, fleet: Fleet, before: dict[str, measure.Cost], result: Result) -> None:
    started_s = time.monotonic()
    status = await fleet.until_welcomed(CONNECT_S_MAX)
    took_s = time.monotonic() - started_s
    if status.welcomed < status.terminals:
        result.failures.append(f"Only {status.welcomed:,} of {status.terminals:,} terminals could connect.")
    await asyncio.sleep(REST_S)
    after = measure.costs(tier.pids())
    gateways = [name for name in after if name.startswith("responder")]
    cpu_s = sum(after[name].cpu_s - before[name].cpu_s for name in gateways)
    memory = sum(after[name].memory - before[name].memory for name in gateways)
    result.add("terminals connected", status.welcomed)
    result.add("connect and welcome", took_s, "s")
    result.add("gateway CPU per connect", 1e6 * cpu_s / status.welcomed, "µs")
    result.add("gateway memory per connection", *memory_each(memory, status.welcomed))
    note(f"{status.welcomed:,} terminals connected in {took_s:.1f} s")


def memory_each(grown: int, connections: int) -> tuple[int | str, str]:
    """Bytes of each, and the unit. Gateways that gave back more than sockets took say nothing of sockets."""
    each = round(grown / connections)
    return (each, "B") if each > 0 else ("below what can be measured", "")


async def _round(
    tier: Running, fleet: Fleet, campaign: Campaign, result: Result, answers: tuple[str, ...] = ANSWERS
) -> Round:
    before = measure.costs(tier.pids())
    swarm_before = await fleet.status()
    async with watched(tier.bus) as durable:
        started_s = time.monotonic()
        issued = await campaign.issue(text=TEXT, answers=answers, audience=Selector(("44",)), status="exercise")
        issued_s = time.monotonic() - started_s
        wanted = swarm_before.welcomed
        async with tallied(tier.commander, issued.order.id) as seen:
            status = await until_quiet(fleet, {issued.order.id: wanted}, ROUND_S_MAX)
        ledger_s = await _until_counted(tier, issued.order.id, wanted, bool(answers), started_s, result)
        durable_s = durable.last_s(issued.order.id) or started_s
    late_s = behind_s(seen, (await fleet.times(issued.order.id)).shown_s if answers else ())
    await asyncio.sleep(REST_S)
    after = measure.costs(tier.pids())
    cpu_s = {name: after[name].cpu_s - before[name].cpu_s for name in after}
    cpu_s["swarm"] = (await fleet.status()).cpu_s - swarm_before.cpu_s
    found = Round(
        issued_s,
        status.last_shown_s - started_s,
        durable_s - started_s,
        status.last_confirmed_s - started_s,
        ledger_s,
        late_s,
        cpu_s,
    )
    if answers:
        note(
            f"delivered in {found.delivered_s:.3f} s, on disk in {found.durable_s:.3f} s, "
            f"confirmed in {found.confirmed_s:.3f} s, figures up to {found.late_s:.1f} s behind"
        )
    else:
        note(f"without answers: delivered in {found.delivered_s:.3f} s")
    return found


async def _until_counted(
    tier: Running, order: bytes, wanted: int, answers: bool, started_s: float, result: Result
) -> float:
    """Until the node's figures name everyone; seconds since the start."""
    while True:
        total = (await tier.commander.ask(api.Tally(order))).total
        passed_s = time.monotonic() - started_s
        if (total.answered if answers else total.received) >= wanted:
            return passed_s
        if passed_s > ROUND_S_MAX:
            result.failures.append(f"Not everyone was counted within {ROUND_S_MAX:.0f} s.")
            return passed_s
        await asyncio.sleep(0.01)


def _tell(rounds: list[Round], bare: Round, terminals: int, result: Result) -> None:
    result.add("order on disk", median(r.issued_s for r in rounds), "s")
    result.add("last delivery", median(r.delivered_s for r in rounds), "s")
    result.add("last answer on disk", median(r.durable_s for r in rounds), "s")
    result.add("last answer confirmed", median(r.confirmed_s for r in rounds), "s")
    result.add("last answer in the node's tally", median(r.ledger_s for r in rounds), "s")
    result.add("node's tally behind the answers, at most", median(r.late_s for r in rounds), "s")
    gateways = median(_gateways_s(r) for r in rounds)
    result.add("CPU per delivery and answer: gateways", 1e6 * gateways / terminals, "µs")
    for name in ("node", "nats", "swarm"):
        cpu_s = median(r.cpu_s[name] for r in rounds)
        result.add(f"CPU per delivery and answer: {name}", 1e6 * cpu_s / terminals, "µs")
    result.add("of it for the confirmation: gateways", 1e6 * (gateways - _gateways_s(bare)) / terminals, "µs")
    swarm_s = median(r.cpu_s["swarm"] for r in rounds) - bare.cpu_s["swarm"]
    result.add("of it for the confirmation: swarm", 1e6 * swarm_s / terminals, "µs")


def _gateways_s(found: Round) -> float:
    return sum(seconds for name, seconds in found.cpu_s.items() if name.startswith("responder"))


async def _restart(tier: Running, result: Result) -> None:
    """Kill the node, and wait until it answers with everything that it knew."""
    before = await tier.commander.ask(api.Health())
    os.kill(tier.pids()["node"], signal.SIGKILL)
    started_s = time.monotonic()
    while time.monotonic() - started_s < RESTART_S_MAX:
        try:
            health = await tier.commander.ask(api.Health(), timeout_s=1.0)
        except Unavailable:
            continue
        if health.caught_up and health.ready_s != before.ready_s:
            break
        await asyncio.sleep(0.02)
    else:
        result.failures.append(f"The node was not back within {RESTART_S_MAX:.0f} s.")
        return
    result.add("node killed to ready", time.monotonic() - started_s, "s")
    result.add("node start to ready", health.ready_s, "s")
    if (health.people, health.orders) != (before.people, before.orders):
        result.failures.append(f"The node came back with {health.people:,} people and {health.orders} orders.")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--terminals", type=int, default=15_000)
    parser.add_argument("--people", type=int, default=840_000)
    parser.add_argument("--gateways", type=int, default=2, help="gateway processes")
    parser.add_argument("--swarm", type=int, default=2, help="swarm processes, at least")
    parser.add_argument("--rounds", type=int, default=3, help="call-downs; figures are medians")
    parser.add_argument(
        "--floor", action=argparse.BooleanOptionalAction, default=True, help="bare sockets too, before and after"
    )
    parser.add_argument("--seed", type=int, default=1)


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)
