"""`python -m loadtest slow`: a share of the terminals stops reading, and nobody else is to notice.

Rounds with and without take turns, in one tier and with the same terminals. Each round is a row of orders of the
largest size that a person can write, one after the other, while some do not read: first the kernel's buffers fill, then
the gateway's outbox, and then the gateway lets them go. The others' deliveries and confirmations are timed one by one.
Then the slow read on, and must come to have every order, once.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from pyroaring import BitMap

from fusioncmd import api, limits
from fusioncmd.errors import BadInput
from fusioncmd.messages import Order, Selector
from loadtest import harness, measure
from loadtest.harness import Running
from loadtest.output import Result, note, show
from loadtest.scenario import Campaign, all_connected, until_quiet
from loadtest.swarm.fleet import Fleet, launched

TEXT = ("台风红色预警，请立即到岗并报告。" * limits.TEXT_CHARS_MAX)[: limits.TEXT_CHARS_MAX]
ANSWERS = ("到岗", "在途", "需要支援")
GROWTH_BYTES_MAX = 64 * 2**20
P99_RATIO_MAX = 1.2
CONNECT_S_MAX = 300.0
ORDER_S_MAX = 60.0
BACK_S_MAX = 90.0
REST_S = 2.0  # presence is said once a second
PAGE_BYTES = 4096


@dataclass(slots=True)
class Side:
    """Rounds of one kind. Times are the 99th percentile of each order, over the terminals that never are slow."""

    delivered_s: list[float] = field(default_factory=list)
    confirmed_s: list[float] = field(default_factory=list)
    gateways: list[int] = field(default_factory=list)  # bytes at most, per round, above what there was before it
    kernel: list[int] = field(default_factory=list)
    both: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Backlog:
    """What became of the slow, over all rounds with trouble."""

    slow: int = 0
    dropped: int = 0
    sent: int = 0  # orders that were with the kernel whole, while nobody read them
    back_s: list[float] = field(default_factory=list)


class Slow:
    def __init__(self, tier: Running, fleet: Fleet, campaign: Campaign, terminals: int) -> None:
        self._tier, self._fleet, self.campaign, self._terminals = tier, fleet, campaign, terminals
        self.sides = {False: Side(), True: Side()}
        self.backlog = Backlog()
        self.failures: list[str] = []

    async def round(self, trouble: bool, orders: int) -> None:
        slow = await self._trouble() if trouble else 0
        side, before = self.sides[trouble], self._memory()
        grown = [(0, 0)]
        issued: list[Order] = []
        for _ in range(orders):
            issued.append(await self._call(side, self._terminals - slow))
            gateways, kernel = self._memory()
            grown.append((gateways - before[0], kernel - before[1]))
        side.gateways.append(max(of_gateways for of_gateways, _ in grown))
        side.kernel.append(max(of_kernel for _, of_kernel in grown))
        side.both.append(max(map(sum, grown)))
        note(f"{slow:,} slow: grown by {side.both[-1] / 2**20:.1f} MiB, p99 {median(side.delivered_s[-orders:]):.3f} s")
        if trouble:
            await self._look_at_the_slow(slow, issued)
            await self._read_on(issued)
        for order in issued:  # a terminal can name only so many open orders when it connects
            await self.campaign.issue(msg_type="cancel", refs=order.id, text="End.", status=order.status)
        await self._until_all_have({order.id: self._terminals for order in self.campaign.orders[-orders:]})

    async def _trouble(self) -> int:
        """How many do not read now."""
        await self._fleet.trouble()
        slow = (await self._fleet.status()).deaf
        self.backlog.slow += slow
        if not slow:
            self.failures.append("Nobody is slow.")
        return slow

    async def _call(self, side: Side, readers: int) -> Order:
        """One order, until everyone who reads has it and was told that the answer counts."""
        started_s = time.monotonic()
        order = (
            await self.campaign.issue(text=TEXT, answers=ANSWERS, audience=Selector(("44",)), status="exercise")
        ).order
        await self._until_all_have({order.id: readers})
        times = await self._fleet.times(order.id)
        side.delivered_s.append(p99(times.shown_s) - started_s)
        side.confirmed_s.append(p99(times.confirmed_s) - started_s)
        return order

    async def _until_all_have(self, wanted: dict[bytes, int], wait_s: float = ORDER_S_MAX) -> None:
        status = await until_quiet(self._fleet, wanted, wait_s)
        short = sum(status.shown.get(ident, 0) < people for ident, people in wanted.items())
        if short or status.waiting:
            self.failures.append(
                f"{short} of {len(wanted)} orders did not come to everyone, {status.waiting:,} answers wait, "
                f"{status.welcomed:,} of {status.terminals:,} terminals are connected and read."
            )

    async def _look_at_the_slow(self, slow: int, orders: list[Order]) -> None:
        """While they do not read: nothing counts as received that they have not read."""
        await asyncio.sleep(REST_S)
        readers = self._terminals - slow
        for order in orders:
            total = (await self._tier.commander.ask(api.Tally(order.id))).total
            self.backlog.sent += total.sent - readers
            if total.received != readers or not readers <= total.sent <= self._terminals:
                self.failures.append(
                    f"{readers:,} read, and the node counts {total.received:,} received, {total.sent:,} sent."
                )
        reachable = (await self._tier.commander.ask(api.Health())).reachable or 0
        self.backlog.dropped += self._terminals - reachable

    async def _read_on(self, orders: list[Order]) -> None:
        started_s = time.monotonic()
        await self._fleet.calm()
        await self._until_all_have({order.id: self._terminals for order in orders}, BACK_S_MAX)
        self.backlog.back_s.append(time.monotonic() - started_s)

    def _memory(self) -> tuple[int, int]:
        """Bytes: of the gateways, and of all TCP sockets in the kernel."""
        pids = {name: pid for name, pid in self._tier.pids().items() if name.startswith("responder")}
        return sum(cost.memory for cost in measure.costs(pids).values()), socket_memory()


def p99(times_s: array[float]) -> float:
    """The 99th percentile by nearest rank: of 100 times, one is above it."""
    return sorted(times_s)[-(-99 * len(times_s) // 100) - 1] if times_s else float("inf")


def socket_memory() -> int:
    """Bytes that the kernel holds for the buffers of all sockets: proc(5), net/sockstat, which counts pages."""
    line = next(line for line in Path("/proc/net/sockstat").read_text().splitlines() if line.startswith("TCP:"))
    return PAGE_BYTES * int(line.split()[line.split().index("mem") + 1])


def _tell(slow: Slow, timed: bool, result: Result) -> None:
    without, with_slow = slow.sides[False], slow.sides[True]
    for what, one, other in (
        ("delivery", without.delivered_s, with_slow.delivered_s),
        ("confirmation", without.confirmed_s, with_slow.confirmed_s),
    ):
        ratio = median(other) / median(one)
        result.add(f"p99 of {what} to the others, without slow readers", median(one), "s")
        result.add(f"p99 of {what} to the others, with", median(other), "s")
        result.add(f"p99 of {what}, as a ratio", ratio)
        if timed and ratio > P99_RATIO_MAX:
            result.failures.append(f"With slow readers the p99 of {what} to the others is {ratio:.2f} times as long.")
    for name, side in (("without slow readers", without), ("with", with_slow)):
        result.add(f"growth of gateways, {name}", max(side.gateways) / 2**20, "MiB")
        result.add(f"growth of sockets in the kernel, {name}", max(side.kernel) / 2**20, "MiB")
    result.add("growth of both together, with", max(with_slow.both) / 2**20, "MiB")
    if max(with_slow.both) > GROWTH_BYTES_MAX:
        result.failures.append(f"Memory grew by more than {GROWTH_BYTES_MAX / 2**20:.0f} MiB.")
    backlog = slow.backlog
    result.add("slow: let go at the bound", backlog.dropped)
    result.add("slow: still waited for at the end of the round", backlog.slow - backlog.dropped)
    result.add("slow: orders each that were with the kernel, unread", backlog.sent / max(backlog.slow, 1))
    result.add("slow: reading again to having everything", max(backlog.back_s), "s")
    if not backlog.dropped:
        result.failures.append("Nobody came to the bound, so this run says nothing of it: try more --orders.")
    result.failures += slow.failures


async def run(given: argparse.Namespace) -> Result:
    if not 1 <= given.orders <= limits.ORDERS_HELD_MAX:
        raise BadInput(
            f"--orders is 1 to {limits.ORDERS_HELD_MAX}: a terminal that connects can name no more that are open.",
            f"--orders 须为 1–{limits.ORDERS_HELD_MAX}：终端重连时只能报告这么多条未结束的指令。",
        )
    conditions = {name: getattr(given, name) for name in ("terminals", "share", "orders", "rounds", "gateways")}
    result = Result("slow", measure.conditions() | conditions)
    with harness.scratch() as folder:
        async with harness.running(folder, given.gateways) as tier:
            await tier.fill(given.terminals, given.seed)
            people = await tier.people()
            tickets = tier.tickets(people, given.terminals)
            async with launched(
                tickets, tier.tier.port, "at-once", given.seed, folder, given.swarm, "slow", given.share
            ) as fleet:
                await all_connected(fleet, CONNECT_S_MAX)
                slow = Slow(tier, fleet, Campaign(tier.commander, people), len(tickets))
                for number in range(given.rounds):  # by turns, so that what drifts falls on both alike
                    for trouble in (False, True) if number % 2 == 0 else (True, False):
                        await slow.round(trouble, given.orders)
                await asyncio.sleep(REST_S)
                record = await fleet.record()
                result.verdict = await slow.campaign.verdict(record, BitMap(number for number, _ in tickets))
    _tell(slow, given.timed, result)
    result.add("connections that the slow lost", sum(record.closes.values()))
    result.add("orders", len(slow.campaign.orders))
    return result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--terminals", type=int, default=15_000)
    parser.add_argument("--share", type=float, default=0.01, help="of the terminals stop reading")
    parser.add_argument("--orders", type=int, default=24, help="in a row, in each round")
    parser.add_argument("--rounds", type=int, default=4, help="of each kind: the machine drifts between them")
    parser.add_argument("--gateways", type=int, default=2, help="gateway processes")
    parser.add_argument("--swarm", type=int, default=2, help="swarm processes, at least")
    parser.add_argument("--timed", action=argparse.BooleanOptionalAction, default=True, help="judge the times too")
    parser.add_argument("--seed", type=int, default=1)


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)
