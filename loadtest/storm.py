"""`python -m loadtest storm`: every gateway is killed at once, and everyone comes back at once.

One order is open and received before, another is issued while nobody is connected. Afterwards everyone has both, the
first was shown to nobody again, and every answer counts once.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import time

from pyroaring import BitMap

from fusioncmd.messages import Selector
from loadtest import harness, measure
from loadtest.harness import Running
from loadtest.output import Result, note, show
from loadtest.scenario import Campaign, until_quiet
from loadtest.swarm.fleet import Fleet, launched

CONNECT_S_MAX = 300.0
QUIET_S_MAX = 180.0
BACK_S_MAX = 60.0  # the aim
BACK_SHARE = 0.999
LAST_RECEIPTS_S = 1.0


async def run(given: argparse.Namespace) -> Result:
    conditions = {"terminals": given.terminals, "gateways": given.gateways, "people": given.people}
    result = Result("storm", measure.conditions() | conditions)
    with harness.scratch() as folder:
        async with harness.running(folder, given.gateways) as tier:
            await tier.fill(given.people, given.seed)
            people = await tier.people()
            tickets = tier.tickets(people, given.terminals)
            connected = BitMap(number for number, _ in tickets)
            async with launched(tickets, tier.tier.port, "at-once", given.seed, folder) as fleet:
                await fleet.until_welcomed(CONNECT_S_MAX)
                campaign = Campaign(tier.commander, people)
                await _call(campaign, fleet, len(tickets))
                await _storm(tier, fleet, campaign, result)
                status = await until_quiet(fleet, {o.id: len(tickets) for o in campaign.orders}, QUIET_S_MAX)
                if status.waiting:
                    result.failures.append(f"{status.waiting:,} answers were not confirmed.")
                await asyncio.sleep(LAST_RECEIPTS_S)
                result.verdict = await campaign.verdict(await fleet.record(), connected)
    return result


async def _call(campaign: Campaign, fleet: Fleet, terminals: int) -> None:
    issued = await campaign.issue(
        text="Storm.", answers=("here", "need help"), audience=Selector(("44",)), status="exercise"
    )
    if terminals:
        await until_quiet(fleet, {issued.order.id: terminals}, QUIET_S_MAX)


async def _storm(tier: Running, fleet: Fleet, campaign: Campaign, result: Result) -> None:
    terminals = (await fleet.status()).terminals
    free = measure.available()
    gateways = {name: pid for name, pid in tier.pids().items() if name.startswith("responder")}
    note(f"killing {len(gateways)} gateways with {terminals:,} terminals …")
    started_s = time.monotonic()
    for pid in gateways.values():
        os.kill(pid, signal.SIGKILL)
    calling = asyncio.create_task(_call(campaign, fleet, 0))
    back_s = all_back_s = 0.0
    lowest = free
    while time.monotonic() - started_s < CONNECT_S_MAX and not all_back_s:
        status = await fleet.status()
        lowest = min(lowest, measure.available())
        passed_s = time.monotonic() - started_s
        if passed_s > 1.0 and not back_s and status.welcomed >= BACK_SHARE * terminals:
            back_s = passed_s
        if passed_s > 1.0 and status.welcomed == terminals:
            all_back_s = passed_s
        await asyncio.sleep(0.1)
    await calling
    starts = {name: child.starts for name, child in tier.supervisor.children.items() if name in gateways}
    result.add("back: 99.9 % of the terminals", back_s, "s")
    result.add("back: all of them", all_back_s, "s")
    result.add("memory taken meanwhile", (free - lowest) / 2**20, "MiB")
    if not 0 < back_s <= BACK_S_MAX:
        result.failures.append(f"Not 99.9 % of the terminals were back within {BACK_S_MAX:.0f} s.")
    if any(count != 2 for count in starts.values()):
        result.failures.append(f"A gateway was started more than once again: {starts}.")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--terminals", type=int, default=200_000)
    parser.add_argument("--people", type=int, default=840_000)
    parser.add_argument("--gateways", type=int, default=12, help="gateway processes")
    parser.add_argument("--seed", type=int, default=1)


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)
