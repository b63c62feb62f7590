"""`python -m loadtest disk`: the disk is filled at each write, and no answer is confirmed that is not stored.

A tier whose folder is a small file system of its own (tmpfs; to mount it takes root). Each round is a call-down, at
some moment of which the last byte of that disk is taken: JetStream's store, the ledger's snapshots, the logs and the
keys are all on it. `health` must say so within 5 s; when there is room again an order must go out within 60 s, and
everyone's answer come in. At the end server and node are killed, and what terminals were told is compared with what the
node counts of what it finds on the disk.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from pyroaring import BitMap

from fusioncmd import api
from fusioncmd.errors import Problem, Unavailable
from fusioncmd.messages import Selector
from loadtest import harness, measure
from loadtest.harness import Running
from loadtest.output import Result, note, show
from loadtest.scenario import Campaign, all_connected, until_quiet
from loadtest.swarm.fleet import Fleet, launched

ALARM_S_MAX = 5.0
RECOVERS_S_MAX = 60.0
WAIT_S_MAX = 90.0
FULL_S = 6.0  # at least so long without room
FILL_EVERY_S = 0.05
FILL_BYTES = 64 * 1024
LOOK_EVERY_S = 0.2
SNAPSHOT_EVERY_S = "1"  # so that each full disk meets snapshots, too
ANSWERS = ("here", "on the way", "need help")


@contextlib.contextmanager
def small_disk(mib: int) -> Iterator[Path]:
    """A folder that is a file system of its own. `Unavailable` where none may be mounted."""
    with harness.scratch() as folder:
        argv = ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=0700", "none", str(folder)]
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode:
            raise Unavailable(
                f"A small file system cannot be mounted, which takes root: {done.stderr.strip()}.",
                f"无法挂载小文件系统（须 root 权限）：{done.stderr.strip()}。",
            )
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)


class Filler:
    """Takes what room there is, and whatever becomes free, until it gives it back."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "filler"

    def fill(self) -> None:
        with self._file.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            for size in (FILL_BYTES, 1):
                while True:
                    try:
                        file.write(bytes(size))
                    except OSError:
                        break

    def give_back(self) -> None:
        self._file.unlink(missing_ok=True)


class Rounds:
    def __init__(self, tier: Running, fleet: Fleet, filler: Filler, campaign: Campaign, everyone: int) -> None:
        self._tier, self._fleet, self._filler, self.campaign = tier, fleet, filler, campaign
        self._everyone = everyone
        self.alarms_s: list[float] = []
        self.recoveries_s: list[float] = []
        self.refused: list[str] = []
        self.failures: list[str] = []

    async def round(self, number: int, after_s: float) -> None:
        """The disk is full `after_s` after an order was asked for; before it where that is negative."""
        async with asyncio.TaskGroup() as group:
            if after_s < 0:
                full = group.create_task(self._full(number, 0.0))
                await asyncio.sleep(-after_s)
                await self._refuse(number)
                await full
            else:
                group.create_task(self._call(number))
                group.create_task(self._full(number, after_s))
        began_s = time.monotonic()
        if after_s < 0:
            await self._call(number)
        await self._until_well(number, began_s)

    async def _refuse(self, number: int) -> None:
        """What cannot be stored is refused with a sentence; what still fitted in is issued, and counts like any."""
        try:
            await self._issue(number)
        except Problem as problem:
            self.refused.append(problem.en)

    async def _issue(self, number: int) -> api.Issued:
        return await self.campaign.issue(
            text=f"Round {number}", answers=ANSWERS, audience=Selector(("44",)), status="exercise"
        )

    async def _call(self, number: int) -> None:
        give_up = time.monotonic() + RECOVERS_S_MAX
        while True:
            try:
                issued = await self._issue(number)
                break
            except Problem as problem:
                self.refused.append(problem.en)
                if time.monotonic() > give_up:
                    self.failures.append(f"Round {number}: no order goes out any more: {problem.en}")
                    return
                await asyncio.sleep(LOOK_EVERY_S)
        ident = issued.order.id
        status = await until_quiet(self._fleet, {ident: self._everyone}, WAIT_S_MAX, every_s=0.1)
        shown = status.shown.get(ident, 0)
        if status.waiting or shown < self._everyone:
            self.failures.append(f"Round {number}: {shown:,} shown, {status.waiting:,} wait for a confirmation.")

    async def _full(self, number: int, after_s: float) -> None:
        await asyncio.sleep(after_s)
        began_s, told_s = time.monotonic(), 0.0
        while time.monotonic() < began_s + FULL_S or (not told_s and time.monotonic() < began_s + WAIT_S_MAX):
            await asyncio.to_thread(self._filler.fill)
            if not told_s and any("disk" in problem for problem in await self._problems()):
                told_s = time.monotonic() - began_s
                self.alarms_s.append(told_s)
            await asyncio.sleep(FILL_EVERY_S)
        self._filler.give_back()
        if not 0 < told_s <= ALARM_S_MAX:
            self.failures.append(f"Round {number}: health said so after {told_s:.1f} s (0: never).")

    async def _problems(self) -> tuple[str, ...]:
        with contextlib.suppress(Unavailable):
            return (await self._tier.commander.ask(api.Health(), timeout_s=1.0)).problems
        return ()

    async def from_disk(self) -> None:
        """Server and node are killed, so that what the node tells from now on is what it read from the disk."""
        pids = self._tier.pids()
        for name in ("nats", "node"):
            os.kill(pids[name], signal.SIGKILL)
        give_up = time.monotonic() + RECOVERS_S_MAX
        while any(self._tier.pids().get(name) in (None, pids[name]) for name in ("nats", "node")) or not (
            await self._writes()
        ):
            if time.monotonic() > give_up:
                self.failures.append("Killed, the tier did not come back from its disk.")
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def _until_well(self, number: int, began_s: float) -> None:
        problems: tuple[str, ...] = ()
        while time.monotonic() < began_s + RECOVERS_S_MAX:
            if await self._writes() and not (problems := await self._problems()):
                self.recoveries_s.append(time.monotonic() - began_s)
                note(f"round {number}: told of after {self.alarms_s[-1:]} s, well {self.recoveries_s[-1]:.1f} s later")
                return
            await asyncio.sleep(LOOK_EVERY_S)
        self.failures.append(f"Round {number}: not well after {RECOVERS_S_MAX:.0f} s: {problems}")

    async def _writes(self) -> bool:
        with contextlib.suppress(Unavailable):
            health = await self._tier.commander.ask(api.Health(), timeout_s=1.0)
            return health.caught_up and len(health.gateways) == self._tier.tier.gateways
        return False


