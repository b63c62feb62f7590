"""The count of one order, against a plain model: per person, what the evidence says and where they therefore stand."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from fusioncmd import limits
from fusioncmd.api import Standing
from fusioncmd.errors import BadMessage
from fusioncmd.messages import ANSWERED, RECEIVED, REPORTED, SENT, Mark
from fusioncmd.tally import Marks, View, bitmap_from, numbers_of
from tests.worlds import make_id

STANDINGS = tuple(name for name in get_args(Standing) if hasattr(View, name))  # the others are a ladder's
Piece = tuple[int, int | None, frozenset[int]]  # stage, answer, who
WHO = st.frozensets(st.integers(0, 12), max_size=6)
PIECES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([SENT, RECEIVED, REPORTED]), st.none(), WHO),
        st.tuples(st.just(ANSWERED), st.integers(0, limits.ANSWERS_MAX - 1), WHO),
    ),
    max_size=10,
)


def mark(stage: int, answer: int | None, who: frozenset[int]) -> Mark:
    return Mark(make_id(), stage, answer, BitMap(who).serialize())


def marks_of(*pieces: Piece) -> Marks:
    marks = Marks()
    for piece in pieces:
        marks.fold(mark(*piece))
    return marks


def view_of(*pieces: Piece, meant: frozenset[int] = frozenset(range(10)), live: frozenset[int] = frozenset()) -> View:
    return View(marks_of(*pieces), BitMap(meant), BitMap(live))


def standings(number: int, pieces: list[Piece], live: frozenset[int]) -> set[str]:
    """Where one person who is meant stands, in words rather than in sets."""
    stages = {stage for stage, _, who in pieces if number in who}
    has_it = bool(stages & {RECEIVED, ANSWERED, REPORTED})
    found = {"targeted"}
    if has_it or SENT in stages:
        found.add("sent")
    if has_it:
        found.add("received")
    if REPORTED in stages:
        found.add("reported")
    if ANSWERED in stages:
        return found | {"answered"}
    return found | {"waiting", "silent" if has_it or number in live else "unreachable"}


@given(PIECES, WHO, WHO)
def test_everyone_meant_stands_where_asking_them_would_put_them(
    pieces: list[Piece], meant: frozenset[int], live: frozenset[int]
) -> None:
    view = view_of(*pieces, meant=meant, live=live)
    for standing in STANDINGS:
        assert set(view.standing(standing)) == {n for n in meant if standing in standings(n, pieces, live)}, standing
    for number in range(13):
        given_answers = [answer for stage, answer, who in pieces if stage == ANSWERED and number in who]
        answer = max(given_answers, default=None) if number in meant else None  # type: ignore[type-var]
        assert view.answer_of(number) == answer
        assert [i for i in range(limits.ANSWERS_MAX) if number in view.standing("answered", i)] == (
            [] if answer is None else [answer]
        )
    assert view.outside == len({n for _, _, who in pieces for n in who} - meant)


@given(PIECES, st.data())
def test_evidence_may_come_in_any_order_and_any_number_of_times(pieces: list[Piece], data: st.DataObject) -> None:
    again = data.draw(st.permutations(pieces * 2))
    assert marks_of(*again).rungs() == marks_of(*pieces).rungs()


@pytest.mark.parametrize(
    ("stage", "implied"),
    [
        (SENT, {"sent"}),
        (RECEIVED, {"sent", "received"}),
        (ANSWERED, {"sent", "received", "answered"}),
        (REPORTED, {"sent", "received", "reported"}),
    ],
)
def test_a_rung_implies_those_before_it_though_their_evidence_was_lost(stage: int, implied: set[str]) -> None:
    view = view_of((stage, 0 if stage == ANSWERED else None, frozenset({3})))
    rungs = ("sent", "received", "answered", "reported")
    assert {rung for rung in rungs if 3 in view.standing(rung)} == implied


def test_a_report_is_not_an_answer() -> None:
    view = view_of((REPORTED, None, frozenset({1})))
    assert 1 in view.waiting and 1 in view.silent and view.answer_of(1) is None


def test_who_answers_twice_moves_to_the_answer_listed_last_and_is_not_counted_twice() -> None:
    for first, second in ((0, 2), (2, 0)):
        view = view_of((ANSWERED, first, frozenset({1, 2})), (ANSWERED, second, frozenset({1})))
        assert view.answer_of(1) == 2 and view.answer_of(2) == first
        assert sum(map(len, view.by_answer)) == len(view.answered) == 2


def test_silence_begins_with_a_live_channel_or_with_the_order_on_the_device() -> None:
    sent = (SENT, None, frozenset({1, 2, 3}))
    view = view_of(sent, (RECEIVED, None, frozenset({2})), meant=frozenset({1, 2, 3, 4}), live=frozenset({3}))
    assert view.unreachable == BitMap([1, 4])  # bytes that were sent and never confirmed prove nothing
    assert view.silent == BitMap([2, 3])
    assert [view.stage_of(n) for n in (1, 2, 3, 4)] == ["unreachable", "received", "sent", "unreachable"]


def test_the_stage_beside_a_name_is_the_highest_rung() -> None:
    reported = (REPORTED, None, frozenset({2, 3}))
    view = view_of((RECEIVED, None, frozenset({1})), (ANSWERED, 0, frozenset({2})), reported, live=frozenset({0}))
    stages = ["targeted", "received", "answered", "reported", "unreachable"]
    assert [view.stage_of(n) for n in range(5)] == stages


def test_people_outside_are_counted_once_however_much_they_said() -> None:
    outsider = frozenset({50})
    pieces = [(SENT, None, outsider), (RECEIVED, None, outsider), (ANSWERED, 1, outsider), (REPORTED, None, outsider)]
    view = view_of(*pieces)
    assert view.outside == 1
    assert not any(50 in view.standing(standing) for standing in STANDINGS)


def test_folding_does_not_change_the_bitmap_that_was_given() -> None:
    marks, numbers = Marks(), BitMap([1])
    marks.fold_numbers(SENT, None, numbers)
    marks.fold_numbers(SENT, None, BitMap([2]))
    assert numbers == BitMap([1]) and marks.sent == BitMap([1, 2]) and marks.version == 2


def test_a_mark_of_an_answer_that_names_none_is_refused_and_changes_nothing() -> None:
    marks = Marks()
    with pytest.raises(BadMessage, match="names the answer"):
        marks.fold(mark(ANSWERED, None, frozenset({1})))
    assert marks.version == 0 and not any(marks.rungs())


@given(st.frozensets(st.integers(0, (1 << 32) - 1), max_size=20))
def test_numbers_survive_the_wire(who: frozenset[int]) -> None:
    assert set(numbers_of(mark(SENT, None, who))) == who


@given(st.frozensets(st.integers(0, 200_000), max_size=40), st.data())
def test_bytes_that_were_tampered_with_are_a_whole_bitmap_or_refused(who: frozenset[int], data: st.DataObject) -> None:
    content = bytearray(BitMap(who).serialize())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = bitmap_from(bytes(content[: data.draw(st.integers(0, len(content)))]))
    except BadMessage:
        return
    assert len(found | BitMap(who)) >= len(who) and bitmap_from(found.serialize()) == found


@given(st.binary(max_size=64))
def test_noise_is_refused_or_a_bitmap_and_nothing_else(data: bytes) -> None:
    try:
        assert isinstance(bitmap_from(data), BitMap)
    except BadMessage as problem:
        assert "Roaring" in problem.en
