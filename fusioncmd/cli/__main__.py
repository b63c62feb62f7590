"""`fusioncmd`: the commander's command line, assembled. `python -m fusioncmd.cli` is the same."""

from __future__ import annotations

from collections.abc import Callable

import typer

from fusioncmd import __version__
from fusioncmd.cli import issue, people, report, roster, shell, status, tickets, up
from fusioncmd.words import say

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=say("Call people down through five tiers, and see who answered.", "五级叫应：下达指令，实时掌握应答。"),
)


def version(as_json: shell.JsonOption = False) -> None:
    """The version."""
    if as_json:
        shell.print_json({"version": __version__})
    else:
        typer.echo(__version__)


def _mount(command: Callable[..., None], en: str, zh: str) -> None:
    app.command(help=say(en, zh))(command)


_mount(up.up, "Run a tier: NATS server, node and responder gateways, until Ctrl-C.", "运行本级节点：总线、节点与网关。")
_mount(issue.call, "Call people down: who is there, and what do they answer?", "下达叫应：谁在、是否收到、如何答复。")
_mount(status.watch, "Watch an order live, per place: answered, silent, unreachable.", "实时跟踪：已答、未答、不可达。")
_mount(people.who, "Names and phones: who is silent, unreachable, or answered what.", "名单与电话：谁未答、谁不可达。")
_mount(status.orders, "The orders, newest first.", "指令列表，最新在前。")
_mount(issue.update, "Replace an open order by a corrected one, to the same people.", "以更正内容替换有效指令。")
_mount(issue.cancel, "End an order: exactly those who were told of it are told so.", "取消指令，并告知原对象。")
_mount(
    report.report, "After the fact: counts and reports, or a CSV line per person.", "事后报告：汇总，或每人一行的 CSV。"
)
_mount(report.reports, "What people wrote about an order, and from where.", "人员发来的文字与位置。")
_mount(tickets.ticket, "Issue tickets for responders' devices.", "为人员终端签发票据。")
_mount(status.health, "Is the node there, and how is it.", "节点状态。")
app.add_typer(roster.app, name="roster")
_mount(version, "The version.", "版本。")


def main() -> None:
    app(prog_name="fusioncmd")


if __name__ == "__main__":
    main()
