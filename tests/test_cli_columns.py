"""The tally table fits every screen, and gives up what is least needed first."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from fusioncmd import api
from fusioncmd.cli.columns import BAR_CELLS_MAX, columns, width_of
from fusioncmd.cli.lists import aligned, with_below
from fusioncmd.cli.lists import width_of as lines_width
from fusioncmd.cli.tally_view import Screen, tally_line, tally_view
from tests.test_cli_figures import rows
from tests.tier_process import speak
from tests.worlds import make_order

NARROWEST = 64  # below so much, figures of millions do not fit


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    speak(monkeypatch, "en")


def reply(total: api.Row, below: tuple[api.Row, ...], answers: tuple[str, ...], **order: Any) -> api.TallyReply:
    line = api.OrderLine(make_order(answers=answers, **order), "open", None, total.targeted, total.answered)
    return api.TallyReply(line, line.order.issued_ms + 61_000, total, below, 0)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[api.Row], tuple[str, ...]]:
    answers = tuple(draw(st.lists(st.text("ab答 ", min_size=1, max_size=32), max_size=8, unique=True)))
    codes = draw(st.lists(st.sampled_from(["4401", "440106", "440106001", "440106001101"]), max_size=5))
    names = st.text("广州市天河区a", min_size=1, max_size=40)
    below = [draw(rows(len(answers), code, draw(names))) for code in codes]
    return [draw(rows(len(answers))), *below], answers


@given(tables(), st.integers(NARROWEST, 250))
def test_columns_always_fit_and_the_place_and_who_is_missing_always_stay(
    table: tuple[list[api.Row], tuple[str, ...]], width: int
) -> None:
    found = columns(*table, width)
    assert width_of(found) <= width
    heads = [column.head.plain for column in found]
    assert heads[-1] == "unreach." and heads[-2] in ("silent", "waiting") and found[0].justify == "left"
    assert all(column.cell(row).cell_len <= column.width for column in found[1:] for row in table[0])


@given(tables(), st.integers(NARROWEST, 160), st.integers(8, 40), st.booleans())
def test_the_picture_never_leaves_the_screen(
    table: tuple[list[api.Row], tuple[str, ...]], width: int, height: int, worst: bool
) -> None:
    (total, *below), answers = table
    console = Console(width=width, color_system=None, markup=False, emoji=False, highlight=False)
    screen = Screen(width, height, cursor=0, footer="q quit")
    with console.capture() as captured:
        console.print(tally_view(reply(total, tuple(below), answers), screen, worst=worst, speed=(1.0, 2.0)))
    lines = captured.get().splitlines()
    assert len(lines) <= max(height, 6) and all(Text(line).cell_len <= width for line in lines)
    assert lines[0].startswith(" EXERCISE ") and lines[-1].rstrip().endswith("q quit")


def test_a_wide_screen_has_a_bar_and_the_words_of_the_answers_and_a_narrow_one_has_neither() -> None:
    row = api.Row("4401", "广州市", 1_000, 900, 800, 700, (600, 100), 5, 200, 100)
    answers = ("here", "need help")
    wide = [column.head.plain for column in columns([row], answers, 200)]
    assert wide == ["city", "", "meant", "sent", "received", "answered", "ans. %", *answers, "silent", "unreach."]
    assert columns([row], answers, 200)[1].width == BAR_CELLS_MAX
    assert [c.head.plain for c in columns([row], answers, 80)][-4:] == ["1", "2", "silent", "unreach."]
    assert [c.head.plain for c in columns([row], answers, 40)] == ["city", "meant", "answered", "silent", "unreach."]


def test_an_order_without_answers_counts_who_received_it() -> None:
    row = api.Row("4401", "广州市", 10, 8, 6, 0, (), 0, 9, 1)
    found = columns([row], (), 100)
    assert [c.head.plain for c in found][-3:] == ["rec. %", "waiting", "unreach."]
    assert [c.cell(row).plain for c in found][-3:] == ["60.0%", "3", "1"]
    said = tally_line(reply(row, (), ()), (2.0, 0.0))
    assert said == "EXERCISE 1:01  广州市: 10 meant, 8 sent, 6 received 60.0%, 3 waiting, 1 unreachable; 2 received/s"


def test_actual_and_exercise_differ_in_the_first_word_of_every_line_and_picture() -> None:
    row = api.Row("44", "广东省", 1, 1, 1, 1, (1,), 0, 0, 0)
    for status, word in (("actual", "ACTUAL"), ("exercise", "EXERCISE")):
        given_reply = reply(row, (), ("yes",), status=status)
        assert tally_line(given_reply, (0.0, 0.0)).startswith(f"{word} ")
        console = Console(width=60, color_system=None)
        with console.capture() as captured:
            console.print(tally_view(given_reply, Screen(60)))
        assert captured.get().startswith(f" {word} ")


def test_lists_line_up_whatever_the_width_of_the_letters() -> None:
    lines = aligned(["名", "n"], [[Text("广州"), Text("1")], [Text("a"), Text("100")]], right=(1,))
    assert [line.plain for line in lines] == ["名      n", "广州    1", "a     100"]
    assert lines_width(lines) == 9 and lines_width([]) == 0
    assert [line.plain for line in with_below(lines[:2], [Text("under")])] == ["名      n", "广州    1", "    under"]
