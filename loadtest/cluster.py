"""`python -m loadtest cluster`: of three NATS servers the leader is killed or paused under load, and nothing is lost.

A tier on a cluster of three, each stream on all of them. Each round is a call-down during which the server that leads
the receipts, or in every third round the cluster, is killed (SIGKILL) or stands still (SIGSTOP, later SIGCONT), shortly
before the order or after it. How long nobody can write is measured from then until the next store that began after it
is acknowledged; and nobody can read, until a tail has that store. At the end every answer that was confirmed to a
terminal must be in the ledger, once, and in the stream; and so must every store that was acknowledged.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from random import Random

from pyroaring import BitMap

from fusioncmd import divisions, subjects
from fusioncmd.bus.port import RECEIPT, Bus, Stored
from fusioncmd.cli.bus_way import make_users
from fusioncmd.errors import Unavailable
from fusioncmd.messages import ANSWERED, Receipts, Selector, decode, encode
from loadtest import harness, measure
from loadtest.checker import Verdict
from loadtest.cluster_servers import META, Servers, serving
from loadtest.durable import watched
from loadtest.harness import Running
from loadtest.output import Result, note, show
from loadtest.scenario import Campaign, all_connected, until_quiet
from loadtest.swarm.fleet import Fleet, launched
from loadtest.swarm.record import Record

WRITES_AGAIN_S_MAX = 20.0
READS_AGAIN_S_MAX = 20.0
COUNTED_S_MAX = 30.0
WAIT_S_MAX = 60.0
PAUSE_S_MIN = 12.0  # longer than an election: another leads when it comes to
PROBE_EVERY_S = 0.05
SNAPSHOT_EVERY_S = "86400"  # so that the stream forgets nothing that it is asked for at the end
PROBER = "played-0"


@dataclass
class Prober:
    """Stores again and again, as a gateway does, and reads, as the node does; remembers what was acknowledged."""

    bus: Bus
    acknowledged: set[int] = field(default_factory=set)  # stream sequences
    last_begun_s: float = 0.0  # of the latest store that was acknowledged
    last: int = 0  # its sequence
    read: int = 0  # the sequence read last

    @contextlib.asynccontextmanager
    async def probing(self, reads_on: Bus) -> AsyncIterator[None]:
        """While the block runs."""
        tail = await reads_on.tail(RECEIPT, self.fold, from_seq=(await reads_on.edge(RECEIPT)).last + 1)
        storing = asyncio.create_task(self._store())
        try:
            yield
        finally:
            storing.cancel()
            await tail.stop()

    async def _store(self) -> None:
        data = encode(Receipts(PROBER, ()))
        while True:
            begun_s = time.monotonic()
            try:
                self.last = await self.bus.store(subjects.receipt(PROBER), data)
                self.acknowledged.add(self.last)
                self.last_begun_s = begun_s
            except Unavailable:
                pass  # that is what is measured
            await asyncio.sleep(PROBE_EVERY_S)

    def fold(self, stored: Stored) -> None:
        self.read = stored.seq

    async def goes_on(self, after_s: float) -> tuple[float, float]:
        """Seconds from `after_s` until a store is acknowledged that began after it, and until that is read; WAIT_S_MAX
        when it never is."""
        written_s = await _until(lambda: self.last_begun_s > after_s, after_s)
        wanted = self.last
        return written_s, await _until(lambda: self.read >= wanted, after_s)


async def _until(holds: Callable[[], bool], after_s: float) -> float:
    while not holds() and time.monotonic() < after_s + WAIT_S_MAX:
        await asyncio.sleep(0.01)
    return min(time.monotonic() - after_s, WAIT_S_MAX)


class Rounds:
    def __init__(self, tier: Running, servers: Servers, fleet: Fleet, prober: Prober, campaign: Campaign) -> None:
        self._tier, self._servers, self._fleet, self._prober = tier, servers, fleet, prober
        self.campaign = campaign
        self.written_s: list[float] = []
        self.read_s: list[float] = []
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
        victim, killed, after_s = await self._servers.leader(led), rng.random() < 0.5, rng.uniform(-1.0, 1.0)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._call(terminals, max(0.0, -after_s)))
            await asyncio.sleep(max(0.0, after_s))
            (self._servers.kill if killed else self._servers.pause)(victim)
            written_s, read_s = await self._prober.goes_on(struck_s := time.monotonic())
            if killed:
                self._servers.start(victim)
            else:
                await asyncio.sleep(max(0.0, struck_s + PAUSE_S_MIN - time.monotonic()))
                self._servers.resume(victim)
            await self._servers.until_whole()
        self.written_s.append(written_s)
        self.read_s.append(read_s)
        struck = f"leader of {led} {'killed' if killed else 'paused'}"
        note(f"round {number}: {struck}; written again after {written_s:.1f} s, read after {read_s:.1f} s")
        if written_s > WRITES_AGAIN_S_MAX:
            self.failures.append(f"Round {number}: nobody could write for {written_s:.1f} s.")
        if read_s > READS_AGAIN_S_MAX:
            self.failures.append(f"Round {number}: nothing was read for {read_s:.1f} s.")

    async def verdict(self, record: Record, connected: BitMap) -> tuple[Verdict, float]:
        """Of what the node tells, and how long it took to tell all that was confirmed: the server that was struck may
        have been the one by which it reads. What else is wrong no waiting mends."""
        began_s = time.monotonic()
        while True:
            verdict = await self.campaign.verdict(record, connected)
            took_s = time.monotonic() - began_s
            not_yet = verdict.counts["lost"] and verdict.counts["lost"] == sum(verdict.counts.values())
            if not not_yet or took_s > COUNTED_S_MAX:
                return verdict, took_s
            await asyncio.sleep(0.1)

    async def _call(self, terminals: int, after_s: float = 0.0) -> None:
        await asyncio.sleep(after_s)
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
                async with prober.probing(tier.bus):
                    for number in range(1, given.rounds + 1):
                        await rounds.round(number, rng, len(tickets))
                record = await fleet.record()
                result.verdict, counted_s = await rounds.verdict(record, BitMap(number for number, _ in tickets))
                result.failures += rounds.failures + await missing(tier.bus, record, prober)
    result.add("rounds", len(rounds.written_s))
    result.add("answers confirmed", sum(len(c) for d in record.deeds.values() for c in d.confirmed))
    result.add("stores acknowledged beside", len(prober.acknowledged))
    for what, gaps_s in (("written", sorted(rounds.written_s)), ("read", sorted(rounds.read_s))):
        result.add(f"{what} again after: median", gaps_s[len(gaps_s) // 2], "s")
        result.add(f"{what} again after: longest", gaps_s[-1], "s")
    result.add("counted by the node after the last round", counted_s, "s")
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
