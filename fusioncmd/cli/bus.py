"""`bus grant`, `bus list`: who may use a tier's bus. `fusioncmd up` makes those of its own processes by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.text import Text

from fusioncmd.bus import users
from fusioncmd.cli import shell
from fusioncmd.cli.at_tier import DataOption, PlaceOption, at_tier
from fusioncmd.cli.completion import complete_place
from fusioncmd.cli.lists import aligned
from fusioncmd.errors import BadInput, BusDown, BusRefused, NotFound, Unavailable
from fusioncmd.words import say

TAKEN_UP_S_MAX = 5.0
LOOK_EVERY_S = 0.1
ROLES = {
    "node": ("node", "节点"), "office": ("office", "值班席"),
    "commander": ("commander", "指挥员"), "gateway": ("gateway", "网关"), "link": ("node below", "下级节点"),
    "channels": ("channels", "通知渠道"), "radio": ("radios", "电台"), "talk": ("voice of a gateway", "网关语音"),
    "floor": ("floors", "话权"), "video": ("video", "视频"), "camera": ("cameras", "摄像头"),
    "track": ("positions", "位置"), "satellite": ("satellite link", "卫星链路"),
    "shortmessage": ("short messages", "短报文"), "alarm": ("alarms", "告警"), "sensors": ("sensors", "传感器"),
    "seeing": ("smoke and fire", "烟火识别"), "watching": ("video that is looked at", "识别用视频"),
}  # fmt: skip

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("Who may use the bus: grant, list.", "谁可接入总线：授权、查看。"),
)  # fmt: skip
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help=say("What it is called.", "名称。"))]
KindOption = Annotated[
    Literal["gateway", "commander"],
    typer.Option("--kind", help=say("gateway or commander.", "gateway（网关）或 commander（指挥员）。")),
]
ServeOption = Annotated[
    str,
    typer.Option(
        metavar="PLACE", autocompletion=complete_place,
        help=say("Whom a gateway serves (default: the tier's place).", "网关服务的地点（默认为本节点地点）。"),
    ),
]  # fmt: skip


@app.command(help=say("Make a key for one more process or machine.", "为另一进程或机器生成密钥。"))
def grant(
    name: NameArgument,
    kind: KindOption,
    serve: ServeOption = "",
    node: PlaceOption = "",
    data: DataOption = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        places, path, home = at_tier(node, data, divisions)
        place = places.find(serve) if serve else path
        if not path.covers(place):
            raise BadInput(f"{place} does not lie in {path}.", f"{place} 不在 {path} 之内。")
        folder = users.folder_of(home)
        made = users.ensure(folder, name, kind, place.code)
        running = await taken_up(home, name)
        secret = users.seed_file(folder, name)
        if as_json:
            shell.print_json({"name": name, "kind": kind, "serves": made.serves, "key": secret, "running": running})
            return
        shell.say_line(say(f"The key of {name} is {secret}; it belongs on the machine that uses it, and nowhere else.",
                           f"{name} 的密钥：{secret}；应只保存在使用它的机器上。"))  # fmt: skip
        if not running:
            shell.say_line(say("The bus takes it from the next `fusioncmd up` on.", "下次运行 fusioncmd up 起生效。"))

    shell.run(go(), as_json)


@app.command("list", help=say("Who they are, and where they serve.", "名称、类别与服务地点。"))
def list_users(
    node: PlaceOption = "",
    data: DataOption = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        folder = users.folder_of(at_tier(node, data, divisions).data)
        found = list(users.users(folder))
        if not found:
            raise NotFound(f"Nobody may use the bus of {folder} yet.", f"{folder} 尚无总线用户。")
        if as_json:
            shell.print_json({"folder": folder, "users": found})
            return
        heads = [say("name", "名称"), say("kind", "类别"), say("serves", "地点"), say("key", "密钥"),
                 say("public key", "公钥")]  # fmt: skip
        for line in aligned(heads, [_cells(folder, one) for one in found]):
            shell.say_line(line)

    shell.run(go(), as_json)


def _cells(folder: Path, one: users.BusUser) -> list[Text]:
    here = users.seed_file(folder, one.name).exists()
    place = say("here", "在此") if here else say("elsewhere", "不在此")
    return [Text(one.name), Text(say(*ROLES[one.role])), Text(one.serves), Text(place), Text(one.public)]


async def taken_up(data: Path, name: str | None) -> bool:
    """Tell the server that runs on `data` that its users are others; True once it takes the key of `name`, if one is
    to be looked for."""
    pid = _keeper(data)
    if pid is None:
        return False
    url = (users.folder_of(data) / "url").read_text("utf-8").split("\n")[0]
    os.kill(pid, signal.SIGHUP)
    if name is None:
        return True
    for _ in range(round(TAKEN_UP_S_MAX / LOOK_EVERY_S)):
        with contextlib.suppress(BusDown, BusRefused):
            async with shell.connect(url, key=users.seed_file(users.folder_of(data), name)):
                return True
        await asyncio.sleep(LOOK_EVERY_S)
    raise Unavailable(
        f"The NATS server did not take up {name}; see {data / 'logs' / 'nats.log'}.",
        f"NATS 服务器未接受 {name}，请查看 {data / 'logs' / 'nats.log'}。",
    )


def _keeper(data: Path) -> int | None:
    """The process that keeps the server on `data`, if one does. A number of before may be another process's by now."""
    try:
        pid = int((data / "nats" / users.KEEPER_FILE).read_text("ascii"))
        said = [os.fsdecode(word) for word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]
        theirs = Path(f"/proc/{pid}/cwd").readlink() / said[said.index("--data") + 1]
        runs = "tiers.nats_server" in said and theirs.resolve() == data.resolve()
    except (OSError, ValueError, IndexError):
        return None
    return pid if runs else None
