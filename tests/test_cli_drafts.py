"""A commander's words become a draft that the node takes, or a sentence in the words of the options."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from fusioncmd import api, limits
from fusioncmd.cli.drafts import (
    ANSWER_S_DEFAULT,
    RECEIVE_S_DEFAULT,
    SEVERITIES,
    alert,
    audience_words,
    deadlines,
    selector,
    severity,
    successor,
)
from fusioncmd.codes import Path
from fusioncmd.divisions import guangdong
from fusioncmd.errors import BadInput, Problem
from fusioncmd.messages import Selector
from fusioncmd.orders import Book, compose
from tests.tier_process import speak
from tests.worlds import NOW_MS, make_id, make_order


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    speak(monkeypatch, "en")


def draft(**changes: Any) -> api.Draft:
    given_words: dict[str, Any] = {
        "ident": make_id(), "text": "Come.", "answers": ("yes",), "audience": Selector(("4401",)),
        "times": deadlines("", "", ""), "exercise": True, "grade": "severe",
    }  # fmt: skip
    return alert(**given_words | changes)


def signed(made: api.Draft) -> api.Draft:
    """In the name of somebody, as a draft is when it is sent."""
    return structs.replace(made, issuer="duty", node="44")


def test_deadlines_that_were_not_given_follow_those_that_were() -> None:
    assert deadlines("", "", "") == deadlines("2m", "10m", "24h")
    assert (RECEIVE_S_DEFAULT, ANSWER_S_DEFAULT) == (120, 600)
    assert deadlines("", "1m", "").receive_s == 60
    assert deadlines("1h", "", "").answer_s == 3_600
    assert deadlines("", "3d", "").open_s == 3 * 86_400


@given(*(st.sampled_from(["", "1s", "90s", "5m", "1h", "2d", "7d"]) for _ in range(3)))
def test_deadlines_are_in_order_or_refused(receive: str, answer: str, open_for: str) -> None:
    try:
        times = deadlines(receive, answer, open_for)
    except BadInput:
        return
    assert 0 < times.receive_s <= times.answer_s <= times.open_s <= limits.ORDER_OPEN_S_MAX
    order = compose(signed(draft(times=times)), Book(), Path("44"), NOW_MS)
    assert (order.receive_within_s, order.open_s) == (times.receive_s, times.open_s)


@pytest.mark.parametrize("wrong", [("2h", "1h", ""), ("", "2h", "1h"), ("25h", "", "24h")])
def test_deadlines_that_fall_are_refused_in_the_words_of_the_options(wrong: tuple[str, str, str]) -> None:
    with pytest.raises(BadInput, match="--receive-within may not exceed --answer-within, nor that --open-for"):
        deadlines(*wrong)


def test_places_are_meant_once_in_whatever_spelling() -> None:
    found = selector(guangdong(), ["广州市", "44.01", "4401", "440100"], ["flood", "flood"], ["天河区"], [])
    assert found == Selector(("4401",), ("flood",), ("440106",), ())


@pytest.mark.parametrize(
    ("given_words", "said"),
    [
        ((["44", "火星镇"], [], [], []), "There is no place called"),
        ((["44"], ["r" * 33], [], []), "A role must have 1 to 32 characters"),
        ((["44"], [f"r{n}" for n in range(33)], [], []), "--role may be given 32 times at most"),
        ((["44"], [], [], [""]), "A role must have 1 to 32 characters; it has 0"),
    ],
)
def test_whom_to_call_has_bounds(given_words: tuple[list[str], list[str], list[str], list[str]], said: str) -> None:
    with pytest.raises(Problem, match=said):
        selector(guangdong(), *given_words)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"text": "  "}, "--text must have 1 to 2000 characters; it has 0"),
        ({"text": "字" * 2_001}, "it has 2001"),
        ({"answers": ("a", "a")}, "Two answers read the same"),
        ({"answers": tuple("abcdefghi")}, "At most 8 answers fit an order"),
        ({"answers": ("x" * 33,)}, "An answer must have 1 to 32 characters"),
    ],
)
def test_words_have_bounds(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        draft(**changes)


def test_an_order_is_actual_unless_it_is_said_to_be_an_exercise() -> None:
    assert draft(exercise=False).status == "actual" and draft(exercise=True).status == "exercise"


def test_a_severity_is_one_of_cap_in_either_case() -> None:
    assert [severity(f" {word.upper()} ") for word in SEVERITIES] == list(SEVERITIES)
    with pytest.raises(BadInput, match="one of: extreme, severe, moderate, minor, unknown"):
        severity("bad")


@pytest.mark.parametrize("status", ["actual", "exercise"])
def test_what_follows_an_order_keeps_its_mode_and_the_node_takes_it(status: str) -> None:
    book, before = Book(), make_order(status=status, answers=("yes", "no"))
    book.add(before)
    update = compose(signed(successor(make_id(2), before, "update", "Better.")), book, Path("44"), NOW_MS)
    assert (update.status, update.answers, update.refs) == (status, ("yes", "no"), before.id)
    book.add(update)
    cancel = compose(signed(successor(make_id(3), update, "cancel", "Enough.")), book, Path("44"), NOW_MS)
    assert (cancel.status, cancel.answers, cancel.audience) == (status, (), before.audience)


def test_an_audience_is_read_back_with_names_in_either_language(monkeypatch: pytest.MonkeyPatch) -> None:
    meant = Selector(("4401", "9999"), ("flood", "geology"), ("440106",), ("hazchem",))
    said = audience_words(meant, guangdong())
    assert said == "广州市 4401, 9999; only flood, geology; not 天河区 440106; without hazchem"
    speak(monkeypatch, "zh")
    said = audience_words(meant, guangdong())
    assert said == "广州市 4401、9999；仅限 flood、geology；不含 天河区 440106；排除 hazchem"
