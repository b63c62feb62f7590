"""`roster import`, `roster sample`, `roster find`: who exists."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from fusioncmd import api
from fusioncmd.cli import shell
from fusioncmd.client import Commander
from fusioncmd.errors import BadInput
from fusioncmd.roster.load import BadRows, ImportReport, import_people
from fusioncmd.roster.people_csv import BadRow
from fusioncmd.roster.sample import sample_csv
from fusioncmd.words import say

app = typer.Typer(
    no_args_is_help=True, help=say("Who exists: import, sample, find.", "人员名册：导入、生成样本、查找。")
)


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help=say("people.csv: id,name,phone,village,roles.", "编号、姓名、电话、村代码、职责。"))
    ],
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help=say("Import the good rows.", "跳过问题行。"))] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help=say("Who is not in the file has left.", "文件外人员视为离开。"))
    ] = False,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Import people: all of the file or nothing, unless --skip-bad. People keep their numbers."""

    async def go() -> ImportReport:
        places = shell.load_divisions(divisions)
        try:
            data = file.read_bytes()
        except OSError as error:
            raise BadInput(
                f"{file} cannot be read: {error.strerror}.", f"无法读取 {file}：{error.strerror}。"
            ) from None
        async with shell.connect(nats) as bus:
            with _progress() as bars:
                tasks = {
                    "read": bars.add_task(say("reading", "读取"), total=None),
                    "write": bars.add_task(say("writing towns", "写入乡镇"), total=None),
                }

                def progress(step: str, done: int, of: int) -> None:
                    bars.update(tasks[step], completed=done, total=of or None)

                try:
                    return await import_people(bus, places, data, skip_bad=skip_bad, prune=prune, progress=progress)
                except BadRows as problem:
                    bars.stop()
                    if not as_json:
                        _show_bad(problem.people.bad, problem.people.bad_count)
                    raise

    report = shell.run(go(), as_json)
    if as_json:
        shell.print_json({name: getattr(report, name) for name in _COUNTS} | {"bad": [_bad(row) for row in report.bad]})
        return
    _show_bad(list(report.bad), report.bad_rows)
    shell.say_line(
        say(
            f"{report.rows:,} rows: {report.added:,} people added, {report.changed:,} changed, {report.unchanged:,} as "
            f"before, {report.moved:,} moved, {report.left:,} left; {report.towns_written:,} towns written.",
            f"共 {report.rows:,} 行：新增 {report.added:,}，变更 {report.changed:,}，未变 {report.unchanged:,}，"
            f"调动 {report.moved:,}，离开 {report.left:,}；写入 {report.towns_written:,} 个乡镇。",
        )
    )


_COUNTS = ("rows", "added", "changed", "unchanged", "moved", "left", "towns_written", "bad_rows")


@app.command()
def sample(
    people: Annotated[int, typer.Option(min=1, max=10_000_000, help=say("How many.", "人数。"))] = 840_000,
    seed: Annotated[int, typer.Option(help=say("The same seed: the same people.", "随机种子。"))] = 1,
    file: Annotated[
        Path | None, typer.Option("--out", help=say("Where to; standard output without.", "输出文件。"))
    ] = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Write a synthetic roster over the real villages."""

    async def go() -> None:
        pieces = sample_csv(shell.load_divisions(divisions), people, seed)
        if file is None:
            sys.stdout.writelines(pieces)
            return
        try:
            with file.open("w", encoding="utf-8") as out:
                out.writelines(pieces)
        except OSError as error:
            raise BadInput(
                f"{file} cannot be written: {error.strerror}.", f"无法写入 {file}：{error.strerror}。"
            ) from None
        if as_json:
            shell.print_json({"file": file, "people": people, "seed": seed})
        else:
            shell.say_line(say(f"{people:,} people written to {file}.", f"已将 {people:,} 人写入 {file}。"))

    shell.run(go(), as_json)


@app.command()
def find(
    query: Annotated[str, typer.Argument(help=say("An id, or part of a name or phone.", "编号、姓名或电话的一部分。"))],
    node: shell.NodeOption = "",
    role: Annotated[str, typer.Option(help=say("Only this role.", "仅限该职责。"))] = "",
    limit: Annotated[int, typer.Option(min=1, max=5000)] = 50,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Find people by id, name or phone."""

    async def go() -> None:
        code = shell.load_divisions(divisions).find(node).code if node else ""
        async with shell.connect(nats) as bus:
            found = await Commander(bus).ask(api.Find(query, code, role or None, limit))
        if as_json:
            shell.print_json(found)
            return
        grid = Table(header_style="dim", pad_edge=False)
        for head in (
            say("id", "编号"),
            say("name", "姓名"),
            say("phone", "电话"),
            say("place", "地点"),
            say("roles", "职责"),
            "",
        ):
            grid.add_column(head)
        for p in found.people:
            grid.add_row(p.id, p.name, p.phone, p.place_name, " ".join(p.roles), "●" if p.reachable else "")
        shell.out.print(grid)
        shell.say_line(say(f"{len(found.people):,} of {found.total:,}", f"{len(found.people):,} / {found.total:,} 人"))

    shell.run(go(), as_json)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=shell.err, disable=not shell.err.is_terminal)


def _bad(row: BadRow) -> dict[str, object]:
    return {"line": row.line, "reason": say(row.en, row.zh)}


def _show_bad(bad: list[BadRow], count: int) -> None:
    for row in bad:
        shell.err.print(say(f"line {row.line}: {row.en}", f"第 {row.line} 行：{row.zh}"), markup=False)
    if count > len(bad):
        shell.err.print(say(f"… and {count - len(bad):,} more", f"…… 另有 {count - len(bad):,} 行"), markup=False)
