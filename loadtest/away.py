"""`python -m loadtest away`: a county that is cut off for 72 hours, and what comes over its link when it is back.

Real nodes: a province, and a county of 4,000 people below it, whose link runs through an emulator that counts bytes.
While it is cut the county issues 20 orders, and its people give 100,000 answers through its gateway; between them the
clock of every process is moved, in four steps, so that terminals fall silent, sessions end and orders expire as they
do in three days (not that of NATS, which nothing of this hangs on). Then the link is healed, and everything is counted
that passes it until the province tells of every order what the county tells, NATS and its handshakes included.

With --rate the link is thin as well, and lossy, and carried by the satellite gateways, or by a leaf connection.

The clocks are moved by libfaketime (apt: faketime), under which the scenario starts itself anew.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

from pyroaring import BitMap

from fusioncmd import api, keys
from fusioncmd.cli.satellite_way import read_rate
from fusioncmd.errors import NotFound, Unavailable
from fusioncmd.messages import Selector
from fusioncmd.roster.load import import_people
from loadtest import harness, measure
from loadtest.link.quantities import time_ns
from loadtest.output import Result, note, show
from loadtest.satellite.world import Thin, two_tiers
from loadtest.scenario import Campaign, all_connected, pause_until, until_quiet
from loadtest.swarm.behaviour import BEHAVIOURS
from loadtest.swarm.fleet import Fleet, launched
from loadtest.tree import Branch, chain

COUNTY = "440106"
TEXT = "堤围出现管涌，请立即到岗，清点人员并报告需要支援的地点。"
ANSWERS = ("到岗", "在途", "需要支援")
BEHAVIOUR = "wavering"
AIM_BYTES = 64 * 1024
STEPS = 4
HOUR_S = 3_600
OPEN_S = 6 * HOUR_S
TICKET_S = 30 * 24 * HOUR_S
WAIT_S_MAX = 120.0
AGREE_S_MAX = 30.0
KNOWN_S_MAX = 300.0  # over a thin link 4,000 people take a while
REST_S = 5.0
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
SET_TO = "FAKETIME_TIMESTAMP_FILE"


class Clock:
    """Of this process and all that it starts."""

    def __init__(self) -> None:
        self._file, self.moved_s = Path(os.environ[SET_TO]), 0

    def move(self, seconds: int) -> None:
        self.moved_s += seconds
        self._file.write_text(f"+{self.moved_s}\n")

    def end(self) -> None:
        self._file.unlink(missing_ok=True)


def begin_anew() -> None:
    """Under libfaketime; does not return."""
    if not FAKETIME.exists():
        raise NotFound("libfaketime is not here (apt: faketime).", "缺少 libfaketime（apt：faketime）。")
    handle, file = tempfile.mkstemp(prefix="fusioncmd-clock-")
    with os.fdopen(handle, "w") as out:
        out.write("+0\n")
    env = os.environ | {"LD_PRELOAD": str(FAKETIME), SET_TO: file, "FAKETIME_NO_CACHE": "1"}
    os.execve(sys.executable, [sys.executable, "-m", "loadtest", *sys.argv[1:]], env)


async def run(given: argparse.Namespace) -> Result:
    names = ("people", "orders", "hours", "seed")
    result = Result("away", measure.conditions() | {name: getattr(given, name) for name in names})
    clock = Clock()
    try:
        with harness.scratch() as folder:
            async with contextlib.AsyncExitStack() as stack:
                if given.rate is None:
                    linked = chain(folder, ("44", COUNTY), given.seed, resets=True)
                    top, county = await stack.enter_async_context(linked)
                else:
                    result.conditions |= {name: getattr(given, name) for name in ("rate", "rtt", "loss", "over")}
                    thin = Thin(read_rate(given.rate, "--rate"), time_ns(given.rtt), given.loss / 100, given.seed)
                    tiers = two_tiers(folder, given.over, thin, ("44", COUNTY), voice=False)
                    top, county, _ = await stack.enter_async_context(tiers)
                await _scenario(given, result, clock, top, county)
    finally:
        clock.end()
    return result


async def _scenario(
    given: argparse.Namespace, result: Result, clock: Clock, top: Branch, county: Branch
) -> None:  # fmt: skip
    await import_people(top.running.bus, top.running.places, _people_csv(top, given.people).encode())
    people = await top.running.people()

    async def known() -> bool:
        found = (await county.running.commander.ask(api.Health())).people
        return found == int(given.people)

    if not await pause_until(known, KNOWN_S_MAX):
        raise Unavailable(f"{COUNTY} does not get its roster.", f"{COUNTY} 未收到名册。")
    tier = county.running.tier
    tickets = people.tickets(given.people, keys.read_ticket_key(tier.data), int(time.time()) + TICKET_S)
    async with launched(tickets, tier.port, BEHAVIOUR, given.seed, tier.data, 1) as fleet:
        await all_connected(fleet, WAIT_S_MAX)
        await asyncio.sleep(REST_S)
        before = _passed(county)
        await asyncio.sleep(REST_S)
        idle = sum(_passed(county)) - sum(before)
        assert county.link is not None
        county.link.cut()
        campaign = Campaign(county.running.commander, people)
        await _away(given, campaign, fleet, clock)
        await _return(result, top, county, campaign)
        result.add("the link, when nothing happens", idle / REST_S, "B/s")
        record = await fleet.record()
        deeds = [record.deeds[order.id] for order in campaign.orders]
        plan = BEHAVIOURS[BEHAVIOUR].plan
        touches = sum(
            len(plan(given.seed, n, order.id, len(ANSWERS)).touches)
            for order in campaign.orders
            for n in people.numbers
        )
        result.add("answers that were touched", touches)
        result.add("of them different ones of a person", sum(len(given) for each in deeds for given in each.given))
        above = Campaign(top.running.commander, people, campaign.orders)
        result.verdict = await above.verdict(record, BitMap(people.numbers))


def _people_csv(top: Branch, wanted: int) -> str:
    villages = sorted(code for code in top.running.places.names if len(code) == 12 and code.startswith(COUNTY))
    rows = (f"{COUNTY}{n:06},陈{n},10{n:09},{villages[n % len(villages)]},flood" for n in range(wanted))
    return "\n".join(("id,name,phone,village,roles", *rows, ""))


async def _away(given: argparse.Namespace, campaign: Campaign, fleet: Fleet, clock: Clock) -> None:
    """Orders and answers, and between them a quarter of the time goes by."""
    for step in range(STEPS):
        for _ in range(given.orders * (step + 1) // STEPS - given.orders * step // STEPS):
            issued = await campaign.issue(
                text=TEXT, answers=ANSWERS, audience=Selector((COUNTY,)), status="exercise", open_s=OPEN_S
            )
            await until_quiet(fleet, {issued.order.id: given.people}, WAIT_S_MAX)
        clock.move(given.hours * HOUR_S // STEPS)
        await asyncio.sleep(REST_S)  # gateways and terminals find out
        await all_connected(fleet, WAIT_S_MAX)
        note(f"{clock.moved_s // HOUR_S} h, {len(campaign.orders)} orders")


async def _return(result: Result, top: Branch, county: Branch, campaign: Campaign) -> None:
    """Heal, and count until both tell the same."""
    assert county.link is not None

    async def same() -> bool:
        try:
            for order in campaign.orders:
                here = (await county.running.commander.ask(api.Tally(order.id), timeout_s=5.0)).total
                there = (await top.running.commander.ask(api.Tally(order.id, COUNTY), timeout_s=5.0)).total
                if (here.targeted, here.received, here.by_answer) != (there.targeted, there.received, there.by_answer):
                    return False
        except (Unavailable, NotFound):
            return False
        return True

    before, healed_s = _passed(county), time.monotonic()
    county.link.heal()
    agreed = await pause_until(same, 2 * AGREE_S_MAX)
    agreed_s = time.monotonic() - healed_s
    at_once = [now - then for now, then in zip(_passed(county), before, strict=True)]
    await asyncio.sleep(REST_S)
    after = [now - then for now, then in zip(_passed(county), before, strict=True)]
    if not agreed or agreed_s > AGREE_S_MAX:
        result.failures.append(f"They did not agree in {AGREE_S_MAX:.0f} s.")
    result.add("agreed after the link was back", agreed_s, "s")
    result.add("over the link until then, up", at_once[0], "B")
    result.add("over the link until then, down", at_once[1], "B")
    result.add("over the link until then", sum(at_once), "B")
    result.add(f"over the link until {REST_S:.0f} s later", sum(after), "B")
    if sum(at_once) > AIM_BYTES:
        result.failures.append(f"The return took {sum(at_once)} bytes, over {AIM_BYTES}.")


def _passed(county: Branch) -> tuple[int, int]:
    """Bytes that came out of the link: up, down."""
    assert county.link is not None
    return county.link.counters("up").carried_bytes, county.link.counters("down").carried_bytes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=4_000)
    parser.add_argument("--orders", type=int, default=20)
    parser.add_argument("--hours", type=int, default=72)
    parser.add_argument("--rate", help="of a thin link, such as 64k, packets' headers included; else it is not bounded")
    parser.add_argument("--rtt", default="600ms", help="with --rate: there and back (%(default)s)")
    parser.add_argument("--loss", type=float, default=1.0, help="with --rate: percent of packets (%(default)s)")
    parser.add_argument("--over", choices=("satellite", "leaf"), default="satellite", help="with --rate (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)


async def main(given: argparse.Namespace) -> int:
    if SET_TO not in os.environ:
        begin_anew()
    return show(await run(given), given.json)
