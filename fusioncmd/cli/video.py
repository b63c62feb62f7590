"""`video list | show | hide`: live sources, and the one before everybody below; and the commands of rolls and
recordings."""

from __future__ import annotations

from typing import Annotated

import typer

from fusioncmd.api import video as asked
from fusioncmd.cli import kept, rolls, shell, thin
from fusioncmd.cli.figures import plain
from fusioncmd.cli.video_view import asked_of, show_sources
from fusioncmd.words import say

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("Video: what is live, show it to all below, call a roll.", "视频：在线画面、向全体下级展示、点名。"),
)  # fmt: skip
_source = say("As `video list` shows it: 44.01.06.001.p0000002a.", "视频源地址，见 video list。")


@app.command("list", help=say("Live sources, what is shown, and the roll.", "在线视频源、正在展示的画面与点名。"))
def list_(
    node: shell.NodeOption = "",
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Live sources, what is shown, and the roll."""

    async def go() -> None:
        async with shell.commanding(nats) as commander:
            found = await commander.ask(asked.Video(shell.code_of(node, divisions)))
        if as_json:
            return shell.print_json(found)
        show_sources(found, shell.load_divisions(divisions))

    shell.run(go(), as_json)


@app.command(
    help=say("Put a source before everybody below, until `video hide`.", "向全体下级展示视频源，直至 video hide。")
)
def show(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=_source)],
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    """Put a source before everybody below, until `video hide`."""

    async def go() -> None:
        question = asked_of({"source": source}, asked.ShowSource)
        async with shell.commanding(nats) as commander:
            shown = await commander.ask(question)
        if as_json:
            return shell.print_json(shown)
        title = plain(shown.title) or shown.source
        shell.say_line(say(f"{title} is shown to everybody below.", f"已向全体下级展示：{title}。"))

    shell.run(go(), as_json)


@app.command(help=say("Nothing is put before anybody any more.", "停止向下级展示。"))
def hide(nats: shell.NatsOption = shell.DEFAULT_NATS, as_json: shell.JsonOption = False) -> None:
    """Nothing is put before anybody any more."""

    async def go() -> None:
        async with shell.commanding(nats) as commander:
            hidden = await commander.ask(asked.HideSource())
        if as_json:
            return shell.print_json(hidden)
        shell.say_line(
            say(f"{hidden.source} is shown no more.", f"已停止展示 {hidden.source}。")
            if hidden.source else say("Nothing was shown.", "当前没有展示画面。")
        )  # fmt: skip

    shell.run(go(), as_json)


app.command(help=say("Call a roll: places answer on video, one after the other.", "视频点名：各地依次上线应答。"))(
    rolls.roll
)
app.command(help=say("Say of who is called: present, absent, skip; or end.", "处理当前点名：到位、未到、跳过或结束。"))(
    rolls.turn
)
app.command("rolls", help=say("Roll calls, newest first.", "点名记录，最新在前。"))(rolls.rolls)
app.command(help=say("Who was present in a roll, and when.", "点名报告：谁到位、何时上线。"))(rolls.report)
app.registered_commands += [*kept.app.registered_commands, *thin.app.registered_commands]
