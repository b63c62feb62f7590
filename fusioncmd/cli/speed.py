"""How fast an order was received and answered, a line for each place, the slowest first. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from fusioncmd import api
from fusioncmd.cli.durations import clock
from fusioncmd.cli.figures import plain
from fusioncmd.words import say

PLACES_SHOWN = 8  # --json has all


def speed_lines(rows: Sequence[api.CourseRow]) -> list[Text]:
    """`rows` as a node gives them: the place that was asked about, then those right below it."""
    if not rows:
        return []
    shares = ", ".join(f"{q.percent} %" for q in rows[0].quantiles)
    head = Text(say(f"After how long {shares} of those meant had …", f"应到人员中 {shares} 所用时间"), "bold")
    lines = [head, *(_line(row, "") for row in rows[:1]), *(_line(row, "  ") for row in rows[1 : PLACES_SHOWN + 1])]
    more = len(rows) - 1 - PLACES_SHOWN
    return [*lines, Text(say(f"  … and {more} faster places", f"  ……另有 {more} 处更快"), "dim")] if more > 0 else lines


def _line(row: api.CourseRow, indent: str) -> Text:
    received = " ".join(_after(q.received_ms) for q in row.quantiles)
    answered = " ".join(_after(q.answered_ms) for q in row.quantiles)
    return Text(f"{indent}{plain(row.name)}: ").append(
        say(f"received {received} · answered {answered}", f"收到 {received} · 答复 {answered}")
    )


def _after(ms: int | None) -> str:
    return "—" if ms is None else f"{ms / 1000:.1f}s" if ms < 60_000 else clock(ms // 1000)
