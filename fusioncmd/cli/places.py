"""`places`: the registry of enterprises, hazard points, what is protected, and cameras; and what is near a point."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from fusioncmd.api import places as asked
from fusioncmd.cli import shell
from fusioncmd.cli.completion import complete_place
from fusioncmd.cli.place_rows import place_rows
from fusioncmd.errors import BadInput, Problem, Unavailable
from fusioncmd.places import reading
from fusioncmd.places.place import KINDS
from fusioncmd.words import reason, say

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("Places: import, find, what is near.", "场所：导入、查询、周边。"),
)  # fmt: skip
_place = say("Of this place and below.", "该地点及以下。")
PlaceOption = Annotated[str, typer.Option("--place", metavar="PLACE", autocompletion=complete_place, help=_place)]
_kind = say("Only of this kind: ", "仅该类别：") + " | ".join(KINDS) + " | …"
KindOption = Annotated[str, typer.Option("--kind", metavar="KIND", help=_kind)]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=asked.PAGE_MAX)]
_at = say("Latitude,longitude (WGS 84).", "纬度,经度（WGS 84）。")
_within = say("How far away.", "最远距离（公里）。")


@app.command("import", help=say("Take a CSV (id,name,kind,node,lat,lon,…) or GeoJSON.",
                                "导入 CSV（id、name、kind、node、lat、lon 等）或 GeoJSON。"))  # fmt: skip
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE")], nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:  # fmt: skip
    async def go() -> None:
        found = reading.read(_read(file))
        added = changed = removed = done = 0
        async with shell.commanding(nats) as commander:
            for question in asked.questions(found):
                try:
                    reply = await commander.ask(question)
                except Problem as problem:
                    raise _stopped(problem, done, len(found)) from None
                done += len(question.places)
                added, changed, removed = added + reply.added, changed + reply.changed, removed + reply.removed
        if as_json:
            shell.print_json({"places": len(found), "added": added, "changed": changed, "removed": removed})
        else:
            shell.say_line(say(f"{len(found)} places: {added} new, {changed} changed, {removed} removed.",
                               f"场所 {len(found)} 处：新增 {added}，变更 {changed}，移除 {removed}。"))  # fmt: skip

    shell.run(go(), as_json)


@app.command(help=say("Which there are.", "查询场所。"))
def find(
    text: Annotated[str, typer.Argument(metavar="TEXT")] = "",
    kind: KindOption = "",
    place: PlaceOption = "",
    limit: LimitOption = 100,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    if len(text) > asked.TEXT_CHARS_MAX:
        text = text[: asked.TEXT_CHARS_MAX]
    _ask(lambda code: asked.Places(code, text, kind, "", limit), place, nats, divisions, as_json)


@app.command(help=say("What is near a point, the nearest first.", "查询周边场所，由近及远。"))
def near(
    at: Annotated[str, typer.Argument(metavar="LAT,LON", help=_at)],
    within: Annotated[float, typer.Option("--within", min=0.01, max=asked.KM_MAX, metavar="KM", help=_within)] = 3.0,
    kind: KindOption = "",
    place: PlaceOption = "",
    limit: LimitOption = 100,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    _ask(lambda code: asked.NearPlaces(_point(at), within, code, kind, limit), place, nats, divisions, as_json)


def _ask(make: Callable[[str], asked.Places | asked.NearPlaces], place: str, nats: str, divisions: Path | None,
         as_json: bool) -> None:  # fmt: skip
    async def go() -> None:
        question = make(shell.load_divisions(divisions).find(place).code if place else "")
        async with shell.commanding(nats) as commander:
            reply = await commander.ask(question)
        if as_json:
            shell.print_json(reply)
            return
        for row in place_rows(reply.lines):
            shell.say_line(row)
        if reply.total > len(reply.lines) or not reply.lines:
            shell.say_line(say(f"{reply.total} in all.", f"共 {reply.total} 处。"))

    shell.run(go(), as_json)


def _stopped(problem: Problem, done: int, count: int) -> Problem:
    """The same, and how much of the file holds: to import it again does it no harm."""
    if not done:
        return problem
    return type(problem)(
        f"{problem.en} {done} of {count} places were taken; import the file again.",
        f"{problem.zh}已导入 {done}/{count} 处，请重新导入该文件。",
    )


def _point(text: str) -> tuple[float, float]:
    lat, _, lon = text.partition(",")
    try:
        found = float(lat), float(lon)
    except ValueError:
        found = (91.0, 0.0)
    if not (-90 <= found[0] <= 90 and -180 <= found[1] <= 180):
        raise BadInput(f"A point is LAT,LON in degrees, not {text!r}.", f"位置须为 纬度,经度，而非“{text}”。")
    return found


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None
