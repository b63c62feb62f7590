"""Which columns of the tally table fit a width, and how wide each is. Pure: rows and a width in, columns out.

The wider the screen, the more is shown; on a narrow one the bar goes first, then what the header above repeats. The
place, who answered what, who is silent and who is unreachable stay longest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.text import Text

from fusioncmd import api
from fusioncmd.cli.figures import (
    ANSWER_STYLES,
    SILENT_STYLE,
    UNREACHABLE_STYLE,
    bar,
    missing,
    plain,
    segments,
    share,
    waiting,
)
from fusioncmd.codes import Path, Tier
from fusioncmd.words import say

GAP_CELLS = 2
BAR_CELLS_MAX = 32
ANSWER_HEAD_CELLS_MAX = 12


@dataclass(frozen=True, slots=True)
class Column:
    head: Text
    cell: Callable[[api.Row], Text]
    width: int
    justify: Literal["left", "right"] = "right"


@dataclass(frozen=True, slots=True)
class _Fit:
    """One step down from everything."""

    place_max: int
    bar_min: int = 0
    answer_heads: bool = False  # their words, not their numbers
    answered: bool = True
    sent: bool = True
    received: bool = True
    by_answer: bool = True


_FITS = (
    _Fit(34, bar_min=12, answer_heads=True),
    _Fit(22, bar_min=8, answer_heads=True),
    _Fit(22, bar_min=8),
    _Fit(18, bar_min=6),
    _Fit(18),
    _Fit(16, answered=False),
    _Fit(16, answered=False, sent=False),
    _Fit(16, answered=False, sent=False, received=False),
    _Fit(14, sent=False, received=False, by_answer=False),
    _Fit(10, answered=False, sent=False, received=False, by_answer=False),
)


def columns(rows: Sequence[api.Row], answers: Sequence[str], width: int) -> list[Column]:
    """The richest set of columns whose cells for `rows` fit into `width`."""
    chosen: list[Column] = []
    for fit in _FITS:
        chosen = _columns(rows, answers, fit)
        spare = width - width_of(chosen)
        if spare >= fit.bar_min + GAP_CELLS * bool(fit.bar_min):
            if fit.bar_min:
                chosen.insert(1, _bar(min(spare - GAP_CELLS, BAR_CELLS_MAX)))
            break
    return chosen


def width_of(chosen: Sequence[Column]) -> int:
    return sum(column.width for column in chosen) + GAP_CELLS * (len(chosen) - 1)


def place_text(row: api.Row) -> Text:
    """A place by the last token of its code, which is also what one types to go there, and its name."""
    token = Path(row.code).tokens[-1] if row.code else ""
    return Text(f"{token} ", "dim").append(plain(row.name), "default")


def _columns(rows: Sequence[api.Row], answers: Sequence[str], fit: _Fit) -> list[Column]:
    place = Column(Text(_tier_below(rows), "dim"), place_text, 0, "left")
    found = [_sized(place, rows, fit.place_max)]
    found.append(_count(say("meant", "对象"), rows, lambda row: row.targeted))
    if fit.sent:
        found.append(_count(say("sent", "已发"), rows, lambda row: row.sent))
    if fit.received:
        found.append(_count(say("received", "已收"), rows, lambda row: row.received))
    if answers and fit.answered:
        found.append(_count(say("answered", "已答"), rows, lambda row: row.answered))
    found.append(_sized(_percent(bool(answers), fit), rows))
    if fit.by_answer:
        found += [_answer(i, answer, rows, fit) for i, answer in enumerate(answers)]
    waits = say("silent", "未答") if answers else say("waiting", "未收")
    found.append(_count(waits, rows, waiting, SILENT_STYLE))
    found.append(_count(say("unreach.", "不可达"), rows, lambda row: row.unreachable, UNREACHABLE_STYLE))
    return found


def _percent(asks: bool, fit: _Fit) -> Column:
    """How many of those meant did what is asked; the word is whole where no column beside bears it."""
    if asks:
        head = say("ans. %", "答复率") if fit.answered else say("answered", "答复率")
    else:
        head = say("rec. %", "接收率") if fit.received else say("received", "接收率")
    return Column(Text(head, "dim"), lambda row: Text(share(row.targeted - missing(row), row.targeted)), 0)


def _answer(index: int, answer: str, rows: Sequence[api.Row], fit: _Fit) -> Column:
    head = Text(plain(answer) if fit.answer_heads else str(index + 1))
    head.truncate(ANSWER_HEAD_CELLS_MAX, overflow="ellipsis")
    return _count(head.plain, rows, lambda row: row.by_answer[index], ANSWER_STYLES[index], ANSWER_STYLES[index])


def _count(
    head: str, rows: Sequence[api.Row], count: Callable[[api.Row], int], style: str = "", head_style: str = "dim"
) -> Column:
    def cell(row: api.Row) -> Text:
        number = count(row)
        return Text(f"{number:,}", style if number else "dim")

    return _sized(Column(Text(head, head_style), cell, 0), rows)


def _sized(column: Column, rows: Sequence[api.Row], cells_max: int | None = None) -> Column:
    widest = max([cell_len(column.head.plain), *(column.cell(row).cell_len for row in rows)])
    width = widest if cells_max is None else min(widest, cells_max)
    return Column(column.head, column.cell, width, column.justify)


def _bar(width: int) -> Column:
    return Column(Text(""), lambda row: bar(segments(row), row.targeted, width), width, "left")


def _tier_below(rows: Sequence[api.Row]) -> str:
    code = rows[-1].code if rows else ""
    if not code:
        return say("place", "地点")
    return {
        Tier.PROVINCE: say("province", "省"), Tier.CITY: say("city", "地市"), Tier.COUNTY: say("county", "县区"),
        Tier.TOWN: say("town", "镇街"), Tier.VILLAGE: say("village", "村居"),
    }[Path(code).tier]  # fmt: skip
