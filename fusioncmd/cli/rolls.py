"""`video roll | turn | rolls | report`: places answer on video one after the other, and who was present."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.text import Text

from fusioncmd.api import video as asked
from fusioncmd.cli import shell
from fusioncmd.cli.figures import plain
from fusioncmd.cli.lists import aligned
from fusioncmd.cli.roll_csv import roll_csv
from fusioncmd.cli.roll_rows import OUTCOMES
from fusioncmd.cli.video_view import asked_of, counted, show_roll
from fusioncmd.cli.whole_file import whole_file
from fusioncmd.client import Commander
from fusioncmd.divisions import Divisions
from fusioncmd.errors import NotFound
from fusioncmd.video.bounds import ROLL_PLACES_MAX, ROLLS_MAX
from fusioncmd.video.roll import HOLD_S, WAIT_S, Act, RollCall
from fusioncmd.words import say

LOOK_EVERY_S = 0.5
LAST = "last"
_places = say("Places to call, one after the other.", "依次点名的地点。")
_random = say("Instead: so many towns, drawn at random.", "随机抽取的乡镇数量。")
_within = say("Towns of that place (of the whole node).", "在该地点之内抽取；默认全域。")
_seed = say("Draw by this seed again (hexadecimal).", "用该种子重现抽取结果（十六进制）。")
_wait = say("Seconds that a place is waited for.", "每处等待秒数。")
_hold = say("Seconds that a place is looked at.", "每处查看秒数。")
_leave = say("Do not wait for the end: the node goes on by itself.", "不等待结束；节点会自行继续。")
_roll = say("A roll's id, or `last`.", "点名编号，或 last。")
_out = say("Into a file.", "输出文件。")


def roll(
    places: Annotated[list[str] | None, typer.Argument(metavar="PLACE...", help=_places)] = None,
    count: Annotated[int, typer.Option("--random", min=0, max=ROLL_PLACES_MAX, help=_random)] = 0,
    within: Annotated[str, typer.Option("--within", metavar="PLACE", help=_within)] = "",
    seed: Annotated[str, typer.Option("--seed", metavar="HEX", help=_seed)] = "",
    wait_s: Annotated[int, typer.Option("--wait", metavar="SECONDS", help=_wait)] = WAIT_S,
    hold_s: Annotated[int, typer.Option("--hold", metavar="SECONDS", help=_hold)] = HOLD_S,
    leave: Annotated[bool, typer.Option("--no-wait", help=_leave)] = False,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Call a roll: places answer on video, one after the other."""

    async def go() -> None:
        known = shell.load_divisions(divisions)
        named = [known.find(place).code for place in places or ()]
        given = {"places": named, "count": count, "within": shell.code_of(within, divisions), "seed": seed.lower(),
                 "wait_s": wait_s, "hold_s": hold_s}  # fmt: skip
        question = asked_of(given, asked.BeginRoll)
        async with shell.commanding(nats) as commander:
            call = await commander.ask(question)
            if not leave:
                call = await _followed(commander, call, known, quiet=as_json)
        show_roll(call, known, as_json)

    shell.run(go(), as_json)


def turn(
    act: Annotated[str, typer.Argument(metavar="ACT", help=" | ".join(get_args(Act)))],
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Say of the place that is called: present, absent, skip; or end the roll."""

    async def go() -> None:
        question = asked_of({"act": act}, asked.TurnRoll)
        async with shell.commanding(nats) as commander:
            call = await commander.ask(question)
        show_roll(call, shell.load_divisions(divisions), as_json)

    shell.run(go(), as_json)


def rolls(
    limit: Annotated[int, typer.Option(min=1, max=ROLLS_MAX, help=say("At most so many.", "最多条数。"))] = 20,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    """Roll calls, newest first."""

    async def go() -> None:
        async with shell.commanding(nats) as commander:
            found = await commander.ask(asked.Rolls(limit))
        if as_json:
            return shell.print_json({"rolls": found.lines})
        heads = [say("time", "时间"), say("by", "经办"), say("counts", "结果"), say("id", "编号")]
        lines = [
            [Text(shell.local_time(one.begun_ms)), Text(plain(one.by)), Text(counted(one.counts)), Text(one.id, "dim")]
            for one in found.lines
        ]
        for line in aligned(heads, lines):
            shell.out.print(line, soft_wrap=True)

    shell.run(go(), as_json)


def report(
    ident: Annotated[str, typer.Argument(metavar="ROLL", help=_roll)] = LAST,
    as_csv: Annotated[bool, typer.Option("--csv", help=say("A CSV line per place.", "每处一行 CSV。"))] = False,
    file: Annotated[Path | None, typer.Option("--out", metavar="FILE", help=_out)] = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Who was present in a roll, and when."""

    async def go() -> None:
        known = shell.load_divisions(divisions)
        async with shell.commanding(nats) as commander:
            if ident == LAST and not (lines := (await commander.ask(asked.Rolls(1))).lines):
                raise NotFound("No roll was called yet.", "尚无点名记录。")
            question = asked_of({"roll": lines[0].id if ident == LAST else ident.upper()}, asked.RollReport)
            call = await commander.ask(question)
        if file is not None:
            with whole_file(file) as opened:
                opened.write(roll_csv(call, known).encode())
            if as_json:
                return shell.print_json({"file": file, "roll": call.id, "turns": len(call.turns)})
            return shell.say_line(say(f"Written: {file}", f"已写入：{file}"))
        if as_csv and not as_json:
            return shell.out.out(roll_csv(call, known), end="")
        show_roll(call, known, as_json)

    shell.run(go(), as_json)


async def _followed(commander: Commander, call: RollCall, known: Divisions, quiet: bool) -> RollCall:
    """Until its end; each place is told as it is over."""
    told = 0
    while not call.over_ms:
        await asyncio.sleep(max(0.1, min(LOOK_EVERY_S, call.until_ms / 1_000 - time.time())))
        call = await commander.ask(asked.RollReport(call.id))
        done = [one for one in call.turns if one.over_ms]
        for one in done[told:] if not quiet else ():
            shell.say_line(f"{known.name(known.find(one.place))}  {say(*OUTCOMES[one.outcome])}")
        told = len(done)
    return call
