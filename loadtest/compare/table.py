"""The table of a comparison, and the same as figures for programs: seconds, losses, costs, and ratios to the floor."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from fusioncmd.words import say
from loadtest.compare.measuring import Row
from loadtest.output import Figure, number

FLOOR = "floor"
# Of a row: what it is called, its unit, and whether its ratio to the floor says something.
COLUMNS = (
    ("delivered_s", "last delivery", "s", True),
    ("counted_s", "last answer counted", "s", True),
    ("confirmed_s", "last answer on disk and confirmed", "s", False),
    ("deliveries_lost", "deliveries lost", "", False),
    ("answers_lost", "answers lost", "", False),
    ("round_us", "server CPU per delivery and answer", "µs", True),
    ("connect_us", "server CPU per connect", "µs", True),
    ("memory_b", "server memory per connection", "B", False),
)
HEADS = {  # the same for a table of 80 columns, whose legend is below it
    "delivered_s": ("last\ndelivery\ns", "最后\n送达\n秒"), "counted_s": ("last\ncounted\ns", "最后\n计入\n秒"),
    "confirmed_s": ("on disk\n& told\ns", "落盘并\n确认\n秒"), "deliveries_lost": ("lost\ndown", "下行\n丢失"),
    "answers_lost": ("lost\nup", "上行\n丢失"), "round_us": ("CPU\n/answer\nµs", "CPU\n/应答\n微秒"),
    "connect_us": ("CPU\n/connect\nµs", "CPU\n/连接\n微秒"), "memory_b": ("memory\n/conn.\nB", "内存\n/连接\n字节"),
}  # fmt: skip
NO_SUCH_THING = "–"


def grid(rows: Sequence[Row]) -> Table:
    """For people: a row that has no figures says why."""
    floor = _floor(rows)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for name, _, _, _ in COLUMNS:
        table.add_column(say(*HEADS[name]), justify="right")
    for row in rows:
        if row.delivered_s is not None:
            table.add_row(row.name, *(_cell(row, floor, name, compared) for name, _, _, compared in COLUMNS))
        else:
            table.add_row(row.name, style="dim")
    return table


def figures(rows: Sequence[Row]) -> list[Figure]:
    """For programs: each of a row, named after it, and its ratio to the floor of the same run."""
    floor, found = _floor(rows), []
    for row in rows:
        if row.note:
            found.append(Figure(f"{row.name}: note", row.note))
        for name, title, unit, compared in COLUMNS:
            value = getattr(row, name)
            if value is None:
                continue
            found.append(Figure(f"{row.name}: {title}", value, unit))
            ratio = _ratio(row, floor, name) if compared else None
            if ratio is not None:
                found.append(Figure(f"{row.name}: {title}, as a ratio to the floor", ratio))
        if row.order_bytes is not None:
            found.append(Figure(f"{row.name}: order as delivered", row.order_bytes, "B"))
    return found


def _floor(rows: Sequence[Row]) -> Row | None:
    return next((row for row in rows if row.name == FLOOR), None)


def _ratio(row: Row, floor: Row | None, name: str) -> float | None:
    if floor is None or row is floor:
        return None
    value, least = getattr(row, name), getattr(floor, name)
    return round(value / least, 2) if value is not None and least else None


def _cell(row: Row, floor: Row | None, name: str, compared: bool) -> str:
    value = getattr(row, name)
    if value is None:
        return NO_SUCH_THING
    ratio = _ratio(row, floor, name) if compared else None
    return number(value) if ratio is None else f"{number(value)}\n{ratio:.1f}×"
