"""`tracks list | watch | put | end`: where units are."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from rich.text import Text

from fusioncmd.api import tracks as asked
from fusioncmd.cli import shell
from fusioncmd.cli.completion import complete_place
from fusioncmd.cli.durations import seconds
from fusioncmd.cli.figures import plain
from fusioncmd.cli.lists import aligned
from fusioncmd.client import Commander
from fusioncmd.errors import BadInput
from fusioncmd.subjects import token
from fusioncmd.words import say

T = TypeVar("T")
app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("Where units are: list, watch, put by hand.", "单位位置：查看、跟踪、人工标注。"),
)  # fmt: skip
KINDS = {
    "person": ("person", "人员"), "vehicle": ("vehicle", "车辆"), "drone": ("drone", "无人机"),
    "kit": ("kit", "便携站"), "sensor": ("sensor", "传感器"),
}  # fmt: skip
LINKS = {
    "": ("", ""), "satellite": ("satellite", "卫星"), "4g": ("4G", "4G"), "wifi": ("Wi-Fi", "Wi-Fi"),
    "radio": ("radio", "电台"), "none": ("none", "无"),
}  # fmt: skip
EVERY_S = 1.0
_kind = say(
    "person, vehicle, drone, kit or sensor; may be given again.", "person、vehicle、drone、kit 或 sensor，可重复。"
)
KindsOption = Annotated[list[str] | None, typer.Option("--kind", metavar="KIND", help=_kind)]
_age = say("Heard of in the last: 90s, 10m, 2h.", "最近多久内有消息：90s、10m、2h。")
AgeOption = Annotated[str, typer.Option("--age", metavar="TIME", help=_age)]
_near = say("Latitude,longitude (WGS 84); with --km.", "纬度,经度（WGS 84），与 --km 同用。")
NearOption = Annotated[str, typer.Option("--near", metavar="LAT,LON", help=_near)]
KmOption = Annotated[float, typer.Option("--km", min=0.001, max=5_000, help=say("How near.", "距离（公里）。"))]
_unit = say("A letter, then letters, digits, - and _.", "以字母开头，其后为字母、数字、- 或 _。")
_place = say("The place that it is of (default: yours).", "所属地点（默认为您的地点）。")
PlaceOption = Annotated[str, typer.Option("--place", metavar="PLACE", autocompletion=complete_place, help=_place)]
_address = say("As `tracks list` shows it: 44.01.06.drone-1.", "单位地址，见 tracks list。")


@app.command("list", help=say("Units of a place, the last position of each.", "某地各单位的最新位置。"))
def list_(
    node: shell.NodeOption = "",
    kind: KindsOption = None,
    age: AgeOption = "",
    near: NearOption = "",
    km: KmOption = 10.0,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        question = _question(shell.code_of(node, divisions), kind, age, near, km)
        async with shell.commanding(nats) as commander:
            found, now_ms, _ = await _all(commander, question)
        if as_json:
            return shell.print_json({"tracks": found, "now_ms": now_ms})
        _show(found, now_ms)

    shell.run(go(), as_json)


@app.command(help=say("A line for each change, until Ctrl-C.", "逐行显示变化，按 Ctrl-C 结束。"))
def watch(
    node: shell.NodeOption = "",
    kind: KindsOption = None,
    age: AgeOption = "",
    near: NearOption = "",
    km: KmOption = 10.0,
    once: Annotated[
        bool, typer.Option("--once", help=say("What is there now, and end.", "显示当前后即结束。"))
    ] = False,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        question = _question(shell.code_of(node, divisions), kind, age, near, km)
        async with shell.commanding(nats) as commander:
            while True:
                found, now_ms, edition = await _all(commander, question)
                for line in found:
                    shell.print_json(line) if as_json else shell.say_line("  ".join(map(str, _cells(line, now_ms))))
                if once:
                    return
                question = msgspec.structs.replace(question, since=edition)
                await asyncio.sleep(EVERY_S)

    shell.run(go(), as_json)


@app.command(help=say("Say where a unit is.", "人工标注单位位置。"))
def put(
    unit: Annotated[str, typer.Argument(metavar="UNIT", help=_unit)],
    lat: Annotated[float, typer.Option("--lat", min=-90, max=90, help=say("Latitude, WGS 84.", "纬度（WGS 84）。"))],
    lon: Annotated[float, typer.Option("--lon", min=-180, max=180, help=say("Longitude.", "经度。"))],
    place: PlaceOption = "",
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help=_kind)] = "person",
    title: Annotated[str, typer.Option("--title", metavar="TITLE", help=say("How it is shown.", "显示名称。"))] = "",
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        code = shell.load_divisions(divisions).find(place).code if place else ""
        named = token(unit, "A unit", "单位")
        given = {"unit": named, "lat": lat, "lon": lon, "node": code, "kind": _one_of(kind), "title": title}
        async with shell.commanding(nats) as commander:
            line = await commander.ask(_asked(given, asked.PutTrack))
        if as_json:
            return shell.print_json(line)
        shell.say_line(say(f"{line.address} is put there.", f"已标注 {line.address}。"))

    shell.run(go(), as_json)


@app.command(help=say("A unit is shown no more, until it is heard of again.", "不再显示单位，直至再次收到其位置。"))
def end(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help=_address)],
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        async with shell.commanding(nats) as commander:
            ended = await commander.ask(_asked({"address": address}, asked.EndTrack))
        if as_json:
            return shell.print_json(ended)
        shell.say_line(say(f"{ended.address} is shown no more.", f"已停止显示 {ended.address}。"))

    shell.run(go(), as_json)


def _question(code: str, kinds: list[str] | None, age: str, near: str, km: float) -> asked.Tracks:
    where = re.fullmatch(r"\s*(-?[0-9.]+)\s*[,，]\s*(-?[0-9.]+)\s*", near) if near else None
    if near and where is None:
        raise BadInput("--near is LAT,LON, such as 23.1291,113.3644.", "--near 须为 纬度,经度，例如 23.1291,113.3644。")
    given: dict[str, Any] = {"node": code, "kinds": [_one_of(kind) for kind in kinds or ()]}
    given |= {"age_s": seconds(age)} if age else {}
    given |= {"near": (where[1], where[2]), "within_m": round(km * 1_000)} if where else {}
    return _asked(given, asked.Tracks)


async def _all(commander: Commander, question: asked.Tracks) -> tuple[list[asked.TrackLine], int, int]:
    """All pages; the node's time, and the edition as of the first."""
    reply = await commander.ask(question)
    found, now_ms, edition = [*reply.lines], reply.now_ms, reply.edition
    while reply.next is not None:
        reply = await commander.ask(msgspec.structs.replace(question, after=reply.next))
        found += reply.lines
    return found, now_ms, edition


