"""`python -m loadtest registrations`: 1,000 radios a second register, beside a flood that must not disturb a call.

A tier with its radio gateway; radios at addresses of their own register by digest, first in calm and then while another
process sends INVITE and REGISTER of nobody. A call is up all the while: it is changed again and again (re-INVITE), and
its sound comes back from `echo`, packet by packet.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fusioncmd import radios
from fusioncmd.api.radios import AddRadio
from fusioncmd.cli.radio_way import Radio as RadioPort
from fusioncmd.supervisor import die_with_parent
from loadtest import harness, measure
from loadtest.harness import Running, free_ports
from loadtest.output import Result, show
from loadtest.radio_call import Call
from loadtest.radio_fleet import Figures, Radio, register

ADD_AT_ONCE = 64
LATE_MORE_MAX = 0.02  # of the call's packets, than came late in calm (`radio_call.LATE_S`)
AIM_PER_S = 1_000.0


@dataclass(slots=True)
class Spell:
    """So many seconds of registrations, and what they cost."""

    figures: Figures
    seconds: float
    cpu_s: float
    flood: float  # a second


async def run(given: argparse.Namespace) -> Result:
    names = ("radios", "rate", "seconds", "flood", "addresses")
    result = Result("registrations", measure.conditions() | {name: getattr(given, name) for name in names})
    [port] = free_ports(1)
    with harness.scratch() as folder:
        async with harness.running(folder, 1, radio=RadioPort("127.0.0.1", port, None)) as tier:
            secrets = await _accounts(tier, given.radios + 1)
            realm, at = tier.tier.node, ("127.0.0.1", port)
            call = Call(*secrets.popitem(), realm, at)
            await call.begin()
            spells = []
            for flood in (0.0, given.flood):
                call.spell()
                async with _flooded(port, flood, given.addresses) as sent:
                    spells.append((await _spell(tier, secrets, realm, at, given), call.told()))
                spells[-1][0].flood = sent[0] if sent else 0.0
            await call.end()
    calm_late = 0.0
    for (spell, told), name in zip(spells, ("calm", "flood"), strict=True):
        calm_late = _tell(result, spell, told, name, given, calm_late)
    return result


async def _spell(
    tier: Running, secrets: dict[str, str], realm: str, at: tuple[str, int], given: argparse.Namespace
) -> Spell:
    figures = Figures()
    fleet = [Radio(n, account, realm, secret, at, figures) for n, (account, secret) in enumerate(secrets.items())]
    pid = tier.pids()["radio"]
    before, began_s = measure.cost(pid).cpu_s, time.monotonic()
    await register(fleet, given.rate, given.seconds)
    spell = Spell(figures, time.monotonic() - began_s, measure.cost(pid).cpu_s - before, 0.0)
    for radio in fleet:
        radio.sock.close()
    return spell


def _tell(
    result: Result, spell: Spell, told: tuple[list[float], int, int, int], name: str, given: argparse.Namespace,
    calm_late: float,
) -> float:  # fmt: skip
    """The share of the call's packets that came late."""
    done, (changes_s, sent, late, lost) = sorted(spell.figures.times_s), told
    rate = len(done) / spell.seconds
    result.add(f"{name}: registrations", round(rate), "/s")
    if done:
        result.add(f"{name}: registered, median", round(1000 * done[len(done) // 2], 1), "ms")
        result.add(f"{name}: registered, p95", round(1000 * done[int(len(done) * 0.95)], 1), "ms")
    result.add(f"{name}: said again", spell.figures.again)
    result.add(f"{name}: gateway's CPU", round(100 * spell.cpu_s / spell.seconds), "% of a core")
    if spell.flood:
        result.add(f"{name}: sent by nobody", round(spell.flood), "/s")
    changes = sorted(changes_s)
    if changes:
        result.add(f"{name}: call changed, p95", round(1000 * changes[int(len(changes) * 0.95)], 1), "ms")
    result.add(f"{name}: call's sound", f"{sent} packets, {late} late, {lost} lost")
    if spell.figures.failed or spell.figures.refused:
        result.failures.append(f"{name}: {spell.figures.failed} radios gave up, {spell.figures.refused} were refused.")
    if lost * 1000 > sent or (name == "flood" and late / max(sent, 1) > calm_late + LATE_MORE_MAX):
        result.failures.append(f"{name}: of {sent} packets of the call {lost} were lost and {late} late.")
    if rate < 0.9 * min(given.rate, AIM_PER_S):
        result.failures.append(f"{name}: {rate:.0f} registrations a second, of {given.rate:.0f} that were asked for.")
    return late / max(sent, 1)


async def _accounts(tier: Running, count: int) -> dict[str, str]:
    """Accounts of radios, with their secrets."""
    secrets = {f"radio-{n}": radios.new_secret(os.urandom) for n in range(count)}
    room = asyncio.Semaphore(ADD_AT_ONCE)

    async def add(account: str, secret: str) -> None:
        async with room:
            strong, _ = radios.hashes(account, tier.tier.node, secret)
            await tier.commander.ask(AddRadio(account, strong, ""), 60.0)

    await asyncio.gather(*(add(account, secret) for account, secret in secrets.items()))
    return secrets


@contextlib.asynccontextmanager
async def _flooded(port: int, rate: float, addresses: int) -> AsyncIterator[list[float]]:
    """The flood while the block runs; then, how many a second there were."""
    told: list[float] = []
    if not rate:
        yield told
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "loadtest.radio_flood", "--port", str(port), "--rate", str(rate),
        "--addresses", str(addresses), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        preexec_fn=die_with_parent,
    )  # fmt: skip
    try:
        yield told
    finally:
        out, _ = await process.communicate(b"\n")
        sent, seconds = out.split()
        told.append(int(sent) / float(seconds))


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--radios", type=int, default=2_000)
    parser.add_argument("--rate", type=float, default=1_000.0, help="registrations a second")
    parser.add_argument("--seconds", type=float, default=15.0, help="in calm, and again in the flood")
    parser.add_argument("--flood", type=float, default=10_000.0, help="requests of nobody a second")
    parser.add_argument("--addresses", type=int, default=200, help="that these come from")
