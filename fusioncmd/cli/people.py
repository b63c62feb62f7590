"""`who`, `report`, `reports`: the people of an order, by name."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.table import Table

from fusioncmd import api, limits
from fusioncmd.cli import shell
from fusioncmd.cli.figures import table
from fusioncmd.client import Commander
from fusioncmd.errors import BadInput
from fusioncmd.words import say

HEADINGS = ("number", "id", "name", "phone", "place", "place_name", "roles", "stage", "answer")


def _flag(name: str, en: str, zh: str) -> object:
    return typer.Option(f"--{name}", help=say(en, zh))


def who(
    order: shell.OrderArgument,
    node: shell.NodeOption = "",
    silent: Annotated[bool, _flag("silent", "Reachable, no answer.", "可达但未答。")] = False,
    unreachable: Annotated[bool, _flag("unreachable", "No live channel, no answer.", "不可达。")] = False,
    waiting: Annotated[bool, _flag("waiting", "No answer, for whatever reason.", "未答或不可达。")] = False,
    sent: Annotated[bool, _flag("sent", "Sent.", "已发。")] = False,
    received: Annotated[bool, _flag("received", "Received.", "已收。")] = False,
    answered: Annotated[bool, _flag("answered", "Answered.", "已答。")] = False,
    reported: Annotated[bool, _flag("reported", "Reported.", "已报告。")] = False,
    answer: Annotated[
        str, typer.Option(help=say("Gave this answer (text, or its place from 1).", "选择了该答复。"))
    ] = "",
    limit: Annotated[int, typer.Option(min=1)] = 1000,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Names and phones: who is silent, unreachable, or answered what. Without a flag: everyone who is meant."""
    flags: dict[api.Standing, bool] = {
        "silent": silent, "unreachable": unreachable, "waiting": waiting, "sent": sent, "received": received,
        "answered": answered, "reported": reported,
    }  # fmt: skip

    async def go() -> None:
        chosen = [name for name, given in flags.items() if given]
        if len(chosen) + bool(answer) > 1:
            raise BadInput("Choose one of the standings.", "只能选择一种状态。")
        standing: api.Standing = chosen[0] if chosen else "answered" if answer else "targeted"
        code = shell.load_divisions(divisions).find(node).code if node else ""
        async with shell.connect(nats) as bus:
            commander = Commander(bus)
            line = await shell.find_order(commander, order)
            index = _answer_index(answer, line.order.answers) if answer else None
            request = api.Who(line.order.id, standing, code, index, limit=min(limit, limits.WHO_PAGE_MAX))
            people: list[api.Person] = []
            total = 0
            async for page in pages(commander, request):
                people += page.people[: limit - len(people)]
                total = page.total
                if len(people) >= limit:
                    break
        if as_json:
            shell.print_json({"order": line.order.id, "standing": standing, "total": total, "people": people})
        else:
            _show(people, total)

    shell.run(go(), as_json)


async def pages(commander: Commander, request: api.Who) -> AsyncIterator[api.People]:
    """Every page of the answer to `request`, from its `after` on."""
    after: int | None = request.after
    while after is not None:
        page = await commander.ask(
            api.Who(request.order, request.standing, request.node, request.answer, after, request.limit)
        )
        yield page
        after = page.after


def report(
    order: shell.OrderArgument,
    as_csv: Annotated[bool, typer.Option("--csv", help=say("One line per person.", "每人一行的 CSV。"))] = False,
    file: Annotated[Path | None, typer.Option("--out", help=say("Write to this file.", "输出文件。"))] = None,
    node: shell.NodeOption = "",
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """An order after the fact: counts per place and what people wrote, or one CSV line per person."""

    async def go() -> None:
        code = shell.load_divisions(divisions).find(node).code if node else ""
        async with shell.connect(nats) as bus:
            commander = Commander(bus)
            ident = (await shell.find_order(commander, order)).order.id
            if as_csv:
                await _write_csv(commander, ident, code, file, as_json)
                return
            tally = await commander.ask(api.Tally(ident, code))
            said = await commander.ask(api.Reports(ident, code, limit=1000))
        if as_json:
            shell.print_json({"tally": tally, "reports": said.lines, "reports_total": said.total})
            return
        shell.out.print(table(tally))
        _show_reports(said)

    shell.run(go(), as_json)


def reports(
    order: shell.OrderArgument,
    node: shell.NodeOption = "",
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """What people wrote about an order, and from where."""

    async def go() -> None:
        code = shell.load_divisions(divisions).find(node).code if node else ""
        async with shell.connect(nats) as bus:
            commander = Commander(bus)
            ident = (await shell.find_order(commander, order)).order.id
            said = await commander.ask(api.Reports(ident, code, limit=1000))
        if as_json:
            shell.print_json(said)
        else:
            _show_reports(said)

    shell.run(go(), as_json)


async def _write_csv(commander: Commander, ident: bytes, code: str, file: Path | None, as_json: bool) -> None:
    request = api.Who(ident, "targeted", code, limit=limits.WHO_PAGE_MAX)
    rows = 0
    try:
        target: TextIO = sys.stdout if file is None else file.open("w", encoding="utf-8-sig", newline="")
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error.strerror}.", f"无法写入 {file}：{error.strerror}。") from None
    try:
        target.write(",".join(HEADINGS) + "\n")
        async for page in pages(commander, request):
            target.write(csv_lines(page.people))
            rows += len(page.people)
    finally:
        if file is not None:
            target.close()
    if file is not None and as_json:
        shell.print_json({"file": file, "rows": rows})
    elif file is not None:
        shell.say_line(say(f"{rows:,} people written to {file}.", f"已将 {rows:,} 人写入 {file}。"))


def csv_lines(people: tuple[api.Person, ...]) -> str:
    """Rows under HEADINGS. A cell that a spreadsheet would run as a formula is made text (OWASP, CSV injection)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for p in people:
        cells = (p.number, p.id, p.name, p.phone, p.place, p.place_name, ";".join(p.roles), p.stage, p.answer)
        writer.writerow(
            [f"'{c}" if isinstance(c, str) and c[:1] in ("=", "+", "-", "@", "\t", "\r") else c for c in cells]
        )
    return text.getvalue()


def _answer_index(text: str, answers: tuple[str, ...]) -> int:
    if text in answers:
        return answers.index(text)
    if text.isdigit() and 1 <= int(text) <= len(answers):
        return int(text) - 1
    offered = "、".join(answers)
    raise BadInput(f"{text!r} was not offered; the answers are: {offered}.", f"没有答复“{text}”，可选：{offered}。")


def _show(people: list[api.Person], total: int) -> None:
    grid = Table(header_style="dim", pad_edge=False)
    for head in (
        say("name", "姓名"),
        say("phone", "电话"),
        say("place", "地点"),
        say("roles", "职责"),
        say("stage", "状态"),
    ):
        grid.add_column(head)
    for p in people:
        grid.add_row(p.name, p.phone, p.place_name, " ".join(p.roles), p.answer or p.stage)
    shell.out.print(grid)
    shell.say_line(say(f"{len(people):,} of {total:,}", f"{len(people):,} / {total:,} 人"))


def _show_reports(said: api.ReportsReply) -> None:
    for line in said.lines:
        where = "" if line.report.lat is None else f"  ({line.report.lat:.5f}, {line.report.lon:.5f})"
        shell.say_line(f"{line.person.name} {line.person.phone} {line.person.place_name}: {line.report.text}{where}")
    shell.say_line(say(f"{said.total:,} reports", f"共 {said.total:,} 条报告"))
