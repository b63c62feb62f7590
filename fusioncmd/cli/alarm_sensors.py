"""`alarms sensor`: the password with which a sensor comes in by MQTT."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from fusioncmd import keys
from fusioncmd.alarm import passwords
from fusioncmd.bus import users
from fusioncmd.cli import shell
from fusioncmd.cli.at_tier import at_tier
from fusioncmd.cli.up_options import DataOption, NodeOption
from fusioncmd.words import say

_name = say("As in alarms.toml.", "与 alarms.toml 中一致。")


def sensor(
    name: Annotated[str, typer.Argument(metavar="NAME", help=_name)],
    again: Annotated[
        bool, typer.Option("--again", help=say("It has one: give it another.", "已有口令：更换。"))
    ] = False,
    end: Annotated[bool, typer.Option("--end", help=say("Let it in no more.", "不再允许其接入。"))] = False,
    node: NodeOption = "",
    data: DataOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        _, path, folder = at_tier(node, data, None)
        keys.claim(folder, path.code)  # the folder of another node is refused, and not taken for this one's
        bus = users.folder_of(folder)
        if end:
            passwords.end(bus, name)
        password = "" if end else passwords.make(bus, name, again)
        _tell_server(folder)
        if as_json:
            shell.print_json({"sensor": name, "password": password})
        elif end:
            shell.say_line(say(f"{name} is let in no more.", f"{name} 不再允许接入。"))
        else:
            shell.say_line(say("password (shown once)  ", "口令（仅显示一次）  ") + password)
            shell.say_line(
                say(f"It is taken by the tier whose files are in {folder}.", f"适用于数据目录为 {folder} 的节点。")
            )

    shell.run(go(), as_json)


def _tell_server(folder: Path) -> None:
    """A server that runs reads its users again."""
    with contextlib.suppress(OSError, ValueError):  # none runs: it reads them when it starts
        os.kill(int((folder / "nats" / users.KEEPER_FILE).read_text("ascii")), signal.SIGHUP)
