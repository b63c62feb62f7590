"""How one order is shown: a strip in the colour of its mode, where it stands, and a table of the places below. Pure.

The strip is white on red for an actual order and white on blue for an exercise and says so in words, so that one can
never be taken for the other, in colour or without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fusioncmd import api, ids
from fusioncmd.cli.browse import window
from fusioncmd.cli.columns import GAP_CELLS, Column, columns, width_of
from fusioncmd.cli.cut_lines import cut_lines
from fusioncmd.cli.durations import clock
from fusioncmd.cli.figures import (
    ANSWER_STYLES,
    ANSWERED_CELL,
    SILENT_CELL,
    SILENT_STYLE,
    UNREACHABLE_CELL,
    UNREACHABLE_STYLE,
    bar,
    kind_words,
    missing,
    mode_style,
    mode_words,
    packed,
    places_first,
    plain,
    segments,
    share,
    state_words,
    waiting,
)
from fusioncmd.cli.step_lines import step_lines
from fusioncmd.words import either, say

ROWS_MIN = 3
FIXED_LINES = 3  # column heads, total, footer


@dataclass(frozen=True, slots=True)
class Screen:
    """What the view is drawn on. Without `height` everything is shown; with it, the rows around the cursor."""

    width: int
    height: int | None = None
    cursor: int | None = None
    footer: str = ""


def tally_view(
    reply: api.TallyReply,
    screen: Screen,
    *,
    worst: bool = False,
    speed: tuple[float, float] | None = None,
    trouble: str = "",
) -> RenderableType:
    """The whole picture of `reply`. `trouble` says why these are not the figures of now."""
    rows = places_first(reply.below, worst)
    foot = _foot(reply, trouble)
    head = _head(reply, screen, speed, len(foot) + FIXED_LINES + min(ROWS_MIN, len(rows)))
    start, end = 0, len(rows)
    if screen.height is not None:
        room = screen.height - len(head) - len(foot) - FIXED_LINES
        start, end = window(len(rows), screen.cursor or 0, max(room, 0))
        shown = say(f"{start + 1}–{end} of {len(rows)}   ", f"{start + 1}–{end} / {len(rows)}   ") if rows else ""
        foot.append(Text(shown + screen.footer, "dim", no_wrap=True, overflow="ellipsis"))
    return Group(*head, _table(reply, rows, (start, end), screen), *foot)


def _head(reply: api.TallyReply, screen: Screen, speed: tuple[float, float] | None, below: int) -> list[Text]:
    """What stands over the table: all of it, or on a low screen as much as leaves room for `below` lines."""
    strip, standing = _strip(reply, screen), _standing(reply, screen.width)
    total, legend = _sum(reply.total, screen.width, speed), _legend(reply, screen.width)
    heads = [
        [*strip, *standing, Text(""), *total, *legend, Text("")],
        [*strip, *standing, *total, *legend],
        [*strip, *standing[:1], *total],
        [*strip, *total[:1]],
        strip,
    ]
    return next((head for head in heads if screen.height is None or len(head) + below <= screen.height), strip)


def tally_line(reply: api.TallyReply, speed: tuple[float, float]) -> str:
    """One line for logs and pipes."""
    row, mode = reply.total, mode_words(reply.line.order.status)
    age = clock(max(reply.now_ms - reply.line.order.issued_ms, 0) // 1000)
    answers = say(", ", "、").join(
        f"{plain(a)} {n:,}" for a, n in zip(reply.line.order.answers, row.by_answer, strict=False)
    )
    done = share(row.targeted - missing(row), row.targeted)
    name, rest = plain(row.name), f"{waiting(row):,}"
    if not answers:
        return say(
            f"{mode} {age}  {name}: {row.targeted:,} meant, {row.sent:,} sent, {row.received:,} received {done}, "
            f"{rest} waiting, {row.unreachable:,} unreachable; {speed[0]:,.0f} received/s",
            f"{mode} {age}  {name}：对象 {row.targeted:,}，已发 {row.sent:,}，已收 {row.received:,} {done}，"
            f"未收 {rest}，不可达 {row.unreachable:,}；{speed[0]:,.0f} 人/秒",
        )
    return say(
        f"{mode} {age}  {name}: {row.targeted:,} meant, {row.sent:,} sent, {row.received:,} received, "
        f"{row.answered:,} answered {done} ({answers}), {rest} silent, {row.unreachable:,} unreachable; "
        f"{speed[1]:,.0f} answers/s",
        f"{mode} {age}  {name}：对象 {row.targeted:,}，已发 {row.sent:,}，已收 {row.received:,}，"
        f"已答 {row.answered:,} {done}（{answers}），未答 {rest}，不可达 {row.unreachable:,}；{speed[1]:,.0f} 人/秒",
    )


def _strip(reply: api.TallyReply, screen: Screen) -> list[Text]:
    """One line, so that what is below stays in place; where nothing has to, all of a longer text after it."""
    order = reply.line.order
    words = [mode_words(order.status), *([] if order.msg_type == "alert" else [kind_words(order.msg_type)])]
    strip = Text(f" {' · '.join(words)}  {plain(order.text)}", mode_style(order.status))
    whole = [] if screen.height is not None or strip.cell_len <= screen.width else [Text(plain(order.text), "bold")]
    strip.truncate(screen.width, overflow="ellipsis", pad=True)
    return [strip, *whole]


def _standing(reply: api.TallyReply, width: int) -> list[Text]:
    order, row = reply.line.order, reply.total
    age_s = max(reply.now_ms - order.issued_ms, 0) // 1000
    is_open = reply.line.state == "open"
    pieces = [Text(say(f"{clock(age_s)} old", f"已发出 {clock(age_s)}"))]
    if order.msg_type != "cancel":  # a cancel is neither open nor over
        pieces.insert(0, Text(state_words(reply.line.state), "bold" if is_open else "bold yellow"))
    if is_open and order.msg_type != "cancel":
        pieces.append(_deadline(say("receive", "接收"), order.receive_within_s - age_s, row.targeted - row.received))
    if is_open and order.answers:
        pieces.append(_deadline(say("answer", "答复"), order.answer_within_s - age_s, row.targeted - row.answered))
    pieces.append(Text(say(f"by {plain(order.issuer)}", f"签发：{plain(order.issuer)}"), "dim"))
    pieces.append(Text(ids.to_text(order.id), "dim"))
    return packed(pieces, width)


def _deadline(what: str, left_s: int, missing: int) -> Text:
    if not missing:
        return Text(say(f"{what}: all did", f"{what}：全部完成"), "green")
    if left_s >= 0:
        return Text(say(f"{what}: {clock(left_s)} left", f"{what}剩余 {clock(left_s)}"))
    return Text(say(f"{what}: overdue {clock(-left_s)}", f"{what}超时 {clock(-left_s)}"), "bold red")


def _sum(row: api.Row, width: int, speed: tuple[float, float] | None) -> list[Text]:
    pieces = [
        Text(plain(row.name), "bold"),
        Text(say(f"{row.targeted:,} meant", f"对象 {row.targeted:,}"), "bold"),
        Text(say("sent ", "已发 ") + share(row.sent, row.targeted)),
        Text(say("received ", "已收 ") + share(row.received, row.targeted), "" if row.by_answer else "bold"),
    ]
    if row.by_answer:
        pieces.append(Text(say("answered ", "已答 ") + share(row.answered, row.targeted), "bold"))
    if speed is not None:
        pieces.append(Text(say(f"+{speed[0]:,.0f} received/s", f"接收 +{speed[0]:,.0f}/秒"), "dim"))
    if speed is not None and row.by_answer:
        pieces.append(Text(say(f"+{speed[1]:,.0f} answers/s", f"答复 +{speed[1]:,.0f}/秒"), "dim"))
    return [*packed(pieces, width), bar(segments(row), row.targeted, width)]


def _legend(reply: api.TallyReply, width: int) -> list[Text]:
    row, answers = reply.total, reply.line.order.answers

    def piece(cell: str, words: str, count: int, style: str) -> Text:
        return Text.assemble((cell, style), f" {words} ", (f"{count:,}", "bold"), f" {share(count, row.targeted)}")

    pieces = [
        piece(ANSWERED_CELL, f"{i + 1} {plain(answer)}", row.by_answer[i], ANSWER_STYLES[i])
        for i, answer in enumerate(answers)
    ] or [piece(ANSWERED_CELL, say("received", "已收"), row.received, ANSWER_STYLES[0])]
    waits = say("silent", "未答") if answers else say("waiting", "未收")
    pieces.append(piece(SILENT_CELL, waits, waiting(row), SILENT_STYLE))
    pieces.append(piece(UNREACHABLE_CELL, say("unreachable", "不可达"), row.unreachable, UNREACHABLE_STYLE))
    for count, en, zh in (
        (row.on_behalf, "answered on behalf", "人由他人代答"),
        (row.escalated, "with the superior", "人已转上级"),
    ):
        if count:
            pieces.append(Text(say(f"{count:,} {en}", f"{count:,} {zh}"), "bold yellow"))
    if row.reported:
        pieces.append(Text(say(f"{row.reported:,} reported", f"{row.reported:,} 人已报告"), "dim"))
    return packed(pieces, width)


def _foot(reply: api.TallyReply, trouble: str) -> list[Text]:
    foot: list[Text] = []
    if reply.outside:
        words = say("people outside the audience sent receipts; not counted", "名对象之外的人员发来回执，未计入")
        foot.append(Text(f"{reply.outside:,} {words}", "bold yellow"))
    foot += step_lines(reply.steps, reply.now_ms)
    foot += cut_lines(reply.cut, reply.now_ms)
    troubles = (*either(reply.problems, reply.problems_zh), *([trouble] if trouble else []))
    foot += [Text(plain(words), "bold red", no_wrap=True, overflow="ellipsis") for words in troubles]
    return foot


def _table(reply: api.TallyReply, rows: Sequence[api.Row], span: tuple[int, int], screen: Screen) -> Table:
    found = columns([reply.total, *rows], reply.line.order.answers, screen.width)
    grid = Table(box=None, padding=0, pad_edge=False, collapse_padding=True, header_style="", width=width_of(found))
    for i, column in enumerate(found):
        if i:
            grid.add_column("", width=GAP_CELLS)
        head = column.head.copy()
        grid.add_column(head, justify=column.justify, width=column.width, no_wrap=True, overflow="ellipsis")
    total = [Text(plain(reply.total.name)), *_cells(found, reply.total)[1:]]  # no token: one types those below
    grid.add_row(*total, style="bold")
    for i in range(*span):
        grid.add_row(*_cells(found, rows[i]), style="reverse" if i == screen.cursor else "")
    return grid


def _cells(found: Sequence[Column], row: api.Row) -> list[Text]:
    cells: list[Text] = []
    for i, column in enumerate(found):
        cells += [Text("")] * bool(i) + [column.cell(row)]
    return cells
