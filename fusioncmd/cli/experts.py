"""`experts`: the registry, and draws that nobody can steer and anybody can replay."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, get_args

import msgspec
import typer

from fusioncmd import ids
from fusioncmd.api import experts as asked
from fusioncmd.api.question import parts
from fusioncmd.cli import shell
from fusioncmd.cli.completion import complete_place
from fusioncmd.cli.expert_rows import draw_rows, expert_rows
from fusioncmd.cli.whole_file import whole_file
from fusioncmd.errors import BadInput, Unavailable
from fusioncmd.experts import record, registry
from fusioncmd.experts.draw import Need
from fusioncmd.experts.expert import STATES
from fusioncmd.words import reason, say

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("Experts: import, find, draw, note.", "专家库：导入、查询、抽取、履职。"),
)  # fmt: skip
_place = say("Of this place and below.", "该地点及以下。")
PlaceOption = Annotated[str, typer.Option("--place", metavar="PLACE", autocompletion=complete_place, help=_place)]
_at = say("Where they are needed: latitude,longitude (WGS 84).", "需求位置：纬度,经度（WGS 84）。")
AtOption = Annotated[str, typer.Option("--at", metavar="LAT,LON", help=_at)]
WithinOption = Annotated[
    float, typer.Option("--within", min=0.1, max=5_000, metavar="KM", help=say("How far away.", "最远距离（公里）。"))
]
_need = say("How many of which field, such as 化工=2; repeat for more.", "所需专业与人数，如 化工=2，可多次给出。")
_party = say("Whoever has to do with it is not drawn; repeat for more.", "利害关系单位或人员，予以回避，可多次给出。")
_official = say(
    "Of whom one is drawn to carry it out (default: the accounts of the place).", "抽取执行人名单（默认为该地点账户）。"
)
_draw = say("The draw's id.", "抽取编号。")
DrawArgument = Annotated[str, typer.Argument(metavar="DRAW", help=_draw)]


@app.command(
    "import", help=say("Take a CSV: id,name,phone,place,fields,…", "导入 CSV：id、name、phone、place、fields 等。")
)
def import_csv(
    file: Annotated[Path, typer.Argument(metavar="FILE")], nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:  # fmt: skip
    async def go() -> None:
        found = registry.read_csv(_read(file))
        added = changed = 0
        async with shell.commanding(nats) as commander:
            for part in parts(found, registry.encode, asked.PUT_MAX):
                reply = await commander.ask(asked.PutExperts(part))
                added, changed = added + reply.added, changed + reply.changed
        if as_json:
            shell.print_json({"experts": len(found), "added": added, "changed": changed})
        else:
            shell.say_line(say(f"{len(found)} experts: {added} new, {changed} changed.",
                               f"专家 {len(found)} 名：新增 {added}，变更 {changed}。"))  # fmt: skip

    shell.run(go(), as_json)


@app.command(help=say("Who there is.", "查询专家。"))
def find(
    text: Annotated[str, typer.Argument(metavar="TEXT")] = "",
    place: PlaceOption = "",
    field: Annotated[str, typer.Option("--field", metavar="FIELD", help=say("Only of this field.", "仅该专业。"))] = "",
    state: Annotated[str, typer.Option("--state", metavar="STATE", help=" | ".join(STATES))] = "",
    at: AtOption = "",
    within: WithinOption = 100.0,
    limit: Annotated[int, typer.Option("--limit", min=1, max=asked.PAGE_MAX)] = 100,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        _check_state(state, empty=True)
        code = shell.load_divisions(divisions).find(place).code if place else ""
        question = asked.Experts(code, text, field, state or None, _point(at), within, "", limit)  # type: ignore[arg-type]
        async with shell.commanding(nats) as commander:
            reply = await commander.ask(question)
        if as_json:
            shell.print_json(reply)
            return
        for row in expert_rows(reply.lines):
            shell.say_line(row)
        if reply.total > len(reply.lines) or not reply.lines:
            shell.say_line(say(f"{reply.total} in all.", f"共 {reply.total} 名。"))

    shell.run(go(), as_json)


@app.command("set", help=say("available, leave or task.", "设为可抽、休假或出勤。"))
def set_state(
    ident: Annotated[str, typer.Argument(metavar="ID")],
    state: Annotated[str, typer.Argument(metavar="STATE", help=" | ".join(STATES))],
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        _check_state(state)
        async with shell.commanding(nats) as commander:
            reply = await commander.ask(asked.SetExpert(ident, state))  # type: ignore[arg-type]
        if as_json:
            shell.print_json(reply)
        else:
            for row in expert_rows(reply.lines):
                shell.say_line(row)

    shell.run(go(), as_json)


@app.command(help=say("Draw experts, and an official, by the seed that was committed before.",
                      "双随机抽取：按事先承诺的种子抽取专家与执行人。"))  # fmt: skip
def draw(
    need: Annotated[list[str], typer.Option("--need", metavar="FIELD=COUNT", help=_need)],
    place: PlaceOption = "",
    at: AtOption = "",
    within: WithinOption = 100.0,
    party: Annotated[list[str] | None, typer.Option("--party", metavar="NAME", help=_party)] = None,
    official: Annotated[list[str] | None, typer.Option("--official", metavar="NAME", help=_official)] = None,
    order: Annotated[str, typer.Option("--order", metavar="ORDER", help=say("The call-down.", "所属指令。"))] = "",
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        code = shell.load_divisions(divisions).find(place).code if place else ""
        made = ids.make(int(time.time() * 1000), os.urandom(ids.ENTROPY_BYTES))
        async with shell.commanding(nats) as commander:
            bound = (await shell.order_line(order, commander)).order.id if order else None
            question = asked.DrawExperts(
                made, tuple(map(_need_of, need)), code, _point(at), within, tuple(party or ()), tuple(official or ()),
                bound,
            )  # fmt: skip
            _tell(await commander.ask(question), as_json)

    shell.run(go(), as_json)


@app.command(help=say("The draws, or one of them; --out writes what replays it.", "抽取记录；--out 导出可复核的记录。"))
def draws(
    ident: Annotated[str, typer.Argument(metavar="DRAW", help=_draw)] = "",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help=say("As JSON.", "JSON 文件。"))] = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        async with shell.commanding(nats) as commander:
            if not ident:
                found = await commander.ask(asked.Draws())
                if as_json:
                    shell.print_json(found)
                for reply in () if as_json else found.lines:
                    _tell(reply, False)
                return
            reply = await commander.ask(asked.OneDraw(ids.from_text(ident)))
        if out is not None:
            with whole_file(out) as file:
                file.write(msgspec.json.encode(record.published(reply.record)))
        _tell(reply, as_json)

    shell.run(go(), as_json)


@app.command(help=say("What an expert did: accepted, declined, arrived, opinion, signed.",
                      "记录履职：accepted、declined、arrived、opinion、signed。"))  # fmt: skip
def note(
    ident: DrawArgument,
    expert: Annotated[str, typer.Argument(metavar="EXPERT")],
    what: Annotated[str, typer.Argument(metavar="WHAT", help=" | ".join(record.WHATS))],
    text: Annotated[str, typer.Option("--text", metavar="WORDS", help=say("The opinion.", "意见内容。"))] = "",
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        if what not in get_args(record.What):
            raise BadInput(
                f"{what} is none of: {', '.join(record.WHATS)}.", f"{what} 无效，须为：{'、'.join(record.WHATS)}。"
            )
        async with shell.commanding(nats) as commander:
            question = asked.NoteDraw(ids.from_text(ident), expert, what, text)  # type: ignore[arg-type]
            _tell(await commander.ask(question), as_json)

    shell.run(go(), as_json)


def _tell(reply: asked.DrawReply, as_json: bool) -> None:
    if as_json:
        shell.print_json(reply)
        return
    for row in draw_rows(reply):
        shell.say_line(row)


def _need_of(text: str) -> Need:
    field, equals, count = text.rpartition("=")
    if not equals or not field or not (count.isascii() and count.isdecimal()) or not 0 < int(count) <= 64:
        raise BadInput(f"--need is FIELD=COUNT, not {text!r}.", f"--need 须为 专业=人数，而非“{text}”。")
    return Need(field, int(count))


def _point(text: str) -> tuple[float, float] | None:
    if not text:
        return None
    lat, _, lon = text.partition(",")
    try:
        found = float(lat), float(lon)
    except ValueError:
        found = (91.0, 0.0)
    if not (-90 <= found[0] <= 90 and -180 <= found[1] <= 180):
        raise BadInput(f"--at is LAT,LON in degrees, not {text!r}.", f"--at 须为 纬度,经度，而非“{text}”。")
    return found


def _check_state(state: str, empty: bool = False) -> None:
    if state not in STATES and not (empty and not state):
        raise BadInput(
            f"There is no state {state}: {', '.join(STATES)}.", f"没有状态 {state}，可选：{'、'.join(STATES)}。"
        )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None
