"""`voice group`: temporary talkgroups: pick members, who are called into one; change them; end it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from fusioncmd.api.talkgroups import EndTalkgroup, MakeTalkgroup, TalkgroupLine, Talkgroups
from fusioncmd.cli import shell
from fusioncmd.cli.completion import complete_place
from fusioncmd.cli.durations import within
from fusioncmd.cli.figures import plain
from fusioncmd.cli.lists import aligned
from fusioncmd.errors import BadInput
from fusioncmd.voice.bounds import GROUP_MINUTES_DEFAULT, GROUP_MINUTES_MAX
from fusioncmd.words import say

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("Temporary talkgroups: make, list, end.", "临时通话组：建立、查看、结束。"),
)  # fmt: skip
_name = say("A letter, then letters, digits, - and _.", "以字母开头，其后为字母、数字、- 或 _。")
_to = say("All of a place; repeat for more.", "某地全体成员，可多次给出。")
_person = say("A person's number; repeat for more.", "人员编号，可多次给出。")
_radio = say("A radio's account; repeat for more.", "电台账户，可多次给出。")
_at = say("Whose talkgroup it is (the lowest place that covers all).", "所属地点（默认为涵盖全体成员的最低一级）。")
_for = say("Until it ends by itself, such as 90m (12h).", "自动结束前的时长，如 90m；默认 12h。")
_again = say("There is one: these are its members from now on.", "已存在：更换为这些成员。")
_where = say("As `voice group list` shows it.", "如 voice group list 所示。")


@app.command(help=say("Pick members and call them into a talkgroup.", "选择成员，建立临时通话组并呼叫入组。"))
def make(
    name: Annotated[str, typer.Argument(metavar="NAME", help=_name)],
    to: Annotated[
        list[str] | None, typer.Option("--to", metavar="PLACE", autocompletion=complete_place, help=_to)
    ] = None,
    person: Annotated[list[int] | None, typer.Option("--person", metavar="NUMBER", help=_person)] = None,
    radio: Annotated[list[str] | None, typer.Option("--radio", metavar="ACCOUNT", help=_radio)] = None,
    at: Annotated[str, typer.Option("--at", metavar="PLACE", autocompletion=complete_place, help=_at)] = "",
    lasts: Annotated[str, typer.Option("--for", metavar="TIME", help=_for)] = f"{GROUP_MINUTES_DEFAULT}m",
    again: Annotated[bool, typer.Option("--again", help=_again)] = False,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Pick members and call them into a talkgroup."""

    async def go() -> None:
        places = [shell.code_of(each, divisions) for each in to or ()]
        given = {
            "name": name, "place": shell.code_of(at, divisions), "places": places, "people": person or [],
            "radios": radio or [], "minutes": -(-within(lasts, "--for", 60 * GROUP_MINUTES_MAX) // 60), "again": again,
        }  # fmt: skip
        try:
            question = msgspec.convert(given, MakeTalkgroup)
        except msgspec.ValidationError as error:
            raise BadInput(f"It cannot be made: {error}.", f"无法建立：{error}。") from None
        async with shell.commanding(nats) as commander:
            made = await commander.ask(question)
        [line] = made.lines
        if as_json:
            shell.print_json({"talkgroup": line, "rung": made.rung})
            return
        until = shell.local_time(line.until_ms)
        shell.say_line(
            say(
                f"Talkgroup {line.where}, until {until}; {made.rung} radios are called.",
                f"通话组 {line.where}，至 {until}；正在呼叫 {made.rung} 部电台。",
            )
        )

    shell.run(go(), as_json)


@app.command("list", help=say("Those that have not ended.", "当前的临时通话组。"))
def list_groups(nats: shell.NatsOption = shell.DEFAULT_NATS, as_json: shell.JsonOption = False) -> None:
    """Those that have not ended."""

    async def go() -> None:
        async with shell.commanding(nats) as commander:
            found = await commander.ask(Talkgroups())
        if as_json:
            shell.print_json({"talkgroups": found.lines})
        else:
            _show(found.lines)

    shell.run(go(), as_json)


@app.command(help=say("End one: calls of radios in it end.", "结束临时通话组，其中的电台通话随即结束。"))
def end(
    where: Annotated[str, typer.Argument(metavar="PLACE.NAME", help=_where)],
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """End one: calls of radios in it end."""

    async def go() -> None:
        place, _, name = where.rpartition(".")
        try:
            question = msgspec.convert({"place": shell.code_of(place, divisions), "name": name}, EndTalkgroup)
        except msgspec.ValidationError:
            raise BadInput(f"{where[:60]!r} is no temporary talkgroup.", f"“{where[:60]}”不是临时通话组。") from None
        async with shell.commanding(nats) as commander:
            [line] = (await commander.ask(question)).lines
        if as_json:
            shell.print_json({"talkgroup": line})
        else:
            shell.say_line(say(f"{line.where} has ended.", f"{line.where} 已结束。"))

    shell.run(go(), as_json)


def _show(lines: Sequence[TalkgroupLine]) -> None:
    if not lines:
        shell.say_line(say("There are no temporary talkgroups.", "没有临时通话组。"))
        return
    heads = [
        say("talkgroup", "通话组"),
        say("until", "至"),
        say("places", "地点"),
        say("people", "人员"),
        say("radios", "电台"),
        say("by", "建立者"),
    ]
    rows = [
        [
            Text(one.where, "bold"), Text(shell.local_time(one.until_ms)), Text(_few(one.places)),
            Text(_few([*map(str, one.people)])), Text(_few(one.radios)), Text(plain(one.by), "dim"),
        ]
        for one in lines
    ]  # fmt: skip
    for row in aligned(heads, rows):
        shell.say_line(row)


def _few(names: Sequence[str]) -> str:
    return " ".join(names[:3]) + (f" +{len(names) - 3}" if len(names) > 3 else "")
