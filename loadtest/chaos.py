"""`python -m loadtest chaos`: processes are killed while call-downs run, and nobody's answer may be lost or doubled.

SIGKILL to a gateway, to the node and to the NATS server, at random moments and at named points, as `chaos_plan` has
it for the seed. Terminals reconnect as the protocol tells them. At the end, what they did and were told is compared
with what the node counts. The same seed plans the same run; what the kernel schedules is its own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from pathlib import Path

from pyroaring import BitMap

from fusioncmd import api
from fusioncmd.errors import Unavailable
from loadtest import harness, measure
from loadtest.chaos_plan import Kill, Round, plan
from loadtest.harness import Running
from loadtest.output import Result, note, show
from loadtest.scenario import Campaign, until_quiet
from loadtest.swarm.fleet import Fleet, launched

SPARE_PEOPLE = 1.2  # more people than terminals: some are unreachable
POINT_S_MAX = 6.0  # a point that nobody comes to in so long: killed all the same
UP_S_MAX = 60.0
QUIET_S_MAX = 90.0
LAST_RECEIPTS_S = 1.0
SNAPSHOT_EVERY_S = "1"


class Chaos:
    def __init__(self, tier: Running, fleet: Fleet, campaign: Campaign, killpoints: Path, terminals: BitMap) -> None:
        self._tier, self._fleet, self.campaign = tier, fleet, campaign
        self._killpoints, self._terminals = killpoints, terminals
        self.killed: Counter[str] = Counter()
        self.missed = 0
        self.failures: list[str] = []

    async def round(self, number: int, planned: Round) -> None:
        """One order with its kills, until everyone is back and everything is confirmed."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._kill_all(planned.kills))
            group.create_task(self._call(planned))
        await self._until_up()
        orders = self.campaign.orders
        last = orders[-1]
        expected = len(self.campaign.people.meant_by(last.audience) & self._terminals)
        if last.msg_type == "cancel":
            expected = (await self._fleet.status()).shown.get(last.refs or b"", 0)
        wanted = {last.id: expected}
        status = await until_quiet(self._fleet, wanted, QUIET_S_MAX, every_s=0.1)
        shown = status.shown.get(last.id, 0)
        names = ", ".join(kill.name for kill in planned.kills)
        note(f"round {number}: {names}; {last.msg_type} shown to {shown:,}, {status.welcomed:,} connected")
        if status.waiting or status.welcomed < status.terminals or shown < expected:
            self.failures.append(
                f"Round {number} did not come to rest: {shown:,} of {expected:,} shown, {status.waiting:,} waiting, "
                f"{status.welcomed:,} of {status.terminals:,} connected."
            )

    async def _call(self, planned: Round) -> None:
        issued = await self.campaign.issue(
            text=f"Call-down {len(self.campaign.orders)}", answers=("here", "on the way", "need help"),
            audience=planned.audience, status=planned.status,
        )  # fmt: skip
        if planned.follow_up is None:
            return
        await asyncio.sleep(planned.follow_up_after_s)
        await self.campaign.issue(
            msg_type=planned.follow_up, refs=issued.order.id, text=planned.follow_up, status=planned.status
        )

    async def _kill_all(self, kills: tuple[Kill, ...]) -> None:
        for kill in kills:
            await self._kill(kill)

    async def _kill(self, kill: Kill) -> None:
        pid = await self._pid_of(kill)
        if kill.point is None:
            await asyncio.sleep(kill.after_s)
        else:
            self._killpoints.write_text(f"{kill.point} {pid}")
            give_up = time.monotonic() + POINT_S_MAX
            while self._killpoints.exists() and time.monotonic() < give_up:
                await asyncio.sleep(0.01)
            if not self._killpoints.exists():
                self.killed[kill.name] += 1
                return
            self._killpoints.unlink(missing_ok=True)
            self.missed += 1
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self.killed[f"{kill.victim} at random"] += 1

    async def _pid_of(self, kill: Kill) -> int:
        """The victim's process, once it runs (again)."""
        gateways = [name for name in self._tier.supervisor.children if name.startswith("responder")]
        name = gateways[kill.which % len(gateways)] if kill.victim == "gateway" else kill.victim
        while name not in self._tier.pids():
            await asyncio.sleep(0.05)
        return self._tier.pids()[name]

    async def _until_up(self) -> None:
        give_up = time.monotonic() + UP_S_MAX
        while time.monotonic() < give_up:
            with contextlib.suppress(Unavailable):
                health = await self._tier.commander.ask(api.Health(), timeout_s=2.0)
                if health.caught_up and len(health.gateways) == self._tier.tier.gateways:
                    return
            await asyncio.sleep(0.1)
        self.failures.append(f"The tier was not whole again within {UP_S_MAX:.0f} s.")


async def run(given: argparse.Namespace) -> Result:
    conditions = {"seed": given.seed, "kills": given.kills, "terminals": given.terminals, "gateways": given.gateways}
    result = Result("chaos", measure.conditions() | conditions)
    started_s = time.monotonic()
    with harness.scratch() as folder:
        points = folder / "killpoints"
        env = {"FUSIONCMD_KILLPOINTS": str(points), "FUSIONCMD_SNAPSHOT_EVERY_S": SNAPSHOT_EVERY_S}
        async with harness.running(folder, given.gateways, env=env) as tier:
            await tier.fill(int(given.terminals * SPARE_PEOPLE), given.seed)
            people = await tier.people()
            tickets = tier.tickets(people, given.terminals)
            connected = BitMap(number for number, _ in tickets)
            async with launched(tickets, tier.tier.port, "hasty", given.seed, folder) as fleet:
                await fleet.until_welcomed(UP_S_MAX)
                chaos = Chaos(tier, fleet, Campaign(tier.commander, people), points, connected)
                rounds = plan(given.seed, given.kills, tier.places)
                for number, planned in enumerate(rounds, start=1):
                    await chaos.round(number, planned)
                await asyncio.sleep(LAST_RECEIPTS_S)
                record = await fleet.record()
                result.verdict = await chaos.campaign.verdict(record, connected)
    result.failures += chaos.failures
    result.add("kills", sum(chaos.killed.values()))
    result.add("different kills", len(chaos.killed))
    result.add("points that nobody came to in time", chaos.missed)
    result.add("orders", len(chaos.campaign.orders))
    result.add("answers confirmed", sum(len(c) for d in record.deeds.values() for c in d.confirmed))
    result.add("reports stored", sum(written.stored for written in record.reports.values()))
    result.add("connections lost", sum(record.closes.values()))
    result.add("took", time.monotonic() - started_s, "s")
    return result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--terminals", type=int, default=5_000)
    parser.add_argument("--gateways", type=int, default=2, help="gateway processes")


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)
