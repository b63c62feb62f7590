"""`python -m loadtest flap`: orders go out while a share of the terminals loses its connection all the time.

As phones in bad coverage do: half end it with a close frame, half are gone without a word, and each comes back after a
while. Some orders are cancelled meanwhile. At the end everyone has all that is theirs, shown once and counted once.
"""

from __future__ import annotations

import argparse
import asyncio
import time

from pyroaring import BitMap

from fusioncmd.messages import Order, Selector
from loadtest import harness, measure
from loadtest.output import Result, note, show
from loadtest.scenario import Campaign, all_connected, until_quiet
from loadtest.swarm.behaviour import BEHAVIOURS
from loadtest.swarm.fleet import Fleet, launched
from loadtest.swarm.links import CLOSE, FIN, RST
from loadtest.swarm.record import Record

ANSWERS = ("here", "on the way", "need help")
OPEN_MAX = 16  # a terminal can name only so many open orders when it connects: the oldest is cancelled
CONNECT_S_MAX = 300.0
BACK_S_MAX = 60.0
QUIET_S_MAX = 120.0
LAST_RECEIPTS_S = 1.0
CLOSES_TOLD_MAX = 6


async def run(given: argparse.Namespace) -> Result:
    names = ("terminals", "share", "seconds", "every", "behaviour", "gateways", "seed")
    conditions = {name: getattr(given, name) for name in names}
    result = Result("flap", measure.conditions() | conditions)
    with harness.scratch() as folder:
        async with harness.running(folder, given.gateways) as tier:
            await tier.fill(given.terminals, given.seed)
            people = await tier.people()
            tickets = tier.tickets(people, given.terminals)
            async with launched(
                tickets, tier.tier.port, given.behaviour, given.seed, folder, given.swarm, "flapping", given.share
            ) as fleet:
                await all_connected(fleet, CONNECT_S_MAX)
                campaign = Campaign(tier.commander, people)
                lowest = await _flap(campaign, fleet, given.seconds, given.every)
                await _settle(campaign, fleet, len(tickets), result)
                record = await fleet.record()
                result.verdict = await campaign.verdict(record, BitMap(number for number, _ in tickets))
    result.add("fewest connected at a time", lowest)
    _tell(record, campaign, given.seconds, result)
    return result


async def _flap(campaign: Campaign, fleet: Fleet, seconds: float, every_s: float) -> int:
    """Issue orders while terminals come and go; the fewest that were connected."""
    await fleet.trouble()
    lowest = (await fleet.status()).welcomed
    running: list[Order] = []
    started_s = time.monotonic()
    while (passed_s := time.monotonic() - started_s) < seconds:
        issued = await campaign.issue(
            text=f"Call-down {len(campaign.orders)}", answers=ANSWERS, audience=Selector(("44",)), status="exercise"
        )
        running.append(issued.order)
        if len(running) > OPEN_MAX:
            await _cancel(campaign, running.pop(0))
        await asyncio.sleep(max(0.0, passed_s + every_s - (time.monotonic() - started_s)))
        lowest = min(lowest, (await fleet.status()).welcomed)
    await _cancel(campaign, running[-1])  # one that many have not seen yet
    note(f"{len(campaign.orders)} orders and cancels in {seconds:.0f} s, {lowest:,} connected at the least")
    return lowest


async def _cancel(campaign: Campaign, order: Order) -> None:
    await campaign.issue(msg_type="cancel", refs=order.id, text="End.", status=order.status)


async def _settle(campaign: Campaign, fleet: Fleet, terminals: int, result: Result) -> None:
    """Everyone stays, until everyone has all that is open and nothing is left to confirm."""
    started_s = time.monotonic()
    await fleet.calm()
    status = await fleet.until_welcomed(BACK_S_MAX)
    result.add("all connected again", time.monotonic() - started_s, "s")
    ended = {order.refs for order in campaign.orders}
    wanted = {o.id: terminals for o in campaign.orders if o.id not in ended and o.refs is None}
    wanted |= {o.id: status.shown.get(o.refs, 0) for o in campaign.orders if o.refs is not None}
    status = await until_quiet(fleet, wanted, QUIET_S_MAX)
    result.add("nothing left to deliver or confirm", time.monotonic() - started_s, "s")
    if status.waiting or status.welcomed < status.terminals:
        result.failures.append(
            f"{status.waiting:,} answers wait, {status.welcomed:,} of {status.terminals:,} terminals are connected."
        )
    await asyncio.sleep(LAST_RECEIPTS_S)


def _tell(record: Record, campaign: Campaign, seconds: float, result: Result) -> None:
    left = {ending: record.closes[ending] for ending in (CLOSE, FIN, RST)}
    for ending, times in left.items():
        result.add(f"connections {ending}", times)
        if not times:
            result.failures.append(f"No connection ended so: {ending}.")
    result.add("reconnects a second", sum(left.values()) / seconds)
    other = record.closes.copy()
    other.subtract(left)
    for why, times in other.most_common(CLOSES_TOLD_MAX):
        if times:
            result.add(f"connections lost otherwise: {why}", times)
    result.add("orders", sum(order.msg_type == "alert" for order in campaign.orders))
    result.add("cancels", sum(order.msg_type == "cancel" for order in campaign.orders))
    result.add("deliveries", sum(len(deeds.shown) for deeds in record.deeds.values()))
    result.add("answers confirmed", sum(len(c) for deeds in record.deeds.values() for c in deeds.confirmed))
    result.add("reports stored", sum(written.stored for written in record.reports.values()))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--terminals", type=int, default=10_000)
    parser.add_argument("--share", type=float, default=0.3, help="of the terminals come and go")
    parser.add_argument("--for", dest="seconds", type=float, default=20.0, metavar="SECONDS")
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="between orders")
    parser.add_argument("--behaviour", choices=sorted(BEHAVIOURS), default="hasty", help="what people do")
    parser.add_argument("--gateways", type=int, default=2, help="gateway processes")
    parser.add_argument("--swarm", type=int, default=2, help="swarm processes, at least")
    parser.add_argument("--seed", type=int, default=1)


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)
