"""What fits into a short message: fields and their bits, and how many answers of how large a town. Pure.

Nothing is estimated: each figure is the size of a message that is really written (order_codes.py, answer_maps.py,
reports.py), with the text and answers that its line names.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from fusioncmd.exchange.evidence import ANSWERS_AT, NOTHING, RECEIVED_AT
from fusioncmd.lastline import answer_maps, bounds, frames, order_codes, smalltext
from fusioncmd.lastline.answer_maps import Section
from fusioncmd.lastline.order_codes import Meant, OrderCode

PLACE = "440106001"
PEOPLE_MAX = 1 << 14
THIN_BPS = 64_000
GOLDEN = 0.6180339887498949
SHARES: tuple[tuple[str, str, tuple[float, ...]], ...] = (
    # of the people: who gave the first answer, the second …; and last, who only received
    ("one answer, given by half", "单一答复，半数已答", (0.5, 0.0)),
    ("one answer, given by 9 of 10", "单一答复，九成已答", (0.9, 0.0)),
    ("80 % first, 10 % second, 10 % silent", "八成选一、一成选二、一成未答", (0.8, 0.1, 0.0)),
    ("60 % first, 20 % second, 10 % only received", "六成选一、两成选二、一成仅收到", (0.6, 0.2, 0.1)),
    ("two answers and silence, a third each", "两种答复与未答各三分之一", (1 / 3, 1 / 3, 0.0)),
    ("three answers and silence, a quarter each", "三种答复与未答各四分之一", (0.25, 0.25, 0.25, 0.0)),
)


@dataclass(frozen=True, slots=True)
class Field:
    en: str
    zh: str
    bits: int


def order_fields() -> tuple[Field, ...]:
    """An order by a template with a place of four characters and a number, to everybody at the node that is told."""
    plain = OrderCode(
        bytes(bounds.SHORT_ID_BYTES), 0, receive_within_s=120, answer_within_s=600, open_s=86_400,
        meant=Meant((PLACE,)), template=2, digest=1, values=("五山小学", "30"),
    )  # fmt: skip
    whole = order_codes.write(plain, PLACE).count
    values = 3 + (1 + smalltext.size("五山小学")) + (1 + 5 + 4)
    seconds = whole - values - (8 * bounds.SHORT_ID_BYTES + bounds.MINUTES_BITS + 2 + 3 + 1 + 1 + 8 + 16 + 1 + 1)
    return (
        Field("version, kind, counter", "版本、类别、序号", frames.HEAD_BITS),
        Field("the order's short id", "指令短编号", 8 * bounds.SHORT_ID_BYTES),
        Field("minute in which it was issued", "下达时间（分）", bounds.MINUTES_BITS),
        Field("cancel or not, exercise or actual, severity", "取消与否、演练或实战、严重程度", 5),
        Field("deadlines: to receive, to answer, open", "接收、答复、有效期限", seconds),
        Field("everybody at the place (else 43 or less a place, 16 a role)", "全体（否则每地点至多 43、每职责 16）", 1),
        Field("template, of its digest, language, its answers", "模板编号、摘要、语言、答复", 1 + 8 + 16 + 1 + 1),
        Field("values: a place of four characters, a number", "填写项：四字地名与一个数", values),
        Field("HMAC-SHA-256, cut", "HMAC-SHA-256 截断", bounds.MAC_BITS),
    )


def text_that_fits(bits: int) -> tuple[int, int]:
    """Chinese characters, and letters, of an order's own text with two answers, such as 安全 and 需要帮助."""
    room = frames.room(bits)
    code = OrderCode(
        bytes(bounds.SHORT_ID_BYTES), 0, receive_within_s=120, answer_within_s=600, open_s=86_400,
        meant=Meant((PLACE,)), answers=("安全", "需要帮助"),
    )  # fmt: skip
    left = room - order_codes.write(code, PLACE).count + smalltext.HEAD_BITS
    return len(smalltext.fitted("汛" * 2_000, left)), len(smalltext.fitted("x" * 2_000, left))


def town(people: int, shares: tuple[float, ...]) -> Section:
    """A town of so many, of whom these shares gave each answer, and the last share only received. Who did what is mixed
    well (by the golden ratio): nothing is saved by neighbours that say the same."""
    rungs = [*(ANSWERS_AT + at for at in range(len(shares) - 1)), RECEIVED_AT]
    ends = [*accumulate(shares)]
    value = list(NOTHING)
    for slot in range(people):
        at = bisect_right(ends, slot * GOLDEN % 1)
        if at < len(rungs):
            value[rungs[at]] |= 1 << slot
    return Section(None, 1, 0, people, tuple(value))


def messages(people: int, shares: tuple[float, ...], bits: int) -> int:
    """How many messages of `bits` say what such a town answered."""
    return len(answer_maps.pack(bytes(bounds.SHORT_ID_BYTES), [town(people, shares)], frames.room(bits)))


@lru_cache
def people_that_fit(shares: tuple[float, ...], bits: int) -> int:
    """The largest town whose answers one message holds."""
    room, low, high = frames.room(bits) - answer_maps.ID_BITS, 0, PEOPLE_MAX
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if answer_maps.size_of(town(middle, shares)) <= room else (low, middle - 1)
    return low
