"""Figures never tell more than is so: shares, bars and speed, whatever the counts are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from fusioncmd import api
from fusioncmd.cli.figures import Speed, bar, missing, packed, places_first, plain, segments, share, waiting

COUNTS = st.integers(0, 1_000_000)


@st.composite
def rows(draw: st.DrawFn, answers: int | None = None, code: str = "44", name: str = "广东省") -> api.Row:
    """A row as the node counts: everyone who is meant is in one answer, silent or unreachable."""
    offered = draw(st.integers(0, 8)) if answers is None else answers
    by_answer = tuple(draw(st.integers(0, 300_000)) for _ in range(offered))
    unanswered_received, reachable, unreachable = draw(COUNTS), draw(COUNTS), draw(COUNTS)
    answered = sum(by_answer)
    received = answered + unanswered_received
    return api.Row(
        code=code, name=name, targeted=received + reachable + unreachable,
        sent=received + draw(st.integers(0, reachable)), received=received, answered=answered, by_answer=by_answer,
        reported=draw(st.integers(0, received)), silent=unanswered_received + reachable, unreachable=unreachable,
    )  # fmt: skip


@given(st.integers(0, 10_000_000), st.integers(0, 10_000_000))
def test_a_share_says_all_only_of_all_and_none_only_of_none(a: int, b: int) -> None:
    part, whole = min(a, b), max(a, b)
    said = share(part, whole)
    if not whole:
        assert said == "–"
        return
    assert (said == "100%") == (part == whole)
    assert (said == "0%") == (part == 0)
    assert said.endswith("%") and abs(float(said[:-1]) - 100 * part / whole) <= 0.1


@given(rows(), st.integers(1, 200))
def test_a_bar_is_as_wide_as_asked_and_full_only_when_nobody_is_missing(row: api.Row, width: int) -> None:
    text = bar(segments(row), row.targeted, width)
    assert text.cell_len == len(text.plain) == width
    if row.targeted:
        done = text.plain.count("█")
        assert (done == width) == (missing(row) == 0)
        assert done <= width * (row.targeted - missing(row)) / row.targeted
        assert row.unreachable or "·" not in text.plain
    else:
        assert text.plain == " " * width


@given(rows())
def test_everyone_who_is_meant_is_in_one_segment(row: api.Row) -> None:
    assert sum(count for count, _, _ in segments(row)) == row.targeted
    assert waiting(row) + row.unreachable == missing(row)
    assert not row.by_answer or waiting(row) == row.silent


def test_an_order_without_answers_asks_to_be_received() -> None:
    row = api.Row("44", "广东省", 10, 8, 6, 0, (), 0, 9, 1)
    assert missing(row) == 4 and waiting(row) == 3
    assert bar(segments(row), 10, 10).plain == "██████░░░·"


def test_parts_that_exceed_the_whole_never_exceed_the_bar() -> None:
    assert bar([(5, "█", ""), (9, "░", "")], 10, 10).plain == "█████░░░░░"
    assert bar([], 0, 3).plain == "   "


def test_speed_is_over_the_last_five_seconds_and_survives_a_clock_set_back() -> None:
    speed = Speed()
    assert speed.update(0, 0, 0) == (0.0, 0.0)
    assert speed.update(1_000, 100, 10) == (100.0, 10.0)
    assert speed.update(6_000, 600, 10) == (100.0, 0.0)
    assert speed.update(500, 600, 10) == (0.0, 0.0)
    assert speed.update(1_500, 590, 20) == (0.0, 10.0)


def test_worst_first_is_by_share_then_by_size_then_by_code() -> None:
    def row(code: str, targeted: int, answered: int) -> api.Row:
        return api.Row(code, code, targeted, 0, 0, answered, (answered,), 0, targeted - answered, 0)

    found = [row("4403", 10, 5), row("4401", 10, 9), row("4402", 100, 50), row("4404", 0, 0), row("4400", 10, 5)]
    assert [r.code for r in places_first(found, worst=True)] == ["4402", "4400", "4403", "4401"]
    assert [r.code for r in places_first(found, worst=False)] == ["4400", "4401", "4402", "4403"]


@given(st.text())
def test_what_is_shown_cannot_move_the_cursor_or_turn_the_reading_direction(text: str) -> None:
    shown = plain(text)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) <= 0x9F or c in "\u202e\u2066\u2028\u200f" for c in shown)


def test_control_characters_become_one_space() -> None:
    assert plain("a\r\n\tb\x1b[2Jc") == "a b [2Jc"


@given(st.lists(st.text("ab 字", min_size=1, max_size=30), max_size=12), st.integers(10, 60))
def test_pieces_side_by_side_never_leave_the_screen_and_none_is_lost(words: list[str], width: int) -> None:
    lines = packed([Text(word) for word in words], width)
    assert all(cell_len(line.plain) <= width for line in lines)
    assert len(lines) <= len(words) and bool(lines) == bool(words)
    kept = "   ".join(line.plain for line in lines)
    assert all(word in kept for word in words if cell_len(word) <= width)
