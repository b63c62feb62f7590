"""What stands in a short message, and how it is cut into parts. Pure.

UCS-2: 70 characters in one part, 67 in each of several (3GPP TS 23.040, 9.2.3.24.1: six bytes say which part of what).
"""

from __future__ import annotations

from fusioncmd.ladder.replies import tag_of
from fusioncmd.ladder.wire import Notice

SINGLE_BYTES, PART_BYTES = 140, 134
PARTS_MAX = 8
MARKS = {"actual": "【叫应】", "exercise": "【演练】"}


def words(notice: Notice) -> str:
    """Mode, text, how to answer, and the tag that tells this order apart. A text that is too long is cut, the rest
    never: what people are to answer must be readable."""
    tag = tag_of(notice.order)
    choices = " ".join(f"{i}={answer}" for i, answer in enumerate(notice.answers, start=1))
    tail = f" 回复：{choices}（可附编号 {tag}）" if choices else f"（编号 {tag}）"
    room = PARTS_MAX * PART_BYTES // 2 - _units(MARKS[notice.status] + tail)
    text = notice.text
    if _units(text) > room:
        while _units(text) > room - 1:
            text = text[:-1]
        text += "…"
    return MARKS[notice.status] + text + tail


def parts(text: str, reference: int) -> list[bytes]:
    """The short messages, each with its header where there are several; no character is cut in two."""
    whole = text.encode("utf-16-be", "replace")
    if len(whole) <= SINGLE_BYTES:
        return [whole]
    cut: list[bytes] = [b""]
    for character in text:
        unit = character.encode("utf-16-be", "replace")
        if len(cut[-1]) + len(unit) > PART_BYTES:
            cut.append(b"")
        cut[-1] += unit
    return [bytes((5, 0, 3, reference & 0xFF, len(cut), i)) + part for i, part in enumerate(cut, start=1)]


def _units(text: str) -> int:
    """UTF-16 units: what counts in a short message."""
    return len(text.encode("utf-16-be", "replace")) // 2
