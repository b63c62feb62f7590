"""`python -m loadtest badauth`: 1,000 bad authentications a second, beside a call-down that must not feel them.

Other processes, from many addresses, try to get in with what does not let them in. Meanwhile terminals that are
connected are called down again and again, and others come back, enrol and renew. Each must get what is theirs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from pyroaring import BitMap

from fusioncmd import keys, tickets
from fusioncmd.api.devices import MakeCodes
from fusioncmd.errors import Unavailable
from fusioncmd.messages import Selector
from fusioncmd.supervisor import die_with_parent
from loadtest import harness, measure
from loadtest.attackers import Loot
from loadtest.harness import Running
from loadtest.honest import Honest
from loadtest.output import Result, show
from loadtest.scenario import Campaign, all_connected, until_quiet
from loadtest.swarm.fleet import Fleet, launched

SUCCESS_MIN = 0.999
RATE_MIN = 0.95  # of the bad authentications asked for
EXPIRED, STOLEN = 50, 3  # tickets and names of devices that attackers have
CODE_S = 3600
ANSWERS = ("here", "need help")
CONNECT_S_MAX = 120.0
QUIET_S_MAX = 60.0
ATTACK_ENDS_S_MAX = 30.0
LAST_RECEIPTS_S = 1.0
OUTCOMES_TOLD_MAX = 20


async def run(given: argparse.Namespace) -> Result:
    names = ("rate", "seconds", "terminals", "addresses", "attackers", "honest", "every", "gateways")
    result = Result("badauth", measure.conditions() | {name: getattr(given, name) for name in names})
    with harness.scratch() as folder:
        async with harness.running(folder, given.gateways) as tier:
            await tier.fill(2 * given.terminals, given.seed)
            people = await tier.people()
            mine = tier.tickets(people, given.terminals)
            honest = await _honest(tier, {number for number, _ in mine}, given)
            loot = _loot(tier, await honest.enrol_some(STOLEN))
            async with launched(mine, tier.tier.port, "at-once", given.seed, folder, given.swarm) as fleet:
                await all_connected(fleet, CONNECT_S_MAX)
                campaign = Campaign(tier.commander, people)
                before = measure.costs(tier.pids())
                async with _attack(tier, loot, folder, given) as attack:
                    began_s = time.monotonic()
                    coming = asyncio.create_task(honest.run(given.honest, given.seconds))
                    await _call(campaign, fleet, len(mine), given, result)
                    await coming
                    seconds = time.monotonic() - began_s
                after = measure.costs(tier.pids())
                await asyncio.sleep(LAST_RECEIPTS_S)
                connected = BitMap(number for number, _ in mine)
                result.verdict = await campaign.verdict(await fleet.record(), connected)
                status = await fleet.status()
    _tell_attack(attack, given.rate, result)
    _tell_honest(honest, status.shown, status.confirmed, len(campaign.orders) * len(mine), result)
    for name in after:
        result.add(f"{name}, CPU", (after[name].cpu_s - before[name].cpu_s) / seconds, "cores")
    return result


async def _honest(tier: Running, taken: set[int], given: argparse.Namespace) -> Honest:
    """Those who are connected nowhere: half of them come back with tickets, half enrol."""
    question = MakeCodes(CODE_S, node=tier.places.root.code, limit=min(2 * given.terminals, 5_000))
    codes = [line for line in (await tier.commander.ask(question)).lines if line.number not in taken]
    both = dict(tier.tickets(await tier.people(), 2 * given.terminals))
    half = len(codes) // 2
    back = [(line.number, both[line.number]) for line in codes[:half]]
    return Honest(tier.tier.port, back, codes[half:], given.seed)


def _loot(tier: Running, stolen: list[tuple[int, bytes]]) -> Loot:
    key, now_s = keys.read_ticket_key(tier.tier.data), int(time.time())
    ended = [tickets.Ticket(number, "440106001", (), now_s - 1, bytes(8)) for number in range(EXPIRED)]
    return Loot([tickets.mint(ticket, key) for ticket in ended], stolen)


@contextlib.asynccontextmanager
async def _attack(
    tier: Running, loot: Loot, folder: Path, given: argparse.Namespace
) -> AsyncIterator[list[dict[str, Any]]]:
    """Attackers while the block runs; what they did is in the list afterwards."""
    file = folder / "loot.msgpack"
    file.write_bytes(msgspec.msgpack.encode(loot))
    argv = ["--port", str(tier.tier.port), "--rate", str(given.rate / given.attackers), "--loot", str(file)]
    argv += ["--addresses", str(given.addresses)]
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "loadtest.attackers", *argv, "--seed", str(given.seed + n),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, preexec_fn=die_with_parent,
        )
        for n in range(given.attackers)
    ]  # fmt: skip
    told: list[dict[str, Any]] = []
    try:
        yield told
        for process in processes:
            async with asyncio.timeout(ATTACK_ENDS_S_MAX):
                told.append(json.loads((await process.communicate(b"stop\n"))[0]))
    except (TimeoutError, json.JSONDecodeError):
        raise Unavailable("The attackers did not end.", "攻击进程没有结束。") from None
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _call(campaign: Campaign, fleet: Fleet, terminals: int, given: argparse.Namespace, result: Result) -> None:
    """An order each `every` seconds, until the time is over; then all has to arrive, while the attack goes on."""
    began_s = time.monotonic()
    while (passed_s := time.monotonic() - began_s) < given.seconds:
        text = f"Call-down {len(campaign.orders)}"
        await campaign.issue(text=text, answers=ANSWERS, audience=Selector(("44",)), status="exercise")
        await asyncio.sleep(max(0.0, given.every - (time.monotonic() - began_s - passed_s)))
    status = await until_quiet(fleet, {order.id: terminals for order in campaign.orders}, QUIET_S_MAX)
    result.add("orders", len(campaign.orders))
    if status.waiting:
        result.failures.append(f"{status.waiting:,} answers were not confirmed.")


def _tell_attack(attack: list[dict[str, Any]], rate: float, result: Result) -> None:
    begun, outcomes = Counter[str](), Counter[str]()
    for told in attack:
        begun.update(told["begun"])
        outcomes.update(told["outcomes"])
    reached = sum(sum(told["begun"].values()) / told["seconds"] for told in attack)
    result.add("bad authentications", begun.total())
    result.add("bad authentications a second", reached)
    for outcome, times in sorted(outcomes.most_common(OUTCOMES_TOLD_MAX)):
        result.add(f"  {outcome}", times)
    if reached < RATE_MIN * rate:
        result.failures.append(f"Only {reached:,.0f} bad authentications a second were tried, not {rate:,.0f}.")
    for outcome, times in outcomes.items():
        if outcome.startswith("LET IN"):
            result.failures.append(f"{outcome}: {times:,} times.")


def _tell_honest(
    honest: Honest, shown: dict[bytes, int], confirmed: dict[bytes, int], meant: int, result: Result
) -> None:
    """Each of what is legitimate, and all of it together."""
    tried = honest.tried + Counter({"order delivered": meant, "answer confirmed": meant})
    done = honest.done + Counter({"order delivered": sum(shown.values()), "answer confirmed": sum(confirmed.values())})
    for name, times in tried.items():
        result.add(name, f"{done[name]:,} of {times:,}")
        if done[name] < SUCCESS_MIN * times:
            result.failures.append(f"{name}: only {done[name]:,} of {times:,}.")
    result.add("legitimate success", f"{100 * done.total() / tried.total():.3f}", "%")
    for why, times in honest.failed.items():
        result.add(f"  not {why}", times)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=1_000.0, help="bad authentications a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--terminals", type=int, default=2_000, help="that are called down")
    parser.add_argument("--honest", type=float, default=40.0, help="reconnects, enrolments and renewals a second")
    parser.add_argument("--every", type=float, default=2.0, metavar="SECONDS", help="between orders")
    parser.add_argument("--addresses", type=int, default=50, help="that attackers come from")
    parser.add_argument("--attackers", type=int, default=2, help="processes that attack")
    parser.add_argument("--gateways", type=int, default=2, help="gateway processes")
    parser.add_argument("--swarm", type=int, default=1, help="swarm processes, at least")
    parser.add_argument("--seed", type=int, default=1)


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)
