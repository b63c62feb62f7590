"""`python -m loadtest badauth`: 1,000 bad authentications a second, beside a call-down that must not feel them.

Other processes try to get in with what does not let them in: as terminals, from many addresses, and as commanders, on
the bus. Meanwhile terminals that are connected are called down again and again, others come back, enrol and renew, and
commanders log in and ask. Each must get what is theirs. Some seconds without an attack are what it is compared with.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from pyroaring import BitMap

from fusioncmd import api, keys, limits, tickets
from fusioncmd.api.devices import MakeCodes
from fusioncmd.bus import users
from fusioncmd.errors import Unavailable
from fusioncmd.messages import Selector
from fusioncmd.supervisor import die_with_parent
from loadtest import harness, measure
from loadtest.attackers import Loot
from loadtest.badauth_told import Spell, tell_attack, tell_honest, tell_spells
from loadtest.harness import Running
from loadtest.honest import Honest
from loadtest.honest_commanders import Times, commanders_of
from loadtest.login_attackers import LoginLoot
from loadtest.output import Result, show
from loadtest.scenario import Campaign, all_connected, until_quiet
from loadtest.swarm.fleet import Fleet, launched

EXPIRED, STOLEN = 50, 3  # tickets and names of devices that attackers have
CODE_S = 3600
ANSWERS = ("here", "need help")
CONNECT_S_MAX = 120.0
QUIET_S_MAX = 60.0
ATTACK_ENDS_S_MAX = 30.0
LAST_RECEIPTS_S = 1.0


async def run(given: argparse.Namespace) -> Result:
    names = ("rate", "logins", "seconds", "calm", "terminals", "addresses", "attackers", "honest", "commanders")
    told = (*names, "every", "gateways")
    result = Result("badauth", measure.conditions() | {name: getattr(given, name) for name in told})
    with harness.scratch() as folder:
        async with harness.running(folder, given.gateways) as tier:
            await tier.fill(2 * given.terminals + 2 * _enrolments(given), given.seed)
            people = await tier.people()
            mine = tier.tickets(people, given.terminals)
            honest = await _honest(tier, {number for number, _ in mine}, given)
            loot = _loot(tier, await honest.enrol_some(STOLEN))
            async with (
                launched(mine, tier.tier.port, "at-once", given.seed, folder, given.swarm) as fleet,
                commanders_of(tier, given.seed) as commanders,
            ):
                await all_connected(fleet, CONNECT_S_MAX)
                campaign = Campaign(tier.commander, people)
                meant = len(mine)

                async def seconds_of_use(seconds: float) -> tuple[Times, Spell]:
                    """People called down, terminals and commanders let in, for so long."""
                    before = Spell.begun(tier)
                    coming = asyncio.create_task(honest.run(given.honest, seconds))
                    asking = asyncio.create_task(commanders.run(given.commanders, seconds))
                    await _call(campaign, fleet, meant, seconds, given.every, result)
                    await coming
                    return await asking, before.ended(tier)

                calm = await seconds_of_use(given.calm)
                async with _attack(tier, loot, await commanders.overheard(), folder, given) as attack:
                    under_attack = await seconds_of_use(given.seconds)
                await asyncio.sleep(LAST_RECEIPTS_S)
                problems = (await tier.commander.ask(api.Health())).problems
                connected = BitMap(number for number, _ in mine)
                result.verdict = await campaign.verdict(await fleet.record(), connected)
                status = await fleet.status()
    result.add("orders", len(campaign.orders))
    tell_attack(attack, given.rate, result)
    tell_honest((honest, commanders), status, len(campaign.orders) * meant, result)
    tell_spells(calm, under_attack, result)
    if given.logins and not any("logins failed" in problem for problem in problems):
        result.failures.append("Health says nothing of logins that fail.")
    result.remarks += [f"Health afterwards: {problem}" for problem in problems]
    return result


def _enrolments(given: argparse.Namespace) -> int:
    """So many codes are needed: one turn in four is an enrolment."""
    turns: float = (given.calm + given.seconds) * given.honest
    return STOLEN + math.ceil(turns / 4) + 1


async def _honest(tier: Running, taken: set[int], given: argparse.Namespace) -> Honest:
    """Those who are connected nowhere: some enrol, the others come back with tickets."""
    people = 2 * given.terminals + 2 * _enrolments(given)
    question = MakeCodes(CODE_S, node=tier.places.root.code, limit=min(people, limits.CODES_PAGE_MAX))
    codes = [line for line in (await tier.commander.ask(question)).lines if line.number not in taken]
    tickets_of = dict(tier.tickets(await tier.people(), people))
    new = _enrolments(given)
    back = [(line.number, tickets_of[line.number]) for line in codes[new:]]
    return Honest(tier.tier.port, back, codes[:new], given.seed)


def _loot(tier: Running, stolen: list[tuple[int, bytes]]) -> Loot:
    key, now_s = keys.read_ticket_key(tier.tier.data), int(time.time())
    ended = [tickets.Ticket(number, "440106001", (), now_s - 1, bytes(8)) for number in range(EXPIRED)]
    return Loot([tickets.mint(ticket, key) for ticket in ended], stolen)


@contextlib.asynccontextmanager
async def _attack(
    tier: Running, loot: Loot, logins: LoginLoot, folder: Path, given: argparse.Namespace
) -> AsyncIterator[list[dict[str, Any]]]:
    """Attackers while the block runs; what they did is in the list afterwards."""
    commands = [
        [
            "loadtest.attackers", "--port", str(tier.tier.port), "--addresses", str(given.addresses),
            "--rate", str((given.rate - given.logins) / given.attackers), "--seed", str(given.seed + n),
            "--loot", _file(folder / "loot.msgpack", loot),
        ]
        for n in range(given.attackers)
    ]  # fmt: skip
    if given.logins:
        commands.append(
            [
                "loadtest.login_attackers", "--bus", tier.tier.nats_url, "--rate", str(given.logins),
                "--key", str(tier.tier.bus_key(users.COMMANDER)), "--seed", str(given.seed),
                "--loot", _file(folder / "login-loot.msgpack", logins),
            ]
        )  # fmt: skip
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", *command,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, preexec_fn=die_with_parent,
        )
        for command in commands
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


def _file(file: Path, loot: Loot | LoginLoot) -> str:
    file.write_bytes(msgspec.msgpack.encode(loot))
    return str(file)


async def _call(
    campaign: Campaign, fleet: Fleet, terminals: int, seconds: float, every_s: float, result: Result
) -> None:
    """An order each `every_s`, until the time is over; then all has to arrive, while the attack goes on."""
    began_s = time.monotonic()
    while (passed_s := time.monotonic() - began_s) < seconds:
        text = f"Call-down {len(campaign.orders)}"
        await campaign.issue(text=text, answers=ANSWERS, audience=Selector(("44",)), status="exercise")
        await asyncio.sleep(max(0.0, every_s - (time.monotonic() - began_s - passed_s)))
    status = await until_quiet(fleet, {order.id: terminals for order in campaign.orders}, QUIET_S_MAX)
    if status.waiting:
        result.failures.append(f"{status.waiting:,} answers were not confirmed.")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=1_000.0, help="bad authentications a second")
    parser.add_argument(
        "--logins", type=float, default=200.0, help="of these, those of commanders; the rest at gateways"
    )
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--calm", type=float, default=8.0, help="seconds before, to compare with")
    parser.add_argument("--terminals", type=int, default=2_000, help="that are called down")
    parser.add_argument("--honest", type=float, default=40.0, help="reconnects, enrolments and renewals a second")
    parser.add_argument("--commanders", type=float, default=20.0, help="their questions and logins a second")
    parser.add_argument("--every", type=float, default=2.0, metavar="SECONDS", help="between orders")
    parser.add_argument("--addresses", type=int, default=50, help="that attackers come from")
    parser.add_argument("--attackers", type=int, default=2, help="processes that attack")
    parser.add_argument("--gateways", type=int, default=2, help="gateway processes")
    parser.add_argument("--swarm", type=int, default=1, help="swarm processes, at least")
    parser.add_argument("--seed", type=int, default=1)


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)
