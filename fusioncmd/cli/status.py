"""`orders`, `watch`, `health`: what is under way."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from fusioncmd import api, ids, limits
from fusioncmd.cli import shell
from fusioncmd.cli.browse import Browse
from fusioncmd.cli.figures import kind_words, mode_text, plain, share, state_words
from fusioncmd.cli.follow import follow
from fusioncmd.cli.lists import GAP, aligned, width_of, with_below
from fusioncmd.cli.tally_view import Screen, tally_view
from fusioncmd.errors import BadInput, Forbidden, NotFound, Unavailable
from fusioncmd.words import either, say

HEALTH_S_MAX = 3.0
TEXT_CELLS_MIN = 40
ID_END_CHARS = 6  # enough to tell orders apart, and what one types to name one


def orders(
    only_open: Annotated[bool, typer.Option("--open", help=say("Only those open.", "仅有效指令。"))] = False,
    limit: Annotated[
        int,
        typer.Option(
            min=1, max=limits.ORDERS_PAGE_MAX, metavar="NUMBER", help=say("How many at most.", "最多显示条数。")
        ),
    ] = 50,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    """The orders, newest first."""

    async def go() -> None:
        async with shell.commanding(nats) as commander:
            lines = (await commander.ask(api.Orders(limit, only_open))).lines
        if as_json:
            shell.print_json({"orders": lines})
        elif lines:
            _show_orders(lines)
        else:
            shell.say_line(say("There are no orders.", "没有指令。"))

    shell.run(go(), as_json)


def watch(
    order: shell.OrderArgument,
    node: shell.NodeOption = "",
    once: Annotated[bool, typer.Option("--once", help=say("Show it once and end.", "只显示一次。"))] = False,
    worst: Annotated[
        bool, typer.Option("--worst", help=say("Worst places first, not by code.", "按最差排序，而非按代码。"))
    ] = False,
    until_settled: Annotated[
        float,
        typer.Option(
            min=0.0, metavar="SECONDS", help=say("End when nothing moved for so long.", "多少秒无变化后结束。")
        ),
    ] = 0.0,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Who answered, who is silent, who cannot be reached: live, per place."""

    async def go() -> None:
        code = shell.code_of(node, divisions)
        async with shell.commanding(nats) as commander:
            ident = await shell.order_id(order, commander)
            if not once:
                browse = Browse(node=code, worst=worst)
                await follow(commander, ident, browse, until_settled_s=until_settled, as_json=as_json)
                return
            reply = await commander.ask(api.Tally(ident, code))
        if as_json:
            shell.print_json(reply)
        else:
            shell.out.print(tally_view(reply, Screen(shell.out.width), worst=worst))

    shell.run(go(), as_json)


def health(nats: shell.NatsOption = shell.DEFAULT_NATS, as_json: shell.JsonOption = False) -> None:
    """Is the node there, and how is it. Exits 1 when it is not well."""

    async def go() -> bool:
        async with shell.commanding(nats) as commander:
            reply = await commander.ask(api.Health(), timeout_s=HEALTH_S_MAX)
            if reply.caught_up:
                try:
                    await commander.log_in()
                    reply = await commander.ask(api.Health(), timeout_s=HEALTH_S_MAX)
                except (Forbidden, NotFound, BadInput, Unavailable):  # its figures stay unsaid; how it is, is told
                    pass
        if as_json:
            shell.print_json(reply)
        else:
            _tell_health(reply)
        return reply.caught_up and not reply.problems

    if not shell.run(go(), as_json):
        raise typer.Exit(1)


def _figures(reply: api.HealthReply) -> list[tuple[str, str, str]]:
    people, towns, orders, reachable = reply.people, reply.towns, reply.orders, reply.reachable
    if people is None or towns is None or orders is None or reachable is None:
        return [("figures", "数据", say("to who is logged in", "登录后可见"))]
    return [
        ("people", "人员", f"{people:,}"),
        ("reachable", "可达", f"{reachable:,} ({share(reachable, people)})"),
        ("towns", "乡镇", f"{towns:,}"),
        ("orders", "指令", f"{orders:,}"),
    ]


def _show_orders(lines: tuple[api.OrderLine, ...]) -> None:
    """A line each; the text beside it, cut to what is left of the screen, or whole under it where too little is."""
    heads = ["", say("order", "编号"), say("issued", "时间"), say("kind", "类型"), say("state", "状态"),
             say("meant", "对象"), say("answered", "已答")]  # fmt: skip
    rows = [_order_cells(line) for line in lines]
    texts = [Text(plain(line.order.text)) for line in lines]
    narrow = aligned(heads, rows, right=(5, 6))
    room = shell.width() - width_of(narrow) - len(GAP)
    if room < min(TEXT_CELLS_MIN, width_of(texts)):
        shown = with_below(narrow, texts)
    else:
        for text in texts:
            text.truncate(room, overflow="ellipsis")
        beside = [[*row, text] for row, text in zip(rows, texts, strict=True)]
        shown = aligned([*heads, say("text", "内容")], beside, right=(5, 6))
    for line in shown:
        shell.say_line(line)


def _order_cells(line: api.OrderLine) -> list[Text]:
    order = line.order
    return [
        mode_text(order.status),
        Text("…", "dim").append(ids.to_text(order.id)[-ID_END_CHARS:], "default"),
        Text(shell.local_time(order.issued_ms)),
        Text(kind_words(order.msg_type)),
        *_progress(line),
    ]


def _progress(line: api.OrderLine) -> list[Text]:
    """State, people and answers; a cancel is neither open nor over, and only some orders ask for an answer."""
    state = "" if line.order.msg_type == "cancel" and line.state != "revoked" else state_words(line.state)
    answered = share(line.answered, line.targeted) if line.order.answers else ""
    return [Text(state, "bold" if line.state == "open" else "dim"), Text(f"{line.targeted:,}"), Text(answered)]


def _tell_health(reply: api.HealthReply) -> None:
    well = reply.caught_up and not reply.problems
    shell.out.print(
        Text(say(f"Node {reply.node} is well." if well else f"Node {reply.node} is not well.",
                 f"节点 {reply.node} 正常。" if well else f"节点 {reply.node} 异常。"),
             "bold green" if well else "bold red")
    )  # fmt: skip
    gateways = ", ".join(plain(name) for name in reply.gateways) or say("none", "无")
    for en, zh, value in (
        *_figures(reply),
        ("gateways", "网关", gateways),
        (
            "version",
            "版本",
            f"{reply.version}, " + say(f"ready in {reply.ready_s:.1f} s", f"启动 {reply.ready_s:.1f} 秒"),
        ),
    ):
        shell.say_line(f"  {en:<10} {value}" if say(en, zh) == en else f"  {zh}  {value}")
    if not reply.caught_up:
        shell.err.print(say("It is still reading its streams.", "仍在加载数据流。"), style="bold yellow")
    for problem in either(reply.problems, reply.problems_zh):
        shell.err.print(plain(problem), style="bold yellow", soft_wrap=True)
