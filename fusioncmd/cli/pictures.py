"""`reports --out FOLDER`: the pictures of reports as files, each under the report's id."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from fusioncmd import api, ids
from fusioncmd.cli import shell
from fusioncmd.cli.whole_file import whole_file
from fusioncmd.client import Commander
from fusioncmd.errors import NotFound, Unavailable
from fusioncmd.words import reason, say


async def write_pictures(commander: Commander, lines: Iterable[api.ReportLine], folder: Path) -> dict[str, Path]:
    """What was written, by report; a picture that is not kept any more is told of, and the others are written."""
    written: dict[str, Path] = {}
    _make(folder)
    for report in (line.report for line in lines if line.report.parts):
        name = ids.to_text(report.id)
        try:
            picture = await commander.ask(api.Picture(report.order, report.id))
        except NotFound as problem:
            shell.err.print(say(f"{name}: {problem.en}", f"{name}：{problem.zh}"), soft_wrap=True)
            continue
        written[name] = folder / f"{name}.jpg"
        await asyncio.to_thread(_write, written[name], picture.data)
    return written


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{folder} cannot be made: {en}.", f"无法创建 {folder}：{zh}。") from None


def _write(file: Path, data: bytes) -> None:
    with whole_file(file) as target:
        target.write(data)
