"""What was measured, over either link, and what is aimed at. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.table import Table
from rich.text import Text

from fusioncmd.words import say
from loadtest.output import Result, number

Measured = dict[str, float]  # by the names below
NEVER = float("inf")  # it did not come within the time that is waited


class Row(NamedTuple):
    """`aim`: not more than that, or with `least`, not less; None: it is measured, and nothing is aimed at but that it
    comes at all. Aims are the satellite gateway's; the leaf connection stands beside it."""

    name: str
    zh: str
    unit: str
    aim: float | None = None
    least: bool = False


ROWS = (
    Row("order of 300 bytes shown, p50", "300 字节指令到达终端 p50", "s"),
    Row("order of 300 bytes shown, p95", "300 字节指令到达终端 p95", "s", 1.2),
    Row("answers back in the tally, p50", "答复计入统计 p50", "s"),
    Row("answers back in the tally, p95", "答复计入统计 p95", "s", 1.5),
    Row("orders that came, of those issued", "送达指令占比", "%", 100.0, True),
    Row("voice lost or 1 s late, beyond the link's", "话音丢失或迟到超过 1 秒（不计链路自身丢包）", "%", 2.0),
    Row("voice, mouth to ear, p95", "话音时延 p95", "s"),
    Row("clip uploaded meanwhile", "同时上传的片段", "B/s"),
    Row("after the outage: first order shown", "中断恢复后首条指令到达终端", "s", 1.5),
    Row("after the outage: 95 % of rate in use", "中断恢复后用足 95% 速率", "s", 5.0),
    Row("after 72 hours: both ends agree", "72 小时后两端一致", "s", 30.0),
    Row("after 72 hours: differences left", "72 小时后余留差异", "", 0.0),
    Row("after 72 hours: bytes, both ways", "72 小时后双向字节", "B"),
    Row("joining: order at the kit's node, p50", "首次接入期间指令到达便携站 p50", "s"),
    Row("joining: order at the kit's node, p95", "首次接入期间指令到达便携站 p95", "s", 1.5),
    Row("joining: roster of 4,000 people there", "首次接入：4,000 人名册到齐", "s"),
    Row("joining: bytes, down", "首次接入：下行字节", "B"),
    Row("bytes at idle, per hour", "空闲每小时字节", "B"),
    Row("bytes per order", "每条指令字节", "B"),
    Row("bytes per receipt batch, with answers", "每条指令回执与答复字节", "B"),
    Row("bytes per position, 1 vehicle", "每个位置字节（1 车）", "B"),
    Row("bytes per position, 20 vehicles", "每个位置字节（20 车）", "B"),
    Row("of a position a second came, 1 vehicle", "送达位置占比（1 车，每秒一次）", "%"),
    Row("of a position a second came, 20 vehicles", "送达位置占比（20 车，每秒一次）", "%"),
    Row("change of path: voice lost", "换路期间话音丢失", "ms", 200.0),
    Row("change of path: bytes of the clip lost", "换路期间片段丢失", "B", 0.0),
    Row("change of path: after it is possible", "换路用时", "s"),
    Row("the path is cut: voice lost", "路径中断期间话音丢失", "ms"),
    Row("the path is cut: orders lost", "路径中断期间指令丢失", "", 0.0),
)  # fmt: skip


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest rank; NEVER of none."""
    if not values:
        return NEVER
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def by_rank(given_s: Sequence[float], counted: Sequence[tuple[float, int]], everyone: int) -> list[float]:
    """How long each answer took: the nth that was given, to when so many were counted. `counted`: moments, and how
    many there were by then. NEVER for those that were not."""
    found, counts, at = [], iter(counted), (NEVER, 0)
    for rank, moment in enumerate(sorted(given_s), start=1):
        while at[1] < rank:
            at = next(counts, (NEVER, everyone + 1))
        found.append(max(0.0, at[0] - moment))
    return found + [NEVER] * (everyone - len(found))


def first_full_s(samples: Sequence[tuple[float, int]], bps: float, span_s: float = 1.0) -> float:
    """When, by samples of (s, bytes so far), a span of `span_s` first carried so much; since the first sample."""
    for (begin_s, begin), (end_s, end) in _spans(samples, span_s):
        if (end - begin) * 8 >= bps * (end_s - begin_s):
            return end_s - samples[0][0]
    return NEVER


def _spans(
    samples: Sequence[tuple[float, int]], span_s: float
) -> Sequence[tuple[tuple[float, int], tuple[float, int]]]:
    found, begin = [], 0
    for end in range(len(samples)):
        while begin + 1 < end and samples[end][0] - samples[begin + 1][0] >= span_s:
            begin += 1
        if samples[end][0] - samples[begin][0] >= span_s:
            found.append((samples[begin], samples[end]))
    return found


def holds(row: Row, value: float) -> bool:
    if row.aim is None:
        return value != NEVER
    return value >= row.aim if row.least else value <= row.aim


def tell(result: Result, measured: dict[str, Measured]) -> None:
    """Into `result`: each figure, the table, and a sentence for each aim that is missed."""
    assert {name for each in measured.values() for name in each} <= {row.name for row in ROWS}
    grid = Table(box=None, pad_edge=False, header_style="dim")
    grid.add_column("")
    for over in measured:
        grid.add_column(over, justify="right")
    for head in ("", say("aim", "目标"), ""):
        grid.add_column(head, justify="right")
    for row in ROWS:
        if not any(row.name in each for each in measured.values()):
            continue
        own = measured.get("satellite", {}).get(row.name)
        good = own is not None and holds(row, own)
        for over, each in measured.items():
            if row.name in each:
                result.add(f"{over}: {row.name}", _plain(each[row.name]), row.unit)
        if own is not None and not good:
            aimed = "" if row.aim is None else f" {row.unit}, and the aim is {_told(row.aim)}"
            result.failures.append(f"{row.name}: {_told(own)}{aimed}.")
        mark = Text("") if row.aim is None or own is None else Text("✓", "green") if good else Text("✗", "bold red")
        cells = [_told(each.get(row.name)) for each in measured.values()]
        aim = "" if row.aim is None else f"{'≥' if row.least else '≤'} {_told(row.aim)}"
        grid.add_row(say(row.name, row.zh), *cells, row.unit, aim, mark)
    result.grid = grid


def _plain(value: float) -> float | str:
    return "never" if value == NEVER else round(value, 3)


def _told(value: float | None) -> str:
    if value is None:
        return ""
    return say("never", "未达") if value == NEVER else number(int(value) if value == int(value) else value)
