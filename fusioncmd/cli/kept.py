"""`video find`, `get`, `pin`, `unpin`, `keep`, `verify`: video that was recorded, by source, place and time."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from fusioncmd.api.kept import Footage, FootageCut, FootageLine, KeepFootage, PinFootage
from fusioncmd.cli import shell
from fusioncmd.cli.figures import plain
from fusioncmd.cli.kept_proof import prove
from fusioncmd.cli.lists import aligned
from fusioncmd.cli.voice import span_of, time_of
from fusioncmd.cli.whole_file import whole_file
from fusioncmd.video.keeping_bounds import FOUND_MAX
from fusioncmd.video.kept import CAUSES
from fusioncmd.words import say

app = typer.Typer()  # taken over by `video.py`
_from = say("Local time, such as 2026-07-01T08:30 (a day ago).", "起始时间（本地），如 2026-07-01T08:30；默认一天前。")
_begin = say("Local time, such as 2026-07-01T08:30.", "起始时间（本地），如 2026-07-01T08:30。")
_to = say("Local time (now).", "结束时间（本地）；默认现在。")
_end = say("Local time.", "结束时间（本地）。")
_where = say("A place (all below), or a source of it.", "地点（含下级），或其视频源。")
_chosen = say("Places or sources; none: how it stands.", "地点或视频源；不填则显示现状。")
_out = say("Where to (MP4; WebM of VP8).", "输出文件（MP4；VP8 为 WebM）。")
_always = say("Always, not only while orders run; --no-always takes it back.", "始终录制，而非仅在指令有效期间。")
_source = say("Of which source, such as 440106001.p0000002a.", "视频源，如 440106001.p0000002a。")
TimeFrom = Annotated[str, typer.Option("--from", metavar="TIME", help=_begin)]
TimeTo = Annotated[str, typer.Option("--to", metavar="TIME", help=_end)]


@app.command(help=say("What was recorded, and what is missing.", "录像列表与缺失时段。"))
def find(
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help=_from)] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help=_to)] = "",
    node: shell.NodeOption = "",
    source: Annotated[str, typer.Option("--source", metavar="NAME", help=say("Its name.", "视频源名称。"))] = "",
    limit: Annotated[int, typer.Option(min=1, max=FOUND_MAX, help=say("At most so many.", "最多条数。"))] = 100,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """What was recorded, and what is missing."""

    async def go() -> None:
        from_ms, until_ms = span_of(begin, end)
        code = shell.code_of(node, divisions)
        async with shell.commanding(nats) as commander:
            found = await commander.ask(Footage(from_ms, until_ms, code, source, limit))
        _show(found.lines, found.more, as_json)

    shell.run(go(), as_json)


@app.command(help=say("One source from a time to a time, as one file.", "取出某视频源某时段的录像，合成一个文件。"))
def get(
    where: Annotated[str, typer.Argument(metavar="PLACE.SOURCE", help=_source)],
    begin: TimeFrom,
    end: TimeTo,
    file: Annotated[Path | None, typer.Option("--out", metavar="FILE", help=_out)] = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """One source from a time to a time, as one file."""
    from fusioncmd.video.fetching import fetch  # PyAV is heavy

    async def go() -> None:
        node, source = address(where, divisions)
        question = FootageCut(node, source, time_of(begin, "--from"), time_of(end, "--to"))
        target = file or Path(f"{node}.{source}-{question.from_ms}.mp4")
        with tempfile.TemporaryDirectory() as folder:
            made_file = Path(folder) / "made"
            async with shell.commanding(nats) as commander:
                made = await fetch(commander.ask, question, Path(folder), made_file)
            digest = hashlib.sha256()
            with whole_file(target) as opened, made_file.open("rb") as data:
                while piece := data.read(1 << 20):
                    digest.update(piece)
                    opened.write(piece)
        if as_json:
            shell.print_json(
                {"file": str(target), "form": made.suffix, "begins_ms": made.begins_ms, "sha256": digest.hexdigest(),
                 "segments": [one.id for one in made.segments], "missing": [_map(one) for one in made.missing]}
            )  # fmt: skip
            return
        at = shell.local_time(made.begins_ms)
        shell.say_line(say(f"{target}: begins at {at}", f"{target}：始于 {at}"))
        for one in made.missing:
            shell.err.print(_gap(one), style="bold red", soft_wrap=True)

    shell.run(go(), as_json)


@app.command(help=say("Never shed what was recorded then and there.", "锁定录像：不再清除。"))
def pin(
    where: Annotated[str, typer.Argument(metavar="PLACE[.SOURCE]", help=_where)],
    begin: TimeFrom,
    end: TimeTo,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Never shed what was recorded then and there."""
    _pin(where, begin, end, True, nats, divisions, as_json)


