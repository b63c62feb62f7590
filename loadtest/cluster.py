"""`python -m loadtest cluster`: of three NATS servers the leader is killed or paused under load, and nothing is lost.

A tier on a cluster of three, each stream on all of them. Each round is a call-down during which the server that leads
the receipts, or in every third round the cluster, is killed (SIGKILL) or stands still (SIGSTOP, later SIGCONT). How
long nobody can write is measured from then until the next store that began after it is acknowledged. At the end every
answer that was confirmed to a terminal must be in the ledger, once, and in the stream; and so must every store that was
acknowledged.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass, field
from random import Random

from pyroaring import BitMap

from fusioncmd import divisions, subjects
from fusioncmd.bus.port import RECEIPT, Bus
from fusioncmd.cli.bus_way import make_users
from fusioncmd.errors import Unavailable
from fusioncmd.messages import ANSWERED, Receipts, Selector, decode, encode
from loadtest import harness, measure
from loadtest.cluster_servers import META, Servers, serving
from loadtest.durable import watched
from loadtest.harness import Running
from loadtest.output import Result, note, show
from loadtest.scenario import Campaign, all_connected, until_quiet
from loadtest.swarm.fleet import Fleet, launched
from loadtest.swarm.record import Record

WRITES_AGAIN_S_MAX = 20.0
WAIT_S_MAX = 60.0
PAUSE_S_MIN = 12.0  # longer than an election: another leads when it comes to
PROBE_EVERY_S = 0.05
SNAPSHOT_EVERY_S = "86400"  # so that the stream forgets nothing that it is asked for at the end
PROBER = "played-0"


@dataclass
class Prober:
    """Stores again and again, as a gateway does, and remembers what was acknowledged."""

    bus: Bus
    acknowledged: set[int] = field(default_factory=set)  # stream sequences
    last_begun_s: float = 0.0  # of the latest store that was acknowledged

    async def run(self) -> None:
        data = encode(Receipts(PROBER, ()))
        while True:
            begun_s = time.monotonic()
            try:
                self.acknowledged.add(await self.bus.store(subjects.receipt(PROBER), data))
                self.last_begun_s = begun_s
            except Unavailable:
                pass  # that is what is measured
            await asyncio.sleep(PROBE_EVERY_S)

    async def writes_again(self, after_s: float) -> float:
        """Seconds from `after_s` until a store is acknowledged that began after it; WAIT_S_MAX when none is."""
        while time.monotonic() < after_s + WAIT_S_MAX:
            if self.last_begun_s > after_s:
                return time.monotonic() - after_s
            await asyncio.sleep(0.01)
        return WAIT_S_MAX


class Rounds:
    def __init__(self, tier: Running, servers: Servers, fleet: Fleet, prober: Prober, campaign: Campaign) -> None:
        self._tier, self._servers, self._fleet, self._prober = tier, servers, fleet, prober
        self.campaign = campaign
        self.gaps_s: list[float] = []
        self.failures: list[str] = []

    async def undisturbed(self, terminals: int) -> float:
        """Answers on disk a second, when nothing is broken."""
        async with watched(self._tier.bus) as durable:
            began_s = time.monotonic()
            await self._call(terminals)
            last_s = durable.last_s(self.campaign.orders[-1].id) or time.monotonic()
        return terminals / (last_s - began_s)

    async def round(self, number: int, rng: Random, terminals: int) -> None:
        led = META if number % 3 == 0 else RECEIPT.name
        victim, killed, after_s = await self._servers.leader(led), rng.random() < 0.5, rng.uniform(0.0, 1.0)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._call(terminals))
            await asyncio.sleep(after_s)
            (self._servers.kill if killed else self._servers.pause)(victim)
            gap_s = await self._prober.writes_again(struck_s := time.monotonic())
            if killed:
                self._servers.start(victim)
            else:
                await asyncio.sleep(max(0.0, struck_s + PAUSE_S_MIN - time.monotonic()))
                self._servers.resume(victim)
            await self._servers.until_whole()
        self.gaps_s.append(gap_s)
        note(f"round {number}: leader of {led} {'killed' if killed else 'paused'}; written again after {gap_s:.1f} s")
        if gap_s > WRITES_AGAIN_S_MAX:
            self.failures.append(f"Round {number}: nobody could write for {gap_s:.1f} s.")

    async def _call(self, terminals: int) -> None:
        issued = await self.campaign.issue(
            text=f"Call-down {len(self.campaign.orders) + 1}",
            answers=("here", "on the way", "need help"),
            audience=Selector(("44",)),
            status="exercise",
        )
        status = await until_quiet(self._fleet, {issued.order.id: terminals}, WAIT_S_MAX, every_s=0.1)
        shown = status.shown.get(issued.order.id, 0)
        if status.waiting or shown < terminals:
            self.failures.append(
                f"A call-down did not come to rest: {shown:,} of {terminals:,} shown, {status.waiting:,} waiting."
            )


async def missing(bus: Bus, record: Record, prober: Prober) -> list[str]:
    """What was confirmed or acknowledged, and is not in the stream."""
    stored: dict[tuple[bytes, int], BitMap] = {}
    sequences: set[int] = set()
    async for each in bus.read(RECEIPT):
        sequences.add(each.seq)
        for mark in decode(Receipts, each.data).marks:
            if mark.stage == ANSWERED and mark.answer is not None:
                stored.setdefault((mark.order, mark.answer), BitMap()).update(BitMap.deserialize(mark.numbers))
    found = [f"Store {seq} was acknowledged and is not in the stream." for seq in prober.acknowledged - sequences]
    for ident, deeds in record.deeds.items():
        for answer, confirmed in enumerate(deeds.confirmed):
            if lost := confirmed - stored.get((ident, answer), BitMap()):
                found.append(f"{len(lost):,} confirmed answers {answer} are not in the stream.")
    return found


async def run(given: argparse.Namespace) -> Result:
    conditions = {name: getattr(given, name) for name in ("seed", "rounds", "terminals", "gateways")}
    result = Result("cluster", measure.conditions() | conditions)
    began_s, rng, node = time.monotonic(), Random(given.seed), divisions.guangdong().root.code
    env = {"FUSIONCMD_SNAPSHOT_EVERY_S": SNAPSHOT_EVERY_S}
    with harness.scratch() as folder:
        make_users(folder, node, given.gateways)
        harness.known(folder, node, 1)
        async with (
            serving(folder, node) as servers,
            harness.running(folder, given.gateways, env=env, played=1, nats=servers.url) as tier,
        ):
            await tier.fill(given.terminals, given.seed)
            people = await tier.people()
            tickets = tier.tickets(people, given.terminals)
            async with launched(tickets, tier.tier.port, "hasty", given.seed, folder) as fleet:
                await all_connected(fleet, WAIT_S_MAX)
                prober = Prober(tier.played[PROBER])
                rounds = Rounds(tier, servers, fleet, prober, Campaign(tier.commander, people))
                await servers.until_whole()
                result.add("answers on disk, undisturbed", await rounds.undisturbed(len(tickets)), "a second")
                probing = asyncio.create_task(prober.run())
                try:
                    for number in range(1, given.rounds + 1):
                        await rounds.round(number, rng, len(tickets))
                finally:
                    probing.cancel()
                record = await fleet.record()
                result.verdict = await rounds.campaign.verdict(record, BitMap(number for number, _ in tickets))
                result.failures += rounds.failures + await missing(tier.bus, record, prober)
    gaps = sorted(rounds.gaps_s)
    result.add("rounds", len(gaps))
    result.add("answers confirmed", sum(len(c) for d in record.deeds.values() for c in d.confirmed))
    result.add("stores acknowledged beside", len(prober.acknowledged))
    result.add("written again after: median", gaps[len(gaps) // 2], "s")
    result.add("written again after: longest", gaps[-1], "s")
    result.add("connections lost", sum(record.closes.values()))
    result.add("took", time.monotonic() - began_s, "s")
    return result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--terminals", type=int, default=2_000)
    parser.add_argument("--gateways", type=int, default=2, help="gateway processes")


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)
