"""`proposals`, `approve`, `withdraw`: what waits for a second commander, and what becomes of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from fusioncmd import api, ids
from fusioncmd.cli import shell
from fusioncmd.cli.asking import LAST, named
from fusioncmd.cli.confirming import can_ask, confirm
from fusioncmd.cli.durations import clock
from fusioncmd.cli.figures import kind_words, mode_text, plain
from fusioncmd.cli.issue import Keys, clock_of, own_folder
from fusioncmd.cli.lists import aligned
from fusioncmd.cli.shown import tell_done, tell_head, tell_whole
from fusioncmd.client import Commander
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.messages import Order
from fusioncmd.trust import ring
from fusioncmd.trust.judge import Judge
from fusioncmd.words import say

WaitingArgument = Annotated[
    str,
    typer.Argument(metavar="ORDER", help=say("Its id, part of it, or `last`.", "编号、其开头或末尾几位，或 last。")),
]
_yes = say("Do not ask: it was looked at.", "不再询问：已审阅。")


def proposals(nats: shell.NatsOption = shell.DEFAULT_NATS, as_json: shell.JsonOption = False) -> None:
    """Orders that wait for a second person, oldest first."""

    async def go() -> None:
        async with shell.commanding(nats) as commander:
            waiting = (await commander.ask(api.Proposals())).proposals
        if as_json:
            shell.print_json({"proposals": waiting})
        elif waiting:
            _show(waiting)
        else:
            shell.say_line(say("Nothing waits for a second person.", "没有待批指令。"))

    shell.run(go(), as_json)


def approve(
    order: WaitingArgument,
    keys: Keys = None,
    yes: Annotated[bool, typer.Option("--yes", help=_yes)] = False,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Sign an order as the second person, and have it issued. It is shown in full before."""

    async def go() -> None:
        places = shell.load_divisions(divisions)
        async with shell.commanding(nats, keys) as commander:
            proposal = await _chosen(order, commander)
            folder = await own_folder(commander, keys)
            anchors = ring.anchors(folder)
            now_ms = await clock_of(commander)
            verified = Judge(anchors, lambda: now_ms / 1_000).fresh(proposal.sealed)
            own = ring.own_key(folder, verified.order.status, now_ms)
            if not (as_json and yes):  # a program has read it in `proposals --json`
                tell_before_signing(proposal, verified.order, places)
            if not yes:
                if not can_ask():
                    raise BadInput(
                        "Nothing was signed: look at the order, and say --yes.", "未签署：请先审阅指令，再加 --yes。"
                    )
                await confirm(proposal.targeted, verified.order.status)
            tell_done(await commander.approve(proposal.sealed, own, anchors), places, as_json)

    shell.run(go(), as_json)


def tell_before_signing(proposal: api.Proposal, order: Order, places: Divisions) -> None:
    """The order in full; `BadInput` when who should read it does not: then it is not signed, and status 0 would lie."""
    try:
        tell_whole(proposal, order, places)
    except BrokenPipeError:
        shell.nobody_reads(sys.stderr)  # there it was shown
        raise BadInput(
            "Nothing was signed: the order could not be shown in full.", "未签署：指令未能完整显示。"
        ) from None


def withdraw(
    order: WaitingArgument, nats: shell.NatsOption = shell.DEFAULT_NATS, as_json: shell.JsonOption = False
) -> None:
    """Take back an order that waits for a second person: it is not sent."""

    async def go() -> None:
        async with shell.commanding(nats) as commander:
            done = await commander.ask(api.Withdraw((await _chosen(order, commander)).order.id))
        if as_json:
            shell.print_json({"id": done.order.id, "withdrawn": True, "order": done.order})
        else:
            tell_head(shell.out, done.order, say("withdrawn, sent to nobody", "已撤回，未下达"))

    shell.run(go(), as_json)


async def _chosen(text: str, commander: Commander) -> api.Proposal:
    """The proposal that `text` names."""
    waiting = {ids.to_text(one.order.id): one for one in (await commander.ask(api.Proposals())).proposals}
    found = [*waiting][-1:] if text.strip().lower() == LAST else named(text, list(waiting))
    if not found and text.strip().lower() == LAST:
        raise NotFound("Nothing that you may see waits for a second person.", "没有您可见的待批指令。")
    if not found:
        raise NotFound(
            f"No order {text} waits for a second person; `fusioncmd proposals` lists what does.",
            f"没有待批指令 {text}；可用 fusioncmd proposals 查看。",
        )
    if len(found) > 1:
        raise BadInput(
            f"{len(found)} of them match {text}; write more.", f"有 {len(found)} 条匹配 {text}，请多写几位。"
        )
    return waiting[found[0]]


def _show(waiting: Sequence[api.Proposal]) -> None:
    heads = ["", say("order", "编号"), say("left", "剩余"), say("kind", "类型"), say("meant", "对象"),
             say("reachable", "可达"), say("by", "签发"), say("places", "地点"), say("text", "内容")]  # fmt: skip
    rows = [_cells(one) for one in waiting]
    for line in aligned(heads, rows, right=(2, 4, 5)):
        shell.say_line(line)


def _cells(one: api.Proposal) -> list[Text]:
    order = one.order
    return [
        mode_text(order.status),
        Text(ids.to_text(order.id)),
        Text(clock(one.left_s)),
        Text(kind_words(order.msg_type)),
        Text(f"{one.targeted:,}"),
        Text(f"{one.reachable:,}"),
        Text(plain(order.issuer)),
        Text(" ".join(order.audience.nodes)),
        Text(plain(order.text)),
    ]
