"""`radios`: accounts of radios and SIP phones: add, list, remove; and calling them together into a talkgroup."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from fusioncmd import api, radios
from fusioncmd.api import radios as asked
from fusioncmd.cli import shell
from fusioncmd.cli.completion import complete_place
from fusioncmd.cli.figures import plain
from fusioncmd.cli.lists import aligned
from fusioncmd.words import say

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("Radios: add, list, remove, call together.", "电台：新增、查看、移除、呼叫入组。"),
)  # fmt: skip
_account = say("The account: a letter, then letters, digits, - and _.", "账户：以字母开头，其后为字母、数字、- 或 _。")
Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help=_account)]
_place = say("Where it belongs (default: your place).", "所属地点（默认为您的地点）。")
PlaceOption = Annotated[str, typer.Option("--place", metavar="PLACE", autocompletion=complete_place, help=_place)]
_number = say("Whose radio it is: a person's number.", "使用者的系统内编号。")
NumberOption = Annotated[int | None, typer.Option("--number", min=0, max=(1 << 32) - 1, metavar="NUMBER", help=_number)]
_md5 = say("For a radio that knows no SHA-256: most before 2020.", "用于不支持 SHA-256 的电台（多为 2020 年前产品）。")
_again = say("There is one: give it another secret; its calls end.", "已存在：更换密钥，其通话随即结束。")
_group = say("A group of that place, instead of its own.", "该地点下的某个通话组，而非其本组。")
_only = say("Only this radio; repeat for more.", "仅呼叫此电台，可多次给出。")


@app.command(help=say("A new account; its secret is shown once.", "新增账户；密钥仅显示一次。"))
def add(
    account: Account,
    place: PlaceOption = "",
    number: NumberOption = None,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help=say("How it is shown.", "显示名称。"))] = "",
    md5: Annotated[bool, typer.Option("--md5", help=_md5)] = False,
    again: Annotated[bool, typer.Option("--again", help=_again)] = False,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """The secret is made here, and only what is kept of it goes to the node."""

    async def go() -> None:
        path = shell.load_divisions(divisions).find(place).code if place else ""
        secret = radios.new_secret(os.urandom)
        async with shell.commanding(nats) as commander:
            realm = (await commander.ask(api.Health())).node
            strong, old = radios.hashes(account, realm, secret)
            question = asked.AddRadio(account, strong, old if md5 else "", path, number, name, again)
            [line] = (await commander.ask(question)).lines
        if as_json:
            shell.print_json({"account": account, "secret": secret, "realm": realm, "path": line.path})
            return
        shell.say_line(say(f"account {account}", f"账户 {account}"))
        shell.say_line(say(f"secret  {secret}", f"密钥 {secret}"))
        whose = say(f"of {line.name}, {line.path}; it is shown once", f"{line.name}，{line.path}；仅显示这一次")
        shell.say_line(Text(whose, "dim"))

    shell.run(go(), as_json)


@app.command("list", help=say("The radios of your place, and who is here.", "本地电台及其在线情况。"))
def list_radios(
    place: PlaceOption = "",
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        path = shell.load_divisions(divisions).find(place).code if place else ""
        found: list[asked.RadioLine] = []
        after: str | None = ""
        async with shell.commanding(nats) as commander:
            while after is not None:
                page = await commander.ask(asked.Radios(path, after))
                found, after = [*found, *page.lines], page.next
        _show(found, as_json)

    shell.run(go(), as_json)


@app.command(help=say("It registers no more, and its calls end.", "移除电台账户，其通话随即结束。"))
def remove(account: Account, nats: shell.NatsOption = shell.DEFAULT_NATS, as_json: shell.JsonOption = False) -> None:
    async def go() -> None:
        async with shell.commanding(nats) as commander:
            lines = (await commander.ask(asked.RemoveRadio(account))).lines
        if as_json:
            shell.print_json({"radios": lines})
        else:
            shell.say_line(say(f"{account} is removed.", f"已移除 {account}。"))

    shell.run(go(), as_json)


@app.command(help=say("Call the radios of a place into its talkgroup.", "呼叫某地电台进入其通话组。"))
def ring(
    place: Annotated[str, typer.Argument(metavar="PLACE", autocompletion=complete_place)],
    group: Annotated[str, typer.Option("--group", metavar="GROUP", help=_group)] = "",
    only: Annotated[list[str] | None, typer.Option("--radio", metavar="ACCOUNT", help=_only)] = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        path = shell.load_divisions(divisions).find(place).code
        async with shell.commanding(nats) as commander:
            rung = await commander.ask(asked.RingRadios(path, tuple(only or ()), group))
        if as_json:
            shell.print_json({"here": rung.here, "where": rung.where})
        else:
            en = f"{rung.here} radios are called into {rung.where}."
            shell.say_line(say(en, f"正在呼叫 {rung.here} 部电台进入 {rung.where}。"))

    shell.run(go(), as_json)


def _show(lines: Sequence[asked.RadioLine], as_json: bool) -> None:
    if as_json:
        shell.print_json({"radios": lines})
        return
    if not lines:
        shell.say_line(say("There are no radios.", "没有电台。"))
        return
    heads = [
        say("account", "账户"),
        say("place", "地点"),
        say("number", "编号"),
        say("name", "名称"),
        say("here", "在线"),
    ]
    rows = [
        [
            Text(one.account), Text(one.path), Text("" if one.number is None else str(one.number)),
            Text(plain(one.name)), Text(say("yes", "是") if one.here else "–"),
        ]
        for one in lines
    ]  # fmt: skip
    for row in aligned(heads, rows):
        shell.say_line(row)
