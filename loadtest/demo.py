"""`python -m loadtest demo`: the whole system from nothing, with 840,000 people and 20,000 live terminals.

A tier is started, a roster imported, a swarm of terminals connected, one call-down issued to the province and watched
until it settles. The summary holds what the node counted against what the terminals did, person by person.
"""

from __future__ import annotations

import argparse
import time

from pyroaring import BitMap
from rich.table import Table
from rich.text import Text

from fusioncmd import api, ids
from fusioncmd.cli.browse import Browse
from fusioncmd.cli.figures import mode_text
from fusioncmd.cli.follow import follow
from fusioncmd.messages import Order, Selector
from fusioncmd.pages import is_built
from fusioncmd.words import say
from loadtest import harness, measure
from loadtest.harness import Running
from loadtest.output import Result, err, number, out, show, verdict_text
from loadtest.scenario import Campaign, until_quiet
from loadtest.swarm.behaviour import BEHAVIOURS
from loadtest.swarm.fleet import Fleet, launched
from loadtest.swarm.record import Record

SETTLED_S = 5.0  # nothing moved for so long
CONNECT_S_MAX = 60.0
QUIET_S_MAX = 90.0


class Steps:
    """Says what is under way, and how long it took."""

    def __init__(self, quiet: bool) -> None:
        self._console = err if quiet else out
        self._since_s = self._started_s = time.monotonic()

    def done(self, en: str, zh: str) -> None:
        now_s = time.monotonic()
        line = Text("✓ ", "bold green").append(say(en, zh), "default not bold")
        self._console.print(line.append(f"  {now_s - self._since_s:.1f} s", "dim"))
        self._since_s = now_s

    @property
    def total_s(self) -> float:
        return time.monotonic() - self._started_s


async def main(given: argparse.Namespace) -> int:
    steps = Steps(given.json)
    result = Result("demo", measure.conditions() | {"people": given.people, "terminals": given.terminals})
    with harness.scratch() as folder:
        async with harness.running(folder, given.gateways, console=is_built("console")) as tier:
            steps.done(
                f"A province is up: NATS server, tier node, {given.gateways} responder gateways",
                f"省级节点已启动：NATS 总线、层级节点、{given.gateways} 个终端网关",
            )
            if tier.tier.console is not None:
                url, held = tier.tier.console.url, folder / "keys"
                steps.done(f"Look on at {url} with the keys in {held}", f"可在 {url} 观看，密钥位于 {held}")
            imported = await tier.fill(given.people, given.seed)
            steps.done(
                f"{imported.rows:,} people imported over {imported.towns_written:,} real towns of Guangdong",
                f"已导入 {imported.rows:,} 名责任人，覆盖广东 {imported.towns_written:,} 个真实乡镇街道",
            )
            people = await tier.people()
            tickets = tier.tickets(people, given.terminals)
            async with launched(tickets, tier.tier.port, given.behaviour, given.seed, folder) as fleet:
                status = await fleet.until_welcomed(CONNECT_S_MAX)
                steps.done(
                    f"{status.welcomed:,} live WebSocket terminals connected",
                    f"{status.welcomed:,} 个 WebSocket 终端已在线",
                )
                campaign = Campaign(tier.commander, people)
                record = await _call_down(tier, fleet, campaign, given.json)
                connected = BitMap(n for n, _ in tickets)
                result.verdict = await campaign.verdict(record, connected)
            await _summary(tier, campaign.orders[0], record, result)
            result.add("whole demo", steps.total_s, "s")
    if given.json:
        return show(result, given.json)
    _tell(result, steps.total_s)
    return 0 if result.good else 1


async def _call_down(tier: Running, fleet: Fleet, campaign: Campaign, quiet: bool) -> Record:
    issued = await campaign.issue(
        text=say("Typhoon red alert: report for duty and answer.", "台风红色预警：请立即到岗并应答。"),
        answers=(say("on duty", "到岗"), say("on the way", "在途"), say("need support", "需要支援")),
        audience=Selector(("44",)), status="exercise", receive_within_s=30, answer_within_s=60,
    )  # fmt: skip
    if not quiet:
        head = mode_text("exercise").append(f"  {ids.to_text(issued.order.id)}", "bold default")
        out.print(head.append(say(f"  to {issued.targeted:,} people", f"  面向 {issued.targeted:,} 人"), "default"))
        await follow(tier.commander, issued.order.id, Browse(), until_settled_s=SETTLED_S)
    await until_quiet(fleet, {issued.order.id: 1}, QUIET_S_MAX, every_s=0.2)
    return await fleet.record()


async def _summary(tier: Running, order: Order, record: Record, result: Result) -> None:
    """Each figure twice: what the terminals did, and what the ledger says."""
    deeds = record.deeds[order.id]
    total = (await tier.commander.ask(api.Tally(order.id))).total
    taken, did = BitMap(), list[int]()
    for given in reversed(deeds.given):
        did.append(len(given - taken))
        taken |= given
    did = did[::-1][: len(order.answers)]
    rows = [
        (say("received", "已接收"), len(deeds.shown), total.received),
        *zip(order.answers, did, total.by_answer, strict=True),
        (say("silent, though reachable", "在线未答"), len(deeds.shown - taken), total.silent),
        (say("reports written", "现场报告"), len({w.number for w in record.reports.values()}), total.reported),
    ]
    for name, theirs, ours in rows:
        result.add(f"{name}: terminals", theirs)
        result.add(f"{name}: ledger", ours)
        if theirs != ours:
            result.failures.append(
                say(f"{name}: the terminals say {theirs:,}, the ledger {ours:,}.",
                    f"{name}：终端为 {theirs:,}，台账为 {ours:,}。")
            )  # fmt: skip


def _tell(result: Result, total_s: float) -> None:
    grid = Table(box=None, pad_edge=False, header_style="dim")
    grid.add_column("")
    for head in (say("terminals did", "终端所为"), say("ledger counts", "台账所计"), ""):
        grid.add_column(head, justify="right")
    figures = [f for f in result.figures if ": " in f.name]
    for did, counted in zip(figures[::2], figures[1::2], strict=True):
        same = did.value == counted.value
        mark = Text("=", "green") if same else Text("≠", "bold red")
        grid.add_row(did.name.removesuffix(": terminals"), number(did.value), number(counted.value), mark)
    out.print()
    out.print(grid)
    out.print()
    assert result.verdict is not None
    out.print(verdict_text(result.verdict))
    for failure in (*result.failures, *result.verdict.examples):
        out.print(failure, style="red", soft_wrap=True)
    if result.good:
        said = say("Equal to the last person.", "一人不差。")
        out.print(Text(f" {said} ", "bold white on green").append(f"  {total_s:.0f} s", "not bold dim"))
        out.print(
            say("Your own: .venv/bin/fusioncmd up, and in another terminal .venv/bin/fusioncmd --help",
                "自行运行：.venv/bin/fusioncmd up，另开终端执行 .venv/bin/fusioncmd --help"), style="dim"
        )  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=840_000)
    parser.add_argument("--terminals", type=int, default=20_000)
    parser.add_argument("--gateways", type=int, default=2, help="gateway processes")
    parser.add_argument("--behaviour", choices=sorted(BEHAVIOURS), default="human", help="what people do")
    parser.add_argument("--seed", type=int, default=1)