def moments(rounds: int, rng: Random) -> list[float]:
    """When the disk is full in each round: before the order, with it, while it goes out, while answers come."""
    kinds = (lambda: -1.0, lambda: 0.0, lambda: rng.uniform(0.0, 0.2), lambda: rng.uniform(0.2, 2.0))
    return [kinds[number % len(kinds)]() for number in range(rounds)]


async def run(given: argparse.Namespace) -> Result:
    names = ("seed", "rounds", "terminals", "gateways", "mib")
    result = Result("disk", measure.conditions() | {name: getattr(given, name) for name in names})
    began_s, rng = time.monotonic(), Random(given.seed)
    env = {"FUSIONCMD_SNAPSHOT_EVERY_S": SNAPSHOT_EVERY_S}
    with small_disk(given.mib) as folder, harness.scratch() as beside:
        async with harness.running(folder, given.gateways, env=env) as tier:
            await tier.fill(given.terminals, given.seed)
            people = await tier.people()
            tickets = tier.tickets(people, given.terminals)
            os.symlink(folder / "keys", beside / "keys")
            async with launched(tickets, tier.tier.port, "hasty", given.seed, beside) as fleet:
                await all_connected(fleet, WAIT_S_MAX)
                campaign = Campaign(tier.commander, people)
                rounds = Rounds(tier, fleet, Filler(folder), campaign, len(tickets))
                for number, after_s in enumerate(moments(given.rounds, rng), start=1):
                    await rounds.round(number, after_s)
                record = await fleet.record()
                await rounds.from_disk()
                result.verdict = await campaign.verdict(record, BitMap(number for number, _ in tickets))
    result.failures += rounds.failures
    result.add("rounds", given.rounds)
    result.add("answers confirmed", sum(len(c) for d in record.deeds.values() for c in d.confirmed))
    result.add("orders refused", len(rounds.refused))
    result.add("health said so after: longest", max(rounds.alarms_s, default=0.0), "s")
    result.add("well again after: longest", max(rounds.recoveries_s, default=0.0), "s")
    result.add("took", time.monotonic() - began_s, "s")
    result.remarks += sorted(set(rounds.refused))
    return result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--terminals", type=int, default=1_000)
    parser.add_argument("--gateways", type=int, default=2, help="gateway processes")
    parser.add_argument("--mib", type=int, default=160, help="size of the disk")


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)