def _asked(given: dict[str, Any], kind: type[T]) -> T:
    """BadInput where a value is none that can be asked with."""
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadInput(f"That cannot be asked: {error}.", f"参数无效：{error}。") from None


def _one_of(kind: str) -> str:
    if kind not in KINDS:
        raise BadInput(f"--kind is one of: {', '.join(KINDS)}.", f"--kind 须为：{'、'.join(KINDS)}。")
    return kind


def _show(lines: Sequence[asked.TrackLine], now_ms: int) -> None:
    if not lines:
        shell.say_line(say("There are no units with a position.", "没有上报位置的单位。"))
        return
    heads = [
        say("unit", "单位"), say("kind", "类别"), say("title", "名称"), say("latitude, longitude", "纬度, 经度"),
        say("age", "距今"), say("moves", "速度"), say("battery", "电量"), say("link", "链路"), say("source", "来源"),
    ]  # fmt: skip
    for row in aligned(heads, [_cells(line, now_ms) for line in lines], right=(4, 5, 6)):
        shell.say_line(row)


def _cells(line: asked.TrackLine, now_ms: int) -> list[Text]:
    moves = f"{line.speed_m_s:.1f} m/s" if line.speed_m_s is not None else ""
    moves += f" {line.course_deg}°" if moves and line.course_deg is not None and line.speed_m_s else ""
    link = say(*LINKS.get(line.link, (line.link, line.link)))
    link += f" {line.quality} %" if line.quality is not None else ""
    source = line.source + (say(", clock is off", "，时钟不准") if line.mark == "clock" else "")
    return [
        Text(line.address), Text(say(*KINDS.get(line.kind, (line.kind, line.kind)))), Text(plain(line.title)),
        Text(f"{line.lat:.5f}, {line.lon:.5f}"), Text(_age_words(now_ms - line.at_ms)), Text(moves),
        Text("" if line.battery is None else f"{line.battery} %"), Text(link.strip()), Text(source),
    ]  # fmt: skip


def _age_words(ms: int) -> str:
    s = max(0, ms) // 1_000
    for size, en, zh in ((86_400, "d", "天"), (3_600, "h", "小时"), (60, "min", "分钟")):
        if s >= 2 * size:
            return f"{s // size} {say(en, zh)}"
    return f"{s} {say('s', '秒')}"
