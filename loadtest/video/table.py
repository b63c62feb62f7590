"""The table of the video benchmark, and the same as figures for programs, with ratios to Janus of the same run."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from fusioncmd.words import say
from loadtest.output import Figure, number
from loadtest.video.measuring import Live, Row

HEADS = (
    ("", ""), ("CPU\n/viewer\n%", "CPU\n/观看\n%"), ("p50\nms", "p50\n毫秒"), ("p99\nms", "p99\n毫秒"),
    ("memory\n/viewer\nKiB", "内存\n/观看\nKiB"), ("\nlost", "\n丢失"), ("packets/s\n/core", "包/秒\n/核"),
    ("CPU\n/packet\nµs", "CPU\n/包\n微秒"),
)  # fmt: skip
NO_SUCH_THING = "–"


def grid(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for head in HEADS:
        table.add_column(say(*head), justify="right")
    for row in rows:
        for one in row.live:
            table.add_row(row.name, *_cells(row, one))
        if not row.live:
            table.add_row(row.name, style="dim")
    return table


def figures(rows: Sequence[Row], beside: str | None) -> list[Figure]:
    found = []
    other = next((row for row in rows if row.name == beside), None)
    for row in rows:
        for one in row.live:
            name = f"{row.name}, {one.viewers} viewer(s)"
            found += [
                Figure(f"{name}: live sessions", one.live),
                Figure(f"{name}: CPU per viewer", one.viewer_percent, "% of a core"),
                *(Figure(f"{name}: CPU of {which}", used, "% of a core") for which, used in one.beside_percent.items()),
                Figure(f"{name}: added to the last viewer, p50", one.p50_ms, "ms"),
                Figure(f"{name}: added to the last viewer, p99", one.p99_ms, "ms"),
                Figure(f"{name}: added to the last viewer, at most", one.worst_ms, "ms"),
                Figure(f"{name}: memory per viewer", round(one.memory_b / one.viewers), "B"),
                Figure(f"{name}: packets sent by the source", one.sent),
                Figure(f"{name}: packets lost", one.lost),
                Figure(f"{name}: packets that came when asked for again", one.late),
            ]
            same = other and next((them for them in other.live if them.viewers == one.viewers), None)
            if same and other is not row and same.cpu_percent:
                ratio = one.cpu_percent / same.cpu_percent
                found.append(Figure(f"{name}: CPU per viewer, as a ratio to {beside}", round(ratio, 2)))
        for n, seen in enumerate(row.seen):
            name = f"{row.name}, browser {n}"
            found += [
                Figure(f"{name}: frames decoded", seen.frames_per_s, "a second"),
                Figure(f"{name}: first frame", seen.first_ms, "ms"),
                Figure(f"{name}: packets lost", seen.lost),
                Figure(f"{name}: places of the bar seen", seen.places),
            ]
        if (busy := row.busy) is not None:
            name = f"{row.name}, {busy.viewers} viewer(s), rate raised"
            found += [
                Figure(f"{name}: packets forwarded per second per core", round(busy.per_core)),
                Figure(f"{name}: CPU per packet", busy.packet_us, "µs"),
                Figure(f"{name}: rate", busy.speed, "× live"),
                Figure(f"{name}: packets a second", round(busy.per_s)),
                Figure(f"{name}: cores", busy.cpu),
            ]
            if other and other.busy and other is not row:
                ratio = busy.per_core / other.busy.per_core
                found.append(Figure(f"{name}: packets per core, as a ratio to {beside}", round(ratio, 2)))
    return found


def _cells(row: Row, one: Live) -> list[str]:
    busy = row.busy if row.busy and row.busy.viewers == one.viewers else None
    return [
        str(one.viewers), number(one.viewer_percent), number(one.p50_ms), number(one.p99_ms),
        number(one.memory_b / one.viewers / 1_024), number(one.lost),
        NO_SUCH_THING if busy is None else f"{busy.per_core:,.0f}",
        NO_SUCH_THING if busy is None else number(busy.packet_us),
    ]  # fmt: skip
