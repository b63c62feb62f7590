"""`python -m loadtest chain`: orders through five tiers to a village terminal, and its answers back to the province.

Five real nodes with five NATS servers on loopback (province, city, county, town, village), and one terminal at the
village, which answers at once. Orders are issued at the province, one after the other, at moments that the seed draws.
The clock is read when the commander asks for an order, when the terminal has it, and when the province's tally counts
the answer (it is asked every 5 ms). Each is then cancelled, and all of them are held against what the terminal did.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from array import array
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from pyroaring import BitMap

from fusioncmd import api
from fusioncmd.errors import Unavailable
from fusioncmd.messages import Selector
from fusioncmd.roster.load import import_people
from loadtest import harness, measure
from loadtest.checker import Verdict
from loadtest.output import Result, note, show
from loadtest.scenario import Campaign, all_connected, pause_until, until_quiet
from loadtest.slow import p99
from loadtest.swarm.fleet import Fleet, launched
from loadtest.tree import Branch, chain

CODES = ("44", "4401", "440106", "440106001", "440106001001")  # 广东省 广州市 天河区 五山街道 岳洲社区居委会
PEOPLE = f"id,name,phone,village,roles\n4400000001,陈志强,10000000001,{CODES[-1]},grid-worker\n"
TEXT = "台风红色预警，请立即到岗并报告。Typhoon red alert: report for duty at once."
ANSWERS = ("到岗", "在途", "需要支援")
ARRIVE_S_MAX = 30.0
ASK_S = 0.005
REST_S = (0.2, 0.5)  # between orders: drawn, so that no phase of the nodes' beats is met again and again


class Trip(NamedTuple):
    """Seconds from the moment at which the commander asked for the order to be issued."""

    issued_s: float
    shown_s: float
    counted_s: float


async def run(given: argparse.Namespace) -> Result:
    """`Unavailable` when the tiers do not link, or the terminal does not connect."""
    result = Result("chain", measure.conditions() | {"tiers": len(CODES), "orders": given.orders, "seed": given.seed})
    chance = random.Random(given.seed)
    with harness.scratch() as folder:
        async with chain(folder, CODES, given.seed) as branches:
            top, village = branches[0].running, branches[-1].running
            note(f"{len(branches)} tiers are linked")
            await import_people(top.bus, top.places, PEOPLE.encode())
            people = await top.people()
            await _until_known(branches[-1], len(people))
            tickets = village.tickets(people, len(people))
            async with launched(tickets, village.tier.port, "at-once", given.seed, village.tier.data, 1) as fleet:
                await all_connected(fleet, ARRIVE_S_MAX)
                campaign = Campaign(top.commander, people)
                trips = []
                for nth in range(given.orders):
                    await asyncio.sleep(chance.uniform(*REST_S))
                    trip = await _trip(campaign, fleet)
                    if trip is None:
                        result.failures.append(f"Order {nth + 1} was not answered and counted in {ARRIVE_S_MAX:.0f} s.")
                        break
                    trips.append(trip)
                result.verdict = await _exact(campaign, fleet, BitMap(people.numbers))
    if not trips:
        result.failures.append("No order came back.")
    _tell(trips, result)
    return result


async def _until_known(village: Branch, people: int) -> None:
    async def known() -> bool:
        return (await village.running.commander.ask(api.Health())).people == people

    if not await pause_until(known, ARRIVE_S_MAX):
        raise Unavailable(f"{village.code} does not get its roster.", f"{village.code} 未收到名册。")


async def _trip(campaign: Campaign, fleet: Fleet) -> Trip | None:
    """One order there and back, and its end; `None` when it was not counted in time."""
    started_s = time.monotonic()
    issued = await campaign.issue(text=TEXT, answers=ANSWERS, audience=Selector((CODES[-1],)), status="exercise")
    issued_s, order = time.monotonic() - started_s, issued.order
    while not (await campaign.commander.ask(api.Tally(order.id))).total.answered:
        if time.monotonic() - started_s > ARRIVE_S_MAX:
            return None
        await asyncio.sleep(ASK_S)
    counted_s = time.monotonic() - started_s
    shown_s = (await fleet.times(order.id)).shown_s[0] - started_s
    ended = await campaign.issue(msg_type="cancel", refs=order.id, text="End.", status=order.status)
    await until_quiet(fleet, {ended.order.id: 1}, ARRIVE_S_MAX)  # a terminal names sixteen open orders at most
    return Trip(issued_s, shown_s, counted_s)


async def _exact(campaign: Campaign, fleet: Fleet, connected: BitMap) -> Verdict:
    """As the province tells them once what is under way has come up; what is still not exact then, stays so."""
    give_up = time.monotonic() + ARRIVE_S_MAX
    record = await fleet.record()
    while not (verdict := await campaign.verdict(record, connected)).clean and time.monotonic() < give_up:
        await asyncio.sleep(0.2)
    return verdict


def _tell(trips: Sequence[Trip], result: Result) -> None:
    result.add("orders that came back answered", len(trips))
    for name, times_s in zip(
        ("order on disk in the province", "order at the village terminal", "answer in the province's tally"),
        zip(*trips, strict=True),
        strict=False,  # none of them, where no order came back
    ):
        result.add(f"{name}, median", median(times_s), "s")
        result.add(f"{name}, p99", p99(array("d", times_s)), "s")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--orders", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)
