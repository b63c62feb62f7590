"""`voice find`, `voice get`: bursts that were recorded, by time, place and person; and one of them as a file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from fusioncmd.api.voice import Bursts, Group, Recording, SpeakOrder
from fusioncmd.cli import shell, talkgroups
from fusioncmd.cli.figures import plain
from fusioncmd.cli.lists import aligned
from fusioncmd.cli.whole_file import whole_file
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.voice.bounds import CLIP_BYTES_MAX, FOUND_MAX
from fusioncmd.voice.recorded import Recorded
from fusioncmd.words import reason, say

DAY_MS = 86_400_000

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("What was said in talkgroups: find it, and hear it again.", "通话录音：查找与回放。"),
)  # fmt: skip
app.add_typer(talkgroups.app, name="group")
_from = say("Local time, such as 2026-07-01T08:30 (a day ago).", "起始时间（本地），如 2026-07-01T08:30；默认一天前。")
_to = say("Local time (now).", "结束时间（本地）；默认现在。")
_place = say("Of the talkgroup or of who spoke, or above.", "通话组或讲话人所在地，含下级。")
_person = say("Their number, or part of their name.", "讲话人编号，或姓名的一部分。")
_order = say("An id or its end, or `last`.", "指令编号或其末尾，或 last。")
_where = say("A place, or a talkgroup of it.", "地点，或其通话组。")
_clip = say("A sound file, instead of the text (40 KiB).", "以声音文件代替文本（40 KiB）。")
_nobody = say(
    "No radio gateway of this node has said so far that it is there: it may be spoken to nobody.",
    "本节点尚无电台网关报告在线：可能无人听到播报。",
)
_out = say("Where to (Ogg Opus).", "输出文件（Ogg Opus）。")


@app.command(help=say("Bursts that were recorded, newest first.", "录音列表，最新在前。"))
def find(
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help=_from)] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help=_to)] = "",
    place: Annotated[str, typer.Option("--place", metavar="CODE", help=_place)] = "",
    person: Annotated[str, typer.Option("--person", metavar="WHO", help=_person)] = "",
    limit: Annotated[int, typer.Option(min=1, max=FOUND_MAX, help=say("At most so many.", "最多条数。"))] = 100,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Bursts that were recorded, newest first."""

    async def go() -> None:
        from_ms, until_ms = span_of(begin, end)
        code = shell.code_of(place, divisions)
        async with shell.commanding(nats) as commander:
            found = await commander.ask(Bursts(from_ms, until_ms, code, person, limit))
        _show(found.bursts, found.more, as_json)

    shell.run(go(), as_json)


