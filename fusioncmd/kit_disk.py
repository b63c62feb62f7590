"""How the disk of a kit is divided: one budget, and what is worth most keeps its room. Pure.

Four classes, each worth more than those after it: what orders need (orders, answers, trust, audit, rosters, ledger),
reports, pictures, recordings. A class takes room that those above it do not use now, and gives it back when they do:
recordings go first, the oldest of them; then pictures, the oldest of them; then new reports are refused, and orders
last. Orders, answers and reports that were accepted are never shed.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.messages import Code
from fusioncmd.room import DISK_ROOM_BYTES_MIN

BUDGET_BYTES_MIN = 512 * 1024**2  # reject: a kit with less has no room for a day of orders and reports
SPARE_PERCENT = 20  # of what there is, that recordings leave to the machine where nobody said how much they may take
ROOM_SHARE, ROOM_BYTES_MAX = 8, 1024**3  # orders may grow by budget / 8 before anything is asked to go for them
PICTURES_ROOM_SHARE = 32  # new pictures come in before old recordings have gone
REPORTS_FREE_BYTES_MIN = 32 * 1024**2  # reject reports: orders and answers may come still, until DISK_ROOM_BYTES_MIN
STEP_BYTES = 4 * 1024**2  # a bound is moved by so much at least, that streams are not told of each byte
COUNT_MAX = (1 << 53) - 1
Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
Full = Literal["", "reports", "orders"]

assert DISK_ROOM_BYTES_MIN < REPORTS_FREE_BYTES_MIN < limits.DISK_FREE_BYTES_MIN  # then recordings have gone


class Used(NamedTuple):
    """Bytes on the disk. `kept` is all that is nothing else: orders, answers and reports, which the ledger has."""

    kept: int
    pictures: int
    recordings: int


class Shares(NamedTuple):
    """What pictures and recordings may take now, in bytes. `full`: what is refused; orders: then reports, too."""

    pictures: int
    recordings: int
    full: Full


class DiskWord(Struct, frozen=True, array_like=True):
    """What the kit at `code` says of its disk to the tiers above: how many segments of recordings and parts of pictures
    were shed there, and what it refuses."""

    code: Code
    segments: Count = 0
    parts: Count = 0
    full: Full = ""


def divide(given: int, used: Used, free: int) -> Shares:
    """By what is worth most: a lower class has what those above leave, with room for them to grow. `given`: bytes for
    all of the kit; 0: what there is, of which recordings leave a part to the machine. `free`: bytes of the disk, which
    others may fill, too."""
    there = sum(used) + max(0, free - DISK_ROOM_BYTES_MIN)
    budget, spare = (min(given, there), 0) if given else (there, there * SPARE_PERCENT // 100)
    room = min(budget // ROOM_SHARE, ROOM_BYTES_MAX)
    pictures = min(limits.PICTURE_STREAM_BYTES_MAX, max(0, budget - used.kept - room))
    recordings = budget - spare - used.kept - room - min(used.pictures, pictures) - budget // PICTURES_ROOM_SHARE
    near = free < REPORTS_FREE_BYTES_MIN or (given > 0 and used.kept >= budget - room // 2)
    full: Full = "orders" if used.kept >= budget else "reports" if near else ""
    return Shares(pictures, max(0, recordings), full)


def moved(bound: int, wanted: int) -> bool:
    """Whether a bound is told anew: smaller at once, larger by steps."""
    return wanted < bound or wanted >= bound + STEP_BYTES


def sentence_of(word: DiskWord, own: bool) -> tuple[str, str]:
    """In English and Chinese; `own`: of the node that is asked, else of one below it."""
    en, zh = [], []
    if word.full == "orders":
        en.append("it takes no order and no report any more: make room on its disk")
        zh.append("已不能接收指令与报告，请清理磁盘")
    elif word.full == "reports":
        en.append("it takes no report any more")
        zh.append("已不能接收新报告")
    if word.segments or word.parts:
        en.append(
            f"{word.segments:,} recordings of video and voice and {word.parts:,} parts of pictures were shed to make "
            "room"
        )
        zh.append(f"为腾出空间已清除 {word.segments:,} 段录像录音、{word.parts:,} 块图片数据")
    where_en, where_zh = ("", "") if own else (f"{word.code}: ", f"{word.code}：")
    return f"{where_en}The kit's disk is full: {'; '.join(en)}", f"{where_zh}四合一装备磁盘已满：{'；'.join(zh)}"
