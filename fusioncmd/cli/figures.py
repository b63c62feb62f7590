"""How figures are shown: shares, bars, speed, and words that mean the same everywhere. Pure: counts in, text out.

A share says 100 % only when it is all and 0 % only when it is none, and a bar is full only when nobody is missing:
rounding must never tell a commander that a town is complete.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence

from rich.text import Text

from fusioncmd import api
from fusioncmd.messages import MsgType, Status
from fusioncmd.words import say

SPEED_OVER_MS = 5_000
# Yellow and red stay free: they say silent and unreachable.
ANSWER_STYLES = ("green", "magenta", "cyan", "blue", "bright_green", "bright_magenta", "bright_cyan", "bright_blue")
SILENT_STYLE, UNREACHABLE_STYLE = "yellow", "red"
ANSWERED_CELL, SILENT_CELL, UNREACHABLE_CELL = "█", "░", "·"
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")

Segment = tuple[int, str, str]  # how many people, the cell that stands for them, its style


def plain(text: str) -> str:
    """`text` on one line, without what could move the cursor, colour the screen or turn the reading direction."""
    return _UNPRINTABLE.sub(" ", text)


class Speed:
    """How fast an order moves: readings of one place over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int, int]] = deque()

    def update(self, now_ms: int, received: int, answered: int) -> tuple[float, float]:
        """Received and answered a second, from this reading and those of the last five seconds."""
        if self._seen and now_ms < self._seen[-1][0]:
            self._seen.clear()  # the node's clock was set back
        self._seen.append((now_ms, received, answered))
        while now_ms - self._seen[0][0] > SPEED_OVER_MS:
            self._seen.popleft()
        then_ms, then_received, then_answered = self._seen[0]
        if now_ms == then_ms:
            return 0.0, 0.0
        passed_s = (now_ms - then_ms) / 1000
        return max(received - then_received, 0) / passed_s, max(answered - then_answered, 0) / passed_s


def share(part: int, whole: int) -> str:
    """A percentage, or a dash of nothing."""
    if not whole:
        return "–"
    if part == whole or not part:
        return f"{100 * part // whole}%"
    return f"{min(max(100 * part / whole, 0.1), 99.9):.1f}%"


def missing(row: api.Row) -> int:
    """Who has not done what the order asks: to answer it or, where it offers no answer, to receive it."""
    return row.targeted - (row.answered if row.by_answer else row.received)


def waiting(row: api.Row) -> int:
    """Those missing who can be reached."""
    return missing(row) - row.unreachable


def segments(row: api.Row) -> list[Segment]:
    """Everyone who is meant, once: who did what is asked (by answer), who can be reached and did not, the rest."""
    answered = [(n, ANSWERED_CELL, ANSWER_STYLES[i]) for i, n in enumerate(row.by_answer)]
    return [
        *(answered or [(row.received, ANSWERED_CELL, ANSWER_STYLES[0])]),
        (waiting(row), SILENT_CELL, SILENT_STYLE),
        (row.unreachable, UNREACHABLE_CELL, UNREACHABLE_STYLE),
    ]


def bar(parts: Sequence[Segment], whole: int, cells: int) -> Text:
    """`parts` of `whole` as so many cells. Each starts where the one before ends, rounded down."""
    text, used, total = Text(), 0, 0
    for part, cell, style in parts:
        total += part
        upto = min(cells * total // whole, cells) if whole else 0
        text.append(cell * (upto - used), style)
        used = upto
    return text.append(" " * (cells - used))


def mode_words(status: Status) -> str:
    return say("ACTUAL", "实战") if status == "actual" else say("EXERCISE", "演练")


def mode_style(status: Status) -> str:
    return "bold white on red" if status == "actual" else "bold white on blue"


def mode_text(status: Status) -> Text:
    """Actual and exercise differ in words and colour wherever an order is shown."""
    return Text(f" {mode_words(status)} ", mode_style(status))


def state_words(state: api.OrderState) -> str:
    return {
        "open": say("open", "有效"), "replaced": say("replaced", "已替换"),
        "cancelled": say("cancelled", "已取消"), "expired": say("expired", "已过期"),
        "revoked": say("key revoked", "密钥已撤销"),
    }[state]  # fmt: skip


def kind_words(kind: MsgType) -> str:
    return {"alert": say("call", "叫应"), "update": say("update", "更新"), "cancel": say("cancel", "取消")}[kind]


def stage_text(person: api.Person) -> Text:
    """The answer that a person gave, or how far the order came."""
    if person.answer:
        return Text(plain(person.answer), ANSWER_STYLES[0])
    if person.on_behalf:
        return Text(say("on behalf: ", "代答：") + plain(person.on_behalf), SILENT_STYLE)
    words = {
        "targeted": say("not sent yet", "未下发"), "sent": say("sent", "已发送"), "received": say("received", "已接收"),
        "answered": say("answered", "已答复"), "reported": say("reported", "已报告"), "silent": say("silent", "未答"),
        "unreachable": say("unreachable", "不可达"),
    }  # fmt: skip
    style = UNREACHABLE_STYLE if person.stage == "unreachable" else SILENT_STYLE
    return Text(words.get(person.stage, plain(person.stage)), style)


def places_first(rows: Iterable[api.Row], worst: bool) -> list[api.Row]:
    """The places where somebody is meant: in code order, or those with the largest share missing first."""
    meant = [row for row in rows if row.targeted]
    if worst:
        return sorted(meant, key=lambda row: (-missing(row) / row.targeted, -row.targeted, row.code))
    return sorted(meant, key=lambda row: row.code)


def packed(pieces: Sequence[Text], width: int, gap: str = "   ") -> list[Text]:
    """`pieces` side by side on as few lines as `width` allows; one too long for a line is cut."""
    lines: list[Text] = []
    for piece in pieces:
        if lines and lines[-1].cell_len + len(gap) + piece.cell_len <= width:
            lines[-1].append(gap).append_text(piece)
        else:
            first = piece.copy()
            first.truncate(width, overflow="ellipsis")
            lines.append(first)
    return lines
