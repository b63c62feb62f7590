"""`report`, `reports`: an order after the fact, as a summary, as a CSV file, and as what people wrote."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.text import Text

from fusioncmd import api, limits
from fusioncmd.api.alarms import Alarms
from fusioncmd.api.experts import Draws
from fusioncmd.cli import shell
from fusioncmd.cli.alarm_rows import order_rows
from fusioncmd.cli.expert_rows import draw_rows
from fusioncmd.cli.figures import plain
from fusioncmd.cli.people import pages
from fusioncmd.cli.pictures import write_pictures
from fusioncmd.cli.rows import csv_head, csv_lines
from fusioncmd.cli.speed import speed_lines
from fusioncmd.cli.tally_view import Screen, tally_view
from fusioncmd.cli.whole_file import whole_file
from fusioncmd.client import Commander
from fusioncmd.errors import BadInput
from fusioncmd.words import say

REPORTS_SHOWN = 200

Limit = Annotated[
    int, typer.Option(min=1, metavar="NUMBER", help=say("How many reports at most.", "最多显示报告条数。"))
]


def report(
    order: shell.OrderArgument,
    as_csv: Annotated[
        bool, typer.Option("--csv", help=say("One line per person who is meant.", "每个对象一行的 CSV。"))
    ] = False,
    file: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help=say("Write the CSV to this file.", "将 CSV 写入该文件。")),
    ] = None,
    node: shell.NodeOption = "",
    limit: Limit = REPORTS_SHOWN,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """An order after the fact: counts and speed per place, the alarm that it is for, who was drawn, what people wrote;
    or one CSV line per person."""

    async def go() -> None:
        if as_csv and as_json and file is None:
            raise BadInput("--csv with --json needs --out FILE.", "--csv 与 --json 连用时须给出 --out。")
        if file is not None and not as_csv:
            raise BadInput("--out goes with --csv.", "--out 须与 --csv 连用。")
        code = shell.code_of(node, divisions)
        async with shell.commanding(nats) as commander:
            ident = await shell.order_id(order, commander)
            if as_csv:
                await _write_csv(commander, ident, code, file, as_json)
                return
            tally = await commander.ask(api.Tally(ident, code))
            course = await commander.ask(api.Course(ident, code))
            lines, total = await said(commander, ident, code, limit)
            begun = await commander.ask(Alarms(code, order=ident))
            drawn = await commander.ask(Draws(order=ident))
        if as_json:
            about = {"alarms": begun.lines, "draws": drawn.lines}
            shell.print_json({"tally": tally, "course": course, "reports": lines, "reports_total": total} | about)
            return
        shell.out.print(tally_view(tally, Screen(shell.out.width)))
        shell.say_line("")
        for row in (*order_rows(begun.lines, ident), *(row for reply in drawn.lines for row in draw_rows(reply))):
            shell.say_line(row)
        for line in speed_lines(course.rows):
            shell.say_line(line)
        _show(lines, total)

    shell.run(go(), as_json)


def reports(
    order: shell.OrderArgument,
    folder: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help=say("Write their pictures here.", "将照片写入该文件夹。")),
    ] = None,
    node: shell.NodeOption = "",
    limit: Limit = REPORTS_SHOWN,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """What people wrote about an order, from where, and their pictures."""

    async def go() -> None:
        code = shell.code_of(node, divisions)
        async with shell.commanding(nats) as commander:
            lines, total = await said(commander, await shell.order_id(order, commander), code, limit)
            written = {} if folder is None else await write_pictures(commander, lines, folder)
        if as_json:
            shell.print_json({"lines": lines, "total": total} | ({} if folder is None else {"pictures": written}))
            return
        _show(lines, total)
        if folder is not None:
            shell.say_line(
                say(f"{len(written):,} pictures written to {folder}.", f"已将 {len(written):,} 张照片写入 {folder}。")
            )

    shell.run(go(), as_json)


async def said(commander: Commander, ident: bytes, code: str, limit: int) -> tuple[list[api.ReportLine], int]:
    """The first `limit` reports, oldest first, and how many there are."""
    lines: list[api.ReportLine] = []
    while True:
        after = lines[-1].report.id if lines else None
        page = await commander.ask(api.Reports(ident, code, min(limit - len(lines), limits.REPORTS_PAGE_MAX), after))
        lines += page.lines
        if not page.lines or len(lines) >= min(limit, page.total):
            return lines, page.total


async def _write_csv(commander: Commander, ident: bytes, code: str, file: Path | None, as_json: bool) -> None:
    rows = 0
    with _target(file) as target:
        target.write(csv_head().encode())
        async for page in pages(commander, api.Who(ident, "targeted", code, limit=limits.WHO_PAGE_MAX)):
            target.write(csv_lines(page.people).encode())
            rows += len(page.people)
        target.flush()
    if file is not None and as_json:
        shell.print_json({"file": file, "rows": rows})
    elif file is not None:
        shell.say_line(say(f"{rows:,} people written to {file}.", f"已将 {rows:,} 人写入 {file}。"))


@contextlib.contextmanager
def _target(file: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or `file`, which appears whole or not at all."""
    if file is None:
        yield sys.stdout.buffer
        return
    with whole_file(file) as target:
        yield target


def _show(lines: list[api.ReportLine], total: int) -> None:
    for line in lines:
        person, wrote = line.person, line.report
        head = Text(shell.local_time(wrote.at_ms), "dim")
        head.append(f"  {plain(person.name)}", "bold default").append(f"  {plain(person.phone)}  ", "default")
        head.append(plain(person.place_name), "default")
        if wrote.lat is not None and wrote.lon is not None:
            head.append(f"  {wrote.lat:.5f}, {wrote.lon:.5f}", "cyan")
        if wrote.parts:
            head.append(say("  picture", "  照片"), "magenta")
        shell.out.print(head, soft_wrap=True)
        if wrote.text:
            shell.say_line(f"    {plain(wrote.text)}")
    more = (
        "" if len(lines) == total else say(f", {len(lines):,} shown; --limit shows more", f"，显示 {len(lines):,} 条")
    )
    noun = "report" if total == 1 else "reports"
    shell.say_line(say(f"{total:,} {noun}{more}", f"共 {total:,} 条报告{more}"))
