"""`cameras`: cameras and drones of a node: add, list with what is wrong, remove."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, get_args

import typer
from rich.text import Text

from fusioncmd import cameras
from fusioncmd.api import cameras as asked
from fusioncmd.camera_urls import URL_CHARS_MAX
from fusioncmd.cli import shell
from fusioncmd.cli.completion import complete_place
from fusioncmd.cli.figures import plain
from fusioncmd.cli.lists import aligned
from fusioncmd.errors import BadInput
from fusioncmd.words import say

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("Cameras and drones: add, list, remove.", "摄像头与无人机：新增、查看、移除。"),
)  # fmt: skip
_name = say("Its name: a letter, then letters, digits, - and _.", "名称：以字母开头，其后为字母、数字、- 或 _。")
Name = Annotated[str, typer.Argument(metavar="NAME", help=_name)]
_place = say("The place that it shows (default: your place).", "所在地点（默认为您的地点）。")
PlaceOption = Annotated[str, typer.Option("--place", metavar="PLACE", autocompletion=complete_place, help=_place)]
_url = say(
    "Where it is pulled from: rtsp://, rtmp:// or srt://, with its password; - reads the URL from a pipe.",
    "拉流地址：rtsp://、rtmp:// 或 srt://，含密码；- 表示从管道读取。",
)
UrlOption = Annotated[str, typer.Option("--url", metavar="URL", help=_url)]
_push = say(
    "It pushes to here, by rtmp or srt; where to is shown once.", "由设备推流（rtmp 或 srt）；推流地址仅显示一次。"
)
PushOption = Annotated[str, typer.Option("--push", metavar="rtmp|srt", help=_push)]
_title = say("How it is shown (default: its name).", "显示名称（默认为其名称）。")
_lat, _lon = say("Latitude, degrees (WGS 84).", "纬度（WGS 84）。"), say("Longitude, degrees.", "经度。")
_kind = say("camera or drone (default: drone for one that pushes).", "camera 或 drone（推流默认为 drone）。")
_again = say("There is one of that name: replace it.", "已存在同名设备：替换。")
_STATES = {
    "": ("no gateway", "无网关"), "waiting": ("waiting", "等待"), "opening": ("opening", "连接中"),
    "playing": ("playing", "播放中"),
}  # fmt: skip


@app.command(help=say("A camera or drone of a place.", "新增某地的摄像头或无人机。"))
def add(
    name: Name,
    url: UrlOption = "",
    push: PushOption = "",
    place: PlaceOption = "",
    title: Annotated[str, typer.Option("--title", metavar="TITLE", help=_title)] = "",
    lat: Annotated[float | None, typer.Option("--lat", min=-90, max=90, help=_lat)] = None,
    lon: Annotated[float | None, typer.Option("--lon", min=-180, max=180, help=_lon)] = None,
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help=_kind)] = "",
    again: Annotated[bool, typer.Option("--again", help=_again)] = False,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        path = shell.load_divisions(divisions).find(place).code if place else ""
        from_pipe = sys.stdin.readline(2 * URL_CHARS_MAX).strip() if url == "-" else url
        kind_of = _one_of(kind or ("drone" if push else "camera"), get_args(cameras.Kind), "--kind")
        way = _one_of(push, get_args(cameras.Push), "--push")
        if (lat is None) != (lon is None):
            raise BadInput("--lat goes with --lon.", "--lat 与 --lon 须同时给出。")
        where = None if lat is None or lon is None else (lat, lon)
        question = asked.AddCamera(name, path, from_pipe, way, kind_of, title, where, again)  # type: ignore[arg-type]
        async with shell.commanding(nats) as commander:
            reply = await commander.ask(question)
        if as_json:
            shell.print_json({"cameras": reply.lines, "gateway": reply.gateway, "push_to": reply.push_to})
            return
        [line] = reply.lines
        shell.say_line(say(f"{name} is added, of {line.path}.", f"已新增 {name}，地点 {line.path}。"))
        if reply.push_to:
            shell.say_line(say("push to (shown once)  ", "推流地址（仅显示一次）  ") + reply.push_to)
        _tell_gateway(reply.gateway)

    shell.run(go(), as_json)


@app.command("list", help=say("The cameras of your place, and what is wrong.", "本地摄像头及其状态与故障。"))
def list_cameras(
    place: PlaceOption = "",
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        path = shell.load_divisions(divisions).find(place).code if place else ""
        found: list[asked.CameraLine] = []
        after: str | None = ""
        there = False
        async with shell.commanding(nats) as commander:
            while after is not None:
                page = await commander.ask(asked.Cameras(path, after))
                found, after, there = [*found, *page.lines], page.next, page.gateway
        if as_json:
            shell.print_json({"cameras": found, "gateway": there})
            return
        _show(found)
        _tell_gateway(there)

    shell.run(go(), as_json)


@app.command(help=say("Its picture ends, and its password is forgotten.", "移除：画面随即停止，密码不再保存。"))
def remove(name: Name, nats: shell.NatsOption = shell.DEFAULT_NATS, as_json: shell.JsonOption = False) -> None:
    async def go() -> None:
        async with shell.commanding(nats) as commander:
            lines = (await commander.ask(asked.RemoveCamera(name))).lines
        if as_json:
            shell.print_json({"cameras": lines})
        else:
            shell.say_line(say(f"{name} is removed.", f"已移除 {name}。"))

    shell.run(go(), as_json)


def _one_of(given: str, known: Sequence[str], option: str) -> str:
    if given not in known:
        words = ", ".join(one for one in known if one)
        raise BadInput(f"{option} is one of: {words}.", f"{option} 须为：{words}。")
    return given


def _tell_gateway(there: bool) -> None:
    if not there:
        en = "No camera gateway of this node is there: `fusioncmd up --cameras 0`."
        shell.say_line(Text(say(en, "本节点没有摄像头网关：fusioncmd up --cameras 0。"), "yellow"))


def _show(lines: Sequence[asked.CameraLine]) -> None:
    if not lines:
        shell.say_line(say("There are no cameras.", "没有摄像头。"))
        return
    heads = [say("name", "名称"), say("place", "地点"), say("title", "标题"), say("from", "来源"), say("state", "状态")]
    rows = [
        [Text(one.name), Text(one.path), Text(plain(one.title)), Text(plain(one.at)), Text(_state(one))]
        for one in lines
    ]  # fmt: skip
    first, *rest = aligned(heads, rows)
    shell.say_line(first)
    for one, row in zip(lines, rest, strict=True):
        shell.say_line(row)
        for words in (say(one.trouble_en, one.trouble_zh), say(one.note_en, one.note_zh)):
            if words:
                shell.say_line(
                    Text(f"  {plain(words)}", "yellow" if words == say(one.trouble_en, one.trouble_zh) else "dim")
                )


def _state(one: asked.CameraLine) -> str:
    words = say(*_STATES.get(one.state, (one.state, one.state)))
    if one.state == "playing" and one.width:
        words += f" {one.width}×{one.height} {one.bits_per_s / 1e6:.1f} Mbit/s"
    return words
