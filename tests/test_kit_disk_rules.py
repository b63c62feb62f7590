"""How the disk of a kit is divided: what goes first, what is refused, and that no bound is passed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fusioncmd.kit_disk import SPARE_PERCENT, STEP_BYTES, DiskWord, Used, divide, moved, sentence_of
from fusioncmd.room import DISK_ROOM_BYTES_MIN

MIB, GIB = 1024**2, 1024**3
FREE = 1024 * GIB
sizes = st.integers(0, 64 * GIB)


def test_a_kit_takes_what_there_is_but_a_part_or_what_it_was_given_and_never_more() -> None:
    used = Used(0, 0, 2 * GIB)
    there = 10 * GIB - DISK_ROOM_BYTES_MIN
    assert divide(0, used, 8 * GIB).recordings == there - there * SPARE_PERCENT // 100 - GIB - there // 32
    assert divide(4 * GIB, used, 8 * GIB).recordings == 4 * GIB * 27 // 32
    assert divide(4 * GIB, used, 0).recordings == 2 * GIB * 27 // 32, "others filled the disk"


@given(sizes.filter(bool), st.builds(Used, sizes, sizes, sizes))
def test_what_is_worth_more_keeps_its_room_and_all_together_stay_within_the_budget(budget: int, used: Used) -> None:
    shares = divide(budget, used, FREE)
    pictures, recordings = min(used.pictures, shares.pictures), min(used.recordings, shares.recordings)
    if used.kept <= budget:
        assert used.kept + pictures + recordings <= budget
    more = divide(budget, used._replace(kept=used.kept + GIB), FREE)
    assert more.pictures <= shares.pictures and more.recordings <= shares.recordings
    fewer = divide(budget, used._replace(recordings=0), FREE)
    assert fewer == shares, "recordings never take from others"
    assert (shares.full == "") or (shares.recordings == 0), "recordings go before anything is refused"


def test_recordings_go_first_then_pictures_then_reports_are_refused_and_orders_last() -> None:
    budget = 8 * GIB
    rows = [
        divide(budget, Used(kept * GIB, pictures * GIB, 8 * GIB), FREE) for kept, pictures in ((0, 0), (4, 3), (7, 3))
    ]
    assert [row.recordings // MIB for row in rows] == [8192 - 1024 - 256, 0, 0]
    assert [row.pictures // MIB for row in rows] == [4096, 3072, 0]
    assert [divide(budget, Used(kept, 0, 0), FREE).full for kept in (7 * GIB, 8 * GIB - MIB, 8 * GIB)] == [
        "", "reports", "orders",
    ]  # fmt: skip


def test_reports_are_refused_while_orders_still_have_room_where_others_fill_the_disk() -> None:
    used = Used(GIB, 0, 0)
    fulls = [divide(0, used, free * MIB).full for free in (100, 31, 9, 8)]
    assert fulls == ["", "reports", "reports", "orders"]


def test_a_bound_is_made_smaller_at_once_and_larger_by_steps() -> None:
    assert moved(100, 99) and not moved(100, 100 + STEP_BYTES - 1) and moved(100, 100 + STEP_BYTES)


def test_what_is_said_names_what_went_and_what_is_refused_in_both_languages() -> None:
    en, zh = sentence_of(DiskWord("440106001", 1_234, 5, "reports"), own=False)
    assert en == (
        "440106001: The kit's disk is full: it takes no report any more; 1,234 recordings of video and voice and 5 "
        "parts of pictures were shed to make room"
    )
    assert zh.startswith("440106001：四合一装备磁盘已满：已不能接收新报告") and "1,234 段录像录音" in zh
    assert sentence_of(DiskWord("44", full="orders"), own=True)[0].startswith(
        "The kit's disk is full: it takes no order"
    )
