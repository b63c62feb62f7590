"""How counts are shown: the table of an order, its header, shares and speed. Pure: replies in, renderables out."""

from __future__ import annotations

from collections import deque

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fusioncmd import api, ids
from fusioncmd.messages import Order, Status
from fusioncmd.words import say

BAR_CELLS = 12
SPEED_OVER_MS = 5_000
ANSWER_STYLES = ("green", "yellow", "cyan", "magenta", "blue", "red", "white", "bright_black")


class Speed:
    """Answers a second over the last moments."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int, int]] = deque()

    def update(self, now_ms: int, received: int, answered: int) -> tuple[float, float]:
        """Received and answered per second, from this reading and those of the last five seconds."""
        self._seen.append((now_ms, received, answered))
        while now_ms - self._seen[0][0] > SPEED_OVER_MS:
            self._seen.popleft()
        then_ms, then_received, then_answered = self._seen[0]
        passed_s = max(now_ms - then_ms, 1) / 1000
        return (received - then_received) / passed_s, (answered - then_answered) / passed_s


def share(part: int, whole: int) -> str:
    """A percentage that says 100 only when it is all, and 0 only when it is nothing."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    if part == whole or not part:
        return f"{percent:.0f}%"
    return f"{min(max(percent, 0.1), 99.9):.1f}%"


def bar(parts: list[tuple[int, str]], whole: int, cells: int = BAR_CELLS) -> Text:
    """Parts of `whole` as coloured cells; what is left is dim."""
    text, used, total = Text(), 0, 0
    for part, style in parts:
        total += part
        upto = round(cells * total / whole) if whole else 0
        text.append("█" * (upto - used), style)
        used = upto
    text.append("░" * (cells - used), "dim")
    return text


def mode_text(status: Status) -> Text:
    """Actual and exercise differ in words and colour wherever an order is shown."""
    if status == "actual":
        return Text(say(" ACTUAL ", " 实战 "), "bold white on red")
    return Text(say(" EXERCISE ", " 演练 "), "bold white on blue")


def header(reply: api.TallyReply) -> Text:
    order, line = reply.line.order, reply.line
    text = mode_text(order.status)
    states = {
        "open": say("open", "有效"), "replaced": say("replaced", "已替换"),
        "cancelled": say("cancelled", "已取消"), "expired": say("expired", "已过期"),
    }  # fmt: skip
    text.append(f" {states[line.state]} ", "bold" if line.state == "open" else "bold yellow")
    text.append(f" {ids.to_text(order.id)}  ", "dim")
    text.append(order.text.replace("\n", " "))
    age_s = max(reply.now_ms - order.issued_ms, 0) // 1000
    text.append(say(f"\n{_clock(age_s)} old · ", f"\n已发出 {_clock(age_s)} · "), "dim")
    text.append(_deadline(say("receive", "接收"), order.receive_within_s, age_s))
    text.append(" · ", "dim")
    text.append(_deadline(say("answer", "答复"), order.answer_within_s, age_s))
    return text


def table(reply: api.TallyReply, speed: tuple[float, float] | None = None, worst_first: bool = False) -> RenderableType:
    """One row per place below, and the total."""
    order = reply.line.order
    grid = Table(expand=False, pad_edge=False, header_style="dim", show_footer=bool(reply.below))
    total = reply.total
    grid.add_column(say("place", "地点"), total.name, footer_style="bold", no_wrap=True)
    for head, count in (
        (say("meant", "对象"), total.targeted), (say("sent", "已发"), total.sent),
        (say("received", "已收"), total.received), (say("answered", "已答"), total.answered),
    ):  # fmt: skip
        grid.add_column(head, f"{count:,}", justify="right", footer_style="bold", no_wrap=True)
    grid.add_column("", share(total.answered, total.targeted), justify="right", footer_style="bold", no_wrap=True)
    grid.add_column("", _bar(total), no_wrap=True)
    for i, answer in enumerate(order.answers):
        style = ANSWER_STYLES[i]
        grid.add_column(
            Text(answer, style), f"{total.by_answer[i]:,}", justify="right", footer_style="bold", max_width=14
        )
    grid.add_column(say("silent", "未答"), f"{total.silent:,}", justify="right", footer_style="bold", no_wrap=True)
    grid.add_column(
        say("unreachable", "不可达"), f"{total.unreachable:,}", justify="right", footer_style="bold", no_wrap=True
    )
    rows = sorted(reply.below, key=_badness, reverse=True) if worst_first else reply.below
    for row in rows or (total,):
        if row.targeted or not reply.below:
            grid.add_row(*_cells(row, order))
    parts: list[RenderableType] = [header(reply), grid]
    if speed is not None:
        now = say("now", "当前速率")
        text = say(f"{now}: {speed[0]:,.0f} received/s · {speed[1]:,.0f} answered/s",
                   f"{now}：已收 {speed[0]:,.0f}/秒 · 已答 {speed[1]:,.0f}/秒")  # fmt: skip
        parts.append(Text(text, "dim"))
    if reply.outside:
        warning = say("people outside the audience sent receipts", "名对象之外的人员发来回执")
        parts.append(Text(f"{reply.outside:,} {warning}", "bold yellow"))
    return Group(*parts)


def _cells(row: api.Row, order: Order) -> list[RenderableType]:
    def count(number: int, style: str = "") -> Text:
        return Text(f"{number:,}", style if number else "dim")

    cells: list[RenderableType] = [
        row.name, count(row.targeted), count(row.sent), count(row.received), count(row.answered),
        share(row.answered, row.targeted), _bar(row),
    ]  # fmt: skip
    cells += [count(n, ANSWER_STYLES[i]) for i, n in enumerate(row.by_answer)]
    return [*cells, count(row.silent, "yellow"), count(row.unreachable, "red")]


def _bar(row: api.Row) -> Text:
    return bar([(n, ANSWER_STYLES[i]) for i, n in enumerate(row.by_answer)], row.targeted)


def _badness(row: api.Row) -> float:
    return (row.silent + row.unreachable) / row.targeted if row.targeted else -1.0


def _deadline(what: str, within_s: int, age_s: int) -> Text:
    left_s = within_s - age_s
    if left_s >= 0:
        return Text(say(f"{what} within {_clock(left_s)}", f"{what}剩余 {_clock(left_s)}"), "dim")
    return Text(say(f"{what} overdue by {_clock(-left_s)}", f"{what}超时 {_clock(-left_s)}"), "red")


def _clock(total_s: int) -> str:
    hours, rest = divmod(total_s, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
