"""An order after the fact on paper: the one file that knows ReportLab.

It carries its letters, from a font of this machine (`fonts.py`). Where there is none it names STSong-Light, which
readers of PDF have for Chinese or can get, and says so.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

from fusioncmd import api, ids
from gateways.console import fonts
from gateways.console.after import After
from gateways.console.shapes import encoded

FONT, UNEMBEDDED = "fusioncmd", "STSong-Light"
_ONE_AT_A_TIME = Lock()  # the font has the letters of one document
_OWN_LETTERS = frozenset(Path(__file__).read_text("utf-8"))  # all that this file can write are among them
_BODY = ParagraphStyle("body", fontName=FONT, fontSize=9.5, leading=14, wordWrap="CJK")
_HEAD = ParagraphStyle("head", parent=_BODY, fontSize=12, leading=18, spaceBefore=10)
_TITLE = ParagraphStyle("title", parent=_BODY, fontSize=17, leading=24)
_STAGES = {"silent": "未答复", "unreachable": "失联", "sent": "已送达", "received": "已收到"}
_RULED = [("FONT", (0, 0), (-1, -1), FONT, 9), ("LINEBELOW", (0, 0), (-1, -1), 0.3, colors.lightgrey)]


def pdf_of(after: After, chinese: bool) -> bytes:
    """A4 pages, in Chinese or in English. It takes seconds: nothing for an event loop."""
    order, out = after.tally.line.order, io.BytesIO()
    with _ONE_AT_A_TIME:
        is_carried = _register_font(after)
        story = _story(after, chinese)
        if not is_carried:
            story.insert(1, Paragraph(fonts.ABSENT[chinese], _BODY))
        title = ids.to_text(order.id)
        SimpleDocTemplate(out, pagesize=A4, margin=18 * mm, title=title, author=order.issuer).build(story)
    return out.getvalue()


def _register_font(after: After) -> bool:
    """Under the name FONT, with every letter of `after`. False where the machine has none to carry."""
    path = fonts.installed()
    if path is None:
        font = UnicodeCIDFont(UNEMBEDDED)
        font.fontName = font.name = FONT
        pdfmetrics.registerFont(font)
        return False
    data = fonts.font_for(_OWN_LETTERS | set(encoded(after).decode()), path)
    pdfmetrics.registerFont(TTFont(FONT, io.BytesIO(data)))
    return True


def _story(after: After, chinese: bool) -> list[Flowable]:
    def say(en: str, zh: str) -> str:
        return zh if chinese else en

    order, total = after.tally.line.order, after.tally.total
    actual = order.status == "actual"
    mode = say("ACTUAL", "实战") if actual else say("EXERCISE", "演练")
    story: list[Flowable] = [
        Paragraph(say("After-action report", "叫应总结") + f" · {mode}", _TITLE),
        Paragraph(f"{ids.to_text(order.id)} · {_at(order.issued_ms)} · {escape(order.issuer)}", _BODY),
        Paragraph(escape(order.text), ParagraphStyle("order", parent=_BODY, fontSize=12, leading=18, spaceBefore=6)),
        Paragraph(f"{escape(total.name)} {total.code}", _HEAD),
        _table([
            (say("meant", "应到"), say("received", "已收到"), say("answered", "已答复"), say("reported", "已报告"),
             say("silent", "未答复"), say("unreachable", "失联")),
            _figures(total),
        ]),
    ]  # fmt: skip
    story += _speed(after, chinese)
    if after.slowest:
        head = (say("place", "地点"), say("meant", "应到"), say("answered", "已答复"), say("silent", "未答复"),
                say("unreachable", "失联"))  # fmt: skip
        rows = [(r.name, f"{r.targeted:,}", f"{r.answered:,}", f"{r.silent:,}", f"{r.unreachable:,}")
                for r in after.slowest]  # fmt: skip
        story += [Paragraph(say("Most left to answer", "未答复最多的地点"), _HEAD), _table([head, *rows])]
    story += _people(after, chinese)
    story += [Paragraph(say("Timeline", "时间线"), _HEAD), _table(_timeline(after.timeline, chinese))]
    return [*story, *_said(after, say("Reports", "报告"))]


def _speed(after: After, chinese: bool) -> list[Flowable]:
    """After how long shares of those who are meant had received and answered, of the place and right below it."""
    rows = after.course.rows
    if not rows:
        return []
    head, fast = [str(q.percent) + " %" for q in rows[0].quantiles], []
    for title, field in (("收到用时", "received_ms") if chinese else ("Received after", "received_ms"),
                         ("答复用时", "answered_ms") if chinese else ("Answered after", "answered_ms")):  # fmt: skip
        lines = [(row.name, *(_span(getattr(q, field)) for q in row.quantiles)) for row in rows]
        fast += [Paragraph(title, _HEAD), _table([("地点" if chinese else "place", *head), *lines])]
    return fast


def _people(after: After, chinese: bool) -> list[Flowable]:
    people, total = after.silent.people, after.silent.total
    if not people:
        return []
    shown = "" if len(people) == total else f"，列出 {len(people):,} 人" if chinese else f", {len(people):,} listed"
    title = f"始终未答复 {total:,} 人" if chinese else f"Never answered: {total:,}"
    stages = [_STAGES.get(p.stage, p.stage) if chinese else p.stage for p in people]
    rows = [(p.name, p.phone, p.place_name, stage) for p, stage in zip(people, stages, strict=True)]
    return [Paragraph(title + shown, _HEAD), _table(rows)]


def _said(after: After, title: str) -> list[Flowable]:
    lines = [
        Paragraph(
            f"{_at(line.report.at_ms)} · {escape(line.person.name)} · {escape(line.person.place_name)}<br/>"
            f"{escape(line.report.text)}",
            _BODY,
        )
        for line in after.reports.lines
    ]
    spaced = [flowable for line in lines for flowable in (line, Spacer(1, 2 * mm))]
    return [Paragraph(f"{title} ({after.reports.total:,})", _HEAD), *spaced] if lines else []


def _timeline(lines: Iterable[api.OrderLine], chinese: bool) -> list[tuple[object, ...]]:
    kinds = {"alert": ("call", "叫应"), "update": ("correction", "更正"), "cancel": ("cancel", "取消")}
    return [
        (_at(line.order.issued_ms), kinds[line.order.msg_type][chinese],
         Paragraph(escape(line.order.issuer), _BODY), Paragraph(escape(line.order.text), _BODY))
        for line in lines
    ]  # fmt: skip


def _table(rows: Sequence[Sequence[object]]) -> Table:
    return Table([list(row) for row in rows], hAlign="LEFT", style=_RULED, repeatRows=0)


def _figures(row: api.Row) -> tuple[str, ...]:
    counts = (row.targeted, row.received, row.answered, row.reported, row.silent, row.unreachable)
    return tuple(f"{count:,}" for count in counts)


def _span(ms: int | None) -> str:
    return "—" if ms is None else f"{ms / 1000:.1f} s" if ms < 120_000 else f"{ms // 60_000} min {ms // 1000 % 60} s"


def _at(ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ms / 1000))
