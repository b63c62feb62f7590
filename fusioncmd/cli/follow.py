"""`orders`, `watch`, `health`: what is under way."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fusioncmd import api, ids
from fusioncmd.cli import shell
from fusioncmd.cli.figures import Speed, mode_text, share, table
from fusioncmd.client import Commander
from fusioncmd.errors import Unavailable
from fusioncmd.words import say

EVERY_S = 0.5


def orders(
    only_open: Annotated[bool, typer.Option("--open", help=say("Only those open.", "仅有效指令。"))] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    """The orders, newest first."""

    async def go() -> None:
        async with shell.connect(nats) as bus:
            lines = (await Commander(bus).ask(api.Orders(limit, only_open))).lines
        if as_json:
            shell.print_json({"orders": lines})
            return
        grid = Table(header_style="dim", pad_edge=False)
        for head in ("", say("order", "编号"), say("kind", "类型"), say("state", "状态"), say("text", "内容")):
            grid.add_column(head, no_wrap=head != say("text", "内容"))
        for head in (say("meant", "对象"), say("answered", "已答"), ""):
            grid.add_column(head, justify="right")
        for line in lines:
            order = line.order
            counts = (f"{line.targeted:,}", f"{line.answered:,}", share(line.answered, line.targeted))
            name = ids.to_text(order.id)
            grid.add_row(mode_text(order.status), name, order.msg_type, line.state, Text(order.text[:60]), *counts)
        shell.out.print(grid if lines else say("There are no orders.", "没有指令。"))

    shell.run(go(), as_json)


def watch(
    order: shell.OrderArgument,
    node: shell.NodeOption = "",
    once: Annotated[bool, typer.Option("--once", help=say("Show it once.", "只显示一次。"))] = False,
    worst: Annotated[bool, typer.Option("--worst", help=say("Worst places first.", "按最差排序。"))] = False,
    until_settled: Annotated[
        float, typer.Option(help=say("End when nothing moved for so many seconds.", "多少秒无变化后结束。"))
    ] = 0.0,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Who answered, who is silent, who cannot be reached: live, per place. Drill down with --node."""

    async def go() -> None:
        code = shell.load_divisions(divisions).find(node).code if node else ""
        async with shell.connect(nats) as bus:
            commander = Commander(bus)
            request = api.Tally((await shell.find_order(commander, order)).order.id, code)
            if once:
                reply = await commander.ask(request)
                if as_json:
                    shell.print_json(reply)
                else:
                    shell.out.print(table(reply, worst_first=worst))
            else:
                await follow(commander, request, worst, until_settled, as_json)

    with contextlib.suppress(KeyboardInterrupt):
        shell.run(go(), as_json)


async def follow(
    commander: Commander, request: api.Tally, worst: bool, until_settled_s: float, as_json: bool
) -> api.TallyReply:
    """Show the tally twice a second until it settles (0: for ever), and return the last."""
    speed = Speed()
    loop = asyncio.get_running_loop()
    moved_s, before = loop.time(), None
    with contextlib.ExitStack() as stack:
        live = None if as_json else stack.enter_context(Live(console=shell.out, auto_refresh=False))
        while True:
            try:
                reply = await commander.ask(request, timeout_s=2.0)
            except Unavailable as problem:
                if live is not None:
                    live.update(Text(say(problem.en, problem.zh), "bold red"), refresh=True)
                await asyncio.sleep(EVERY_S)
                continue
            if reply.total != before:
                moved_s, before = loop.time(), reply.total
            pace = speed.update(reply.now_ms, reply.total.received, reply.total.answered)
            if live is None:
                shell.print_json(reply)
            else:
                live.update(table(reply, pace, worst), refresh=True)
            if until_settled_s and loop.time() - moved_s > until_settled_s:
                return reply
            await asyncio.sleep(EVERY_S)


def health(nats: shell.NatsOption = shell.DEFAULT_NATS, as_json: shell.JsonOption = False) -> None:
    """Is the node there, and how is it. Exits 1 when it has a problem."""

    async def go() -> api.HealthReply:
        async with shell.connect(nats) as bus:
            return await Commander(bus).ask(api.Health(), timeout_s=3.0)

    reply = shell.run(go(), as_json)
    if as_json:
        shell.print_json(reply)
    else:
        shell.say_line(
            say(
                f"Node {reply.node}: {reply.people:,} people, {reply.reachable:,} reachable through "
                f"{len(reply.gateways)} gateways, {reply.orders} orders; ready in {reply.ready_s:.1f} s.",
                f"节点 {reply.node}：{reply.people:,} 人，经 {len(reply.gateways)} 个网关在线 {reply.reachable:,} 人，"
                f"指令 {reply.orders} 条；启动用时 {reply.ready_s:.1f} 秒。",
            )
        )
        for problem in reply.problems:
            shell.err.print(problem, style="bold yellow", markup=False)
    if reply.problems or not reply.caught_up:
        raise typer.Exit(1)