@app.command(help=say("One recording, as a file.", "取出一条录音。"))
def get(
    ident: Annotated[str, typer.Argument(metavar="ID", help=say("As `voice find` shows it.", "录音编号。"))],
    file: Annotated[Path | None, typer.Option("--out", metavar="FILE", help=_out)] = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    """One recording, as a file."""

    async def go() -> None:
        target = file or Path(f"{ident}.ogg")
        try:
            question = msgspec.convert({"id": ident}, Recording)
        except msgspec.ValidationError:
            raise BadInput(f"{ident[:40]!r} is no recording's id.", f"“{ident[:40]}”不是录音编号。") from None
        async with shell.commanding(nats) as commander:
            reply = await commander.ask(question)
        with whole_file(target) as opened:
            opened.write(reply.ogg)
        if as_json:
            shell.print_json({"file": str(target), **_map(reply.burst)})
        else:
            one = reply.burst
            shell.say_line(say(f"{target}: {one.name}, {_s(one)} s", f"{target}：{one.name}，{_s(one)} 秒"))

    shell.run(go(), as_json)


@app.command(
    help=say("Speak an open order in talkgroups; radios answer by key.", "在通话组播报有效指令；电台按键答复。")
)
def speak(
    order: Annotated[str, typer.Argument(metavar="ORDER", help=_order)],
    where: Annotated[list[str], typer.Argument(metavar="PLACE[.GROUP]...", help=_where)],
    clip: Annotated[Path | None, typer.Option("--clip", metavar="FILE", help=_clip)] = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Speak an open order in talkgroups; radios answer by key."""

    async def go() -> None:
        groups = tuple(_group(each, divisions) for each in where)
        sound = b"" if clip is None else _read(clip)
        async with shell.commanding(nats) as commander:
            question = SpeakOrder(await shell.order_id(order, commander), groups, sound)
            told = await commander.ask(question)
        if as_json:
            shell.print_json({"where": told.where, "gateways": told.gateways})
        else:
            at = ", ".join(told.where), "、".join(told.where)
            shell.say_line(say(f"Handed to the radio gateways, for {at[0]}.", f"已交电台网关播报：{at[1]}。"))
            if not told.gateways:
                shell.err.print(_nobody, style="bold red", soft_wrap=True)

    shell.run(go(), as_json)


def _group(text: str, divisions: Path | None) -> str:
    """`44.01.06` is a place by its tokens, `440106.water` a talkgroup of one."""
    place, _, name = (text, "", "") if text.replace(".", "").isdigit() else text.partition(".")
    code = shell.code_of(place, divisions)
    try:
        return msgspec.convert(f"{code}.{name}" if name else code, Group)
    except msgspec.ValidationError:
        raise BadInput(f"{text[:60]!r} is no talkgroup.", f"“{text[:60]}”不是通话组。") from None


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(CLIP_BYTES_MAX + 1)
    except OSError as error:
        en, zh = reason(error)
        raise NotFound(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None
    if len(data) > CLIP_BYTES_MAX:
        kib = CLIP_BYTES_MAX // 1024
        raise BadInput(
            f"{file} is larger than {kib} KiB: encode it as Opus.", f"{file} 超过 {kib} KiB：请以 Opus 编码。"
        )
    return data


def span_of(begin: str, end: str) -> tuple[int, int]:
    """From when to when, in ms since 1970; without words, the last day. Raises BadInput."""
    until_ms = time_of(end, "--to") if end else int(time.time() * 1_000)
    return time_of(begin, "--from") if begin else until_ms - DAY_MS, until_ms


def time_of(text: str, name: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise BadInput(
            f"{name}: {text[:40]!r} is no time; write 2026-07-01T08:30.",
            f"{name}：“{text[:40]}”不是时间，应写作 2026-07-01T08:30。",
        ) from None


def _show(bursts: Sequence[Recorded], more: bool, as_json: bool) -> None:
    if as_json:
        shell.print_json({"bursts": [_map(one) for one in bursts], "more": more})
        return
    if not bursts:
        shell.say_line(say("Nothing was recorded that is like that.", "没有符合条件的录音。"))
        return
    heads = [say("time", "时间"), say("s", "秒"), say("talkgroup", "通话组"), say("who", "讲话人"),
             say("of", "所在地"), say("granted by", "授权节点"), say("lost", "丢包"), say("id", "编号")]  # fmt: skip
    for line in aligned(heads, [_cells(one) for one in bursts], right=(1, 6)):
        shell.out.print(line, soft_wrap=True)
    if more:
        shell.say_line(say("There are older ones: --to, --limit.", "还有更早的录音：--to、--limit。"))


def _cells(one: Recorded) -> list[Text]:
    return [
        Text(shell.local_time(one.at_ms)), Text(_s(one)), Text(f"{one.place}.{one.group}"),
        Text(plain(one.name), "bold"), Text(one.node), Text(one.granted), Text(str(one.lost or ""), "red"),
        Text(one.id, "dim"),
    ]  # fmt: skip


def _s(one: Recorded) -> str:
    return f"{one.lasts_ms / 1_000:.1f}"


def _map(one: Recorded) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.to_builtins(one)
    return made