@app.command(help=say("It may be shed again.", "解除锁定。"))
def unpin(
    where: Annotated[str, typer.Argument(metavar="PLACE[.SOURCE]", help=_where)],
    begin: TimeFrom,
    end: TimeTo,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """It may be shed again."""
    _pin(where, begin, end, False, nats, divisions, as_json)


@app.command(
    help=say("Record sources always; without one, what is recorded.", "设定始终录制的视频源；不填则显示现状。")
)
def keep(
    what: Annotated[list[str] | None, typer.Argument(metavar="[PLACE[.SOURCE]]...", help=_chosen)] = None,
    always: Annotated[bool, typer.Option("--always/--no-always", help=_always)] = True,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Record sources always; without one, what is recorded."""

    async def go() -> None:
        named = tuple(".".join(filter(None, address(one, divisions))) for one in what or ())
        async with shell.commanding(nats) as commander:
            found = await commander.ask(KeepFootage(named, always))
        if as_json:
            shell.print_json(msgspec.to_builtins(found))
            return
        chosen, running = ", ".join(found.chosen) or "-", ", ".join(found.running) or "-"
        keeps = "?" if found.keeps is None else found.keeps
        shell.say_line(say(f"Always: {chosen}", f"始终录制：{chosen}"))
        shell.say_line(say(f"While orders run, at: {running}", f"指令有效期间录制：{running}"))
        shell.say_line(say(f"Recorded now: {keeps} sources", f"正在录制：{keeps} 路"))

    shell.run(go(), as_json)


@app.command(help=say("Prove a file of `video get`, by the audit.", "凭审计记录校验取出的录像文件。"))
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=say("Of `video get`.", "由 video get 取出。"))],
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    """Prove a file of `video get`, by the audit."""

    async def go() -> None:
        async with shell.commanding(nats) as commander:
            proved = await prove(commander.ask, file)
        if as_json:
            shell.print_json({"file": str(file), "segments": proved.segments, "audited": proved.audited})
        else:
            shell.say_line(say(*proved.words))

    shell.run(go(), as_json)


def _pin(
    where: str, begin: str, end: str, on: bool, nats: str, divisions: Path | None, as_json: bool
) -> None:  # fmt: skip
    async def go() -> None:
        node, source = address(where, divisions)
        question = PinFootage(node, time_of(begin, "--from"), time_of(end, "--to"), source, on)
        async with shell.commanding(nats) as commander:
            found = await commander.ask(question)
        if as_json:
            shell.print_json(msgspec.to_builtins(found))
            return
        mib = found.bytes / 2**20
        zh = "已锁定" if on else "已解除锁定"
        en = (
            f"{'Pinned' if on else 'Unpinned'}: {found.segments} segments, {mib:,.1f} MiB; {len(found.pins)} pins hold."
        )
        shell.say_line(say(en, f"{zh}：{found.segments} 个片段，{mib:,.1f} MiB；现有锁定 {len(found.pins)} 条。"))

    shell.run(go(), as_json)


def address(text: str, divisions: Path | None) -> tuple[str, str]:
    """`44.01.06` is a place by its tokens, `440106.cam1` a source of one; no source where there is none."""
    place, _, name = (text, "", "") if text.replace(".", "").isdigit() else text.rpartition(".")
    code = shell.code_of(place or name, divisions)
    return code, name if place else ""


def _show(lines: Sequence[FootageLine], more: bool, as_json: bool) -> None:
    if as_json:
        shell.print_json({"lines": [_map(one) for one in lines], "more": more})
        return
    if not lines:
        shell.say_line(say("Nothing was recorded that is like that.", "没有符合条件的录像。"))
        return
    heads = [say("from", "起"), say("to", "止"), say("source", "视频源"), say("title", "名称"), say("MiB", "MiB"),
             say("lost", "丢包"), say("", "")]  # fmt: skip
    for line in aligned(heads, [_cells(one) for one in lines], right=(4, 5)):
        shell.out.print(line, soft_wrap=True)
    if more:
        shell.say_line(say("There is more: --from, --to, --source.", "还有更多：--from、--to、--source。"))


def _cells(one: FootageLine) -> list[Text]:
    said = say(*CAUSES[one.cause]) if one.cause else say("pinned", "已锁定") if one.pinned else ""
    if one.off_ms:
        said += say(f" its clock was off by {one.off_ms / 1_000:+,.0f} s", f" 其时钟偏差 {one.off_ms / 1_000:+,.0f} 秒")
    return [
        Text(shell.local_time(one.begin_ms)), Text(shell.local_time(one.end_ms)), Text(f"{one.node}.{one.source}"),
        Text(plain(one.title), "bold"), Text("" if one.cause else f"{one.bytes / 2**20:,.1f}"),
        Text(str(one.lost or ""), "red"), Text(said, "red" if one.cause else "dim"),
    ]  # fmt: skip


def _gap(one: FootageLine) -> str:
    begin, end = shell.local_time(one.begin_ms), shell.local_time(one.end_ms)
    en, zh = CAUSES[one.cause]
    return say(f"Missing from {begin} to {end}: {en}.", f"{begin} 至 {end} 缺失：{zh}。")


def _map(one: FootageLine) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.to_builtins(one)
    return made
