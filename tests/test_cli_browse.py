"""Moving through the tiers by keys: the cursor stays on its place, digits open what they spell, back goes up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd import api
from fusioncmd.cli.browse import PAGE_ROWS, Browse, cursor_index, keys_in, press, window

KEYS = ("up", "down", "page-up", "page-down", "first", "last", "open", "back", "worst", *"0123456789")


def row(code: str) -> api.Row:
    return api.Row(code, code, 1, 0, 0, 0, (), 0, 1, 0)


CITIES = [row(f"44{n:02}") for n in range(1, 22)]
TOWNS = [row(f"440106{n:03}") for n in (1, 10, 100)]


def pressed(*keys: str, state: Browse | None = None, rows: list[api.Row] = CITIES, here: str = "44") -> Browse:
    state = state or Browse()
    for key in keys:
        state = press(state, key, rows, here)
    return state


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"\x1b[A\x1bOB", ["up", "down"]),
        (b"\x1b[5~\x1b[6~\x1b[H\x1b[F", ["page-up", "page-down", "first", "last"]),
        (b"\r\x7fu", ["open", "back", "back"]),
        (b"06q", ["0", "6", "quit"]),
        (b"\x1b[1;5Cq", ["quit"]),  # ctrl and right: nothing of ours
        (b"\x1b[200~x\x1b", []),
        ("é字w".encode(), ["worst"]),
    ],
)
def test_bytes_of_a_terminal_become_keys_and_the_rest_is_passed_over(data: bytes, keys: list[str]) -> None:
    assert keys_in(data) == keys


@given(st.binary(max_size=64))
def test_any_bytes_are_read_to_their_end(data: bytes) -> None:
    assert len(keys_in(data)) <= len(data)


def test_the_cursor_moves_by_lines_and_pages_and_stops_at_the_ends() -> None:
    assert pressed("down", "down").cursor == "4403"
    assert pressed("up").cursor == "4401"
    assert pressed("page-down").cursor == CITIES[PAGE_ROWS].code
    assert pressed("last", "down").cursor == "4421"
    assert pressed("last", "first").cursor == "4401"


def test_the_cursor_stays_on_its_place_when_the_rows_are_sorted_anew() -> None:
    state = pressed("down", "worst")
    assert state.worst and cursor_index(state, CITIES[::-1]) == 19


def test_enter_opens_the_place_under_the_cursor_and_back_returns_to_it() -> None:
    opened = pressed("down", "open")
    assert (opened.node, opened.cursor) == ("4402", "")
    back = pressed("back", state=opened, rows=[row("440203")], here="4402")
    assert (back.node, back.cursor) == ("44", "4402")
    assert pressed("back", state=Browse("44")) == Browse("44")


def test_digits_open_the_place_that_they_spell_and_show_what_is_typed() -> None:
    typed = pressed("0")
    assert (typed.digits, typed.cursor, typed.node) == ("0", "4401", "")
    assert pressed("0", "6").node == "4406"
    assert pressed("0", "back").digits == "" and pressed("0", "back").node == ""
    assert pressed("9").digits == ""
    towns = pressed("0", "1", rows=TOWNS, here="440106")
    assert (towns.digits, towns.cursor) == ("01", "440106010")
    assert pressed("0", "1", "0", rows=TOWNS, here="440106").node == "440106010"


def test_where_nothing_lies_below_nothing_is_opened() -> None:
    village = Browse("440106001101")
    for key in ("open", "down", "7"):
        state = pressed(key, state=village, rows=[], here=village.node)
        assert (state.node, state.cursor, state.digits) == (village.node, "", "")


@given(st.lists(st.sampled_from(KEYS), max_size=40))
def test_whatever_is_pressed_the_cursor_is_on_a_row_or_nowhere(keys: list[str]) -> None:
    state = Browse()
    for key in keys:
        state = press(state, key, CITIES, "44")
        assert state.cursor == "" or state.cursor in {r.code for r in CITIES}
        assert 0 <= cursor_index(state, CITIES) < len(CITIES) and not state.quit
    assert press(state, "quit", CITIES, "44").quit


@given(st.integers(0, 200), st.integers(0, 199), st.integers(1, 60))
def test_the_rows_shown_hold_the_cursor_and_fill_the_room(count: int, cursor: int, room: int) -> None:
    start, end = window(count, cursor, room)
    assert 0 <= start <= end <= count and end - start == min(count, room)
    assert not count or start <= min(cursor, count - 1) < end
