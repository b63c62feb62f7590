"""`roster import`, `roster sample`, `roster find`: who exists."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from fusioncmd import api, limits
from fusioncmd.cli import shell
from fusioncmd.cli.completion import complete_role
from fusioncmd.cli.figures import plain
from fusioncmd.cli.people import show_people
from fusioncmd.cli.whole_file import whole_file
from fusioncmd.errors import BadInput, BadRoster, BusDown, StorageFull
from fusioncmd.room import check_room, is_full
from fusioncmd.roster.load import BadRows, ImportReport, import_people
from fusioncmd.roster.people_csv import BadRow
from fusioncmd.roster.sample import sample_csv
from fusioncmd.words import reason, say, sentence

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help=say("Who exists: import, sample, find.", "人员名册：导入、生成样本、查找。"),
)


@app.command("import", help=say("Import people, all of the file or nothing.", "导入人员：全部成功或全部不变。"))
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
        data = _read(file)
        keys = _keys_here(nats)
        check_room(keys)
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
                except BusDown:
                    if is_full(keys):
                        raise _full_meanwhile() from None
                    raise

    async def judged() -> ImportReport:
        try:
            return await go()
        except BadRows as problem:
            if as_json:
                error = {"code": problem.code, "sentence": sentence(problem)}
                rows = [_bad(row) for row in problem.problems]
                shell.print_json({"error": error, "bad_rows": problem.count, "bad": rows})
                raise typer.Exit(1) from None
            _show_bad(problem.problems, problem.count)
            raise

    _tell(shell.run(judged(), as_json), as_json)


def _tell(report: ImportReport, as_json: bool) -> None:
    if as_json:
        shell.print_json({name: getattr(report, name) for name in _COUNTS} | {"bad": [_bad(row) for row in report.bad]})
        return
    _show_bad(report.bad, report.bad_rows)
    shell.say_line(
        say(
            f"{report.rows:,} rows: {report.added:,} people added, {report.changed:,} changed, {report.unchanged:,} as "
            f"before, {report.moved:,} moved, {report.left:,} left; {report.towns_written:,} towns written "
            f"in {report.seconds:.1f} s."
            + (" Those who moved have new numbers: issue them new tickets." if report.moved else ""),
            f"共 {report.rows:,} 行：新增 {report.added:,}，变更 {report.changed:,}，未变 {report.unchanged:,}，"
            f"调动 {report.moved:,}，离开 {report.left:,}；写入 {report.towns_written:,} 个乡镇，"
            f"用时 {report.seconds:.1f} 秒。" + ("调动人员编号已变，须重新签发票据。" if report.moved else ""),
        )
    )


_COUNTS = ("rows", "added", "changed", "unchanged", "moved", "left", "towns_written", "bad_rows", "seconds")


@app.command(help=say("Write a synthetic roster over the real villages.", "按真实村居生成样本名册。"))
def sample(
    people: Annotated[
        int, typer.Option(min=1, max=10_000_000, metavar="NUMBER", help=say("How many.", "人数。"))
    ] = 840_000,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help=say("The same seed: the same people.", "随机种子。"))] = 1,
    file: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help=say("Where to; - or none: standard output.", "输出文件；省略或 - 为标准输出。"),
        ),
    ] = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Write a synthetic roster over the real villages."""

    async def go() -> None:
        pieces = (piece.encode() for piece in sample_csv(shell.load_divisions(divisions), people, seed))
        if file is None or str(file) == "-":
            sys.stdout.buffer.writelines(pieces)
            return
        with whole_file(file) as target:
            target.writelines(pieces)
        if as_json:
            shell.print_json({"file": file, "people": people, "seed": seed})
        else:
            shell.say_line(say(f"{people:,} people written to {file}.", f"已将 {people:,} 人写入 {file}。"))

    shell.run(go(), as_json)


@app.command(help=say("Find people by id, name or phone.", "按编号、姓名或电话查找。"))
def find(
    query: Annotated[str, typer.Argument(help=say("An id, or part of a name or phone.", "编号、姓名或电话的一部分。"))],
    node: shell.NodeOption = "",
    role: Annotated[
        str, typer.Option(metavar="ROLE", autocompletion=complete_role, help=say("Only this role.", "仅限该职责。"))
    ] = "",
    limit: Annotated[
        int,
        typer.Option(min=1, max=limits.WHO_PAGE_MAX, metavar="NUMBER", help=say("How many at most.", "最多显示人数。")),
    ] = 50,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Find people by id, name or phone."""

    async def go() -> None:
        code = shell.code_of(node, divisions)
        async with shell.commanding(nats) as commander:
            found = await commander.ask(api.Find(query, code, role or None, limit))
        if as_json:
            shell.print_json(found)
            return
        show_people(found.people, (say("id", "编号"), lambda person: Text(plain(person.id))))
        shell.say_line(say(f"{len(found.people):,} of {found.total:,}", f"{len(found.people):,} / {found.total:,} 人"))

    shell.run(go(), as_json)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=shell.err, disable=not shell.err.is_terminal)


def _bad(row: BadRow) -> dict[str, object]:
    return {"line": row.line, "reason": say(row.en, row.zh)}


def _show_bad(bad: tuple[BadRow, ...], count: int) -> None:
    if not bad:
        return
    grid = Table(box=None, header_style="dim", pad_edge=False)
    grid.add_column(say("line", "行"), justify="right")
    grid.add_column(say("reason", "原因"), overflow="fold")
    for row in bad:
        grid.add_row(str(row.line), plain(say(row.en, row.zh)))
    shell.err.print(grid)
    if count > len(bad):
        shell.err.print(say(f"… and {count - len(bad):,} more", f"…… 另有 {count - len(bad):,} 行"))


def _keys_here(nats: str) -> Path:
    """The folder on this machine that holds the way to that bus: on the node's own, it is on the node's disk."""
    from fusioncmd.cli.bus_way import found_way

    key = found_way(nats).key
    return Path() if key is None else key.parent


def _full_meanwhile() -> StorageFull:
    return StorageFull(
        "The disk is full: some towns are written, others not. Make room and import the same file again.",
        "磁盘已满：部分乡镇已写入，其余未写入；请清出空间后重新导入同一文件。",
    )


def _read(file: Path) -> bytes:
    """Not a byte is read of a file that is too large."""
    try:
        if file.stat().st_size > limits.ROSTER_FILE_BYTES_MAX:
            raise BadRoster(
                f"{file} is larger than {limits.ROSTER_FILE_BYTES_MAX} bytes; split it.",
                f"{file} 超过 {limits.ROSTER_FILE_BYTES_MAX} 字节，请拆分。",
            )
        return file.read_bytes()
    except OSError as error:
        en, zh = reason(error)
        raise BadInput(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None
