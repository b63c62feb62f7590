"""People as lines of a CSV file, and which standing a commander asks for. Pure.

A cell that a spreadsheet would run as a formula is made text by an apostrophe before it (OWASP, CSV Injection), also
where it begins with a full-width sign, which Excel takes for the plain one in Chinese and Japanese settings.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping

from fusioncmd import api
from fusioncmd.errors import BadInput

HEADINGS = ("number", "id", "name", "phone", "place", "place_name", "roles", "stage", "answer", "on_behalf")
BYTE_ORDER_MARK = "\ufeff"  # tells Excel that the file is UTF-8
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def csv_head() -> str:
    return BYTE_ORDER_MARK + ",".join(HEADINGS) + "\n"


def csv_lines(people: Iterable[api.Person]) -> str:
    """One line per person, under HEADINGS."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for p in people:
        cells = (p.id, p.name, p.phone, p.place, p.place_name, ";".join(p.roles), p.stage, p.answer, p.on_behalf)
        writer.writerow([p.number, *(neutral(cell) for cell in cells)])
    return text.getvalue()


def neutral(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def standing(flags: Mapping[api.Standing, bool], everyone: bool, answer: str) -> api.Standing:
    """The one standing asked for; everyone who is meant without any. An answer belongs to those who answered."""
    chosen = [name for name, given in flags.items() if given]
    if len(chosen) + everyone > 1 or (answer and (everyone or chosen not in ([], ["answered"]))):
        raise BadInput(
            "Choose one standing; --answer goes with --answered alone.",
            "只能选择一种状态；--answer 仅与 --answered 连用。",
        )
    if answer:
        return "answered"
    return chosen[0] if chosen else "targeted"


def answer_index(text: str, answers: tuple[str, ...]) -> int:
    """Which of `answers` a person means: its words, or its place from 1 on."""
    if text in answers:
        return answers.index(text)
    if text.isascii() and text.isdigit() and 1 <= int(text) <= len(answers):
        return int(text) - 1
    offered = ", ".join(f"{i} {answer}" for i, answer in enumerate(answers, start=1))
    if not offered:
        raise BadInput("That order offers no answers.", "该指令没有答复选项。")
    raise BadInput(
        f"{text[:40]!r} was not offered; the answers are: {offered}.", f"没有答复“{text[:40]}”，可选：{offered}。"
    )
