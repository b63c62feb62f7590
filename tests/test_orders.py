"""The life of an order, and the count of its people."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage, BadOrder, NotFound
from fusioncmd.messages import ANSWERED, RECEIVED, SENT, Mark, Selector
from fusioncmd.orders import Book, address, check_asked, compose, draft_of
from fusioncmd.tally import Marks, View, bitmap_from
from tests.worlds import NOW_MS, make_draft, make_id, make_order

NODE = Path("44")


def book_of(*orders: object) -> Book:
    book = Book()
    for order in orders:
        book.add(order)  # type: ignore[arg-type]
    return book


def test_an_alert_opens_and_expires() -> None:
    order = compose(make_draft(), Book(), NODE, NOW_MS)
    book = book_of(order)
    assert book.state(order, NOW_MS) == "open"
    assert book.state(order, order.expires_ms) == "expired"
    assert book.deliverable(NOW_MS) == [order]
    assert book.deliverable(order.expires_ms) == []


def test_an_update_replaces_and_a_cancel_ends_whatever_came_between() -> None:
    alert = make_order(1)
    update = compose(make_draft(2, msg_type="update", refs=alert.id, audience=None), book_of(alert), NODE, NOW_MS)
    book = book_of(alert, update)
    assert book.state(alert, NOW_MS) == "replaced"
    assert book.deliverable(NOW_MS) == [update]
    cancel = compose(make_draft(3, msg_type="cancel", refs=update.id, audience=None), book, NODE, NOW_MS)
    book.add(cancel)
    assert book.state(update, NOW_MS) == "cancelled"
    assert book.deliverable(NOW_MS) == []
    assert book.ending(alert.id) == book.ending(update.id) == cancel
    assert (alert.root, update.root, cancel.root) == (None, alert.id, alert.id)
    assert book.alert(cancel) == alert
    assert cancel.answers == ()


@given(st.permutations(range(4)))
def test_the_state_does_not_depend_on_the_order_of_arrival(arrival: list[int]) -> None:
    alert, other = make_order(1), make_order(4)
    update = make_order(2, msg_type="update", refs=alert.id)
    cancel = make_order(3, msg_type="cancel", refs=alert.id)
    book = book_of(*([alert, update, cancel, other][i] for i in arrival))
    assert book.state(alert, NOW_MS) == "cancelled"
    assert book.state(update, NOW_MS) == "open"
    assert book.state(other, NOW_MS) == "open"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "actual", "msg_type": "update", "refs": make_id(1), "audience": None}, "cannot be followed"),
        ({"status": "actual", "msg_type": "cancel", "refs": make_id(1), "audience": None}, "cannot be followed"),
        ({"msg_type": "cancel", "audience": None}, "must name"),
        ({"audience": None}, "names its audience"),
        ({"refs": make_id(1)}, "names its audience"),
        ({"answers": ("a", "a")}, "read the same"),
        ({"answers": ("",)}, "cannot be issued"),
        ({"answers": tuple("abcdefghi")}, "cannot be issued"),
        ({"text": "   "}, "cannot be issued"),
        ({"text": "x" * 2001}, "cannot be issued"),
        ({"issuer": ""}, "cannot be issued"),
        ({"answer_within_s": 10}, "Deadlines"),
        ({"open_s": 10}, "Deadlines"),
        ({"open_s": 8 * 86_400}, "cannot be issued"),
        ({"id": make_id(9, NOW_MS - 4_000_000)}, "clock"),
    ],
)
def test_what_may_not_be_issued_is_refused_with_the_reason(changes: dict[str, object], said: str) -> None:
    with pytest.raises(BadOrder, match=said):
        compose(make_draft(5, **changes), book_of(make_order(1)), NODE, NOW_MS)


def test_what_is_over_is_not_followed() -> None:
    alert = make_order(1)
    book = book_of(alert, make_order(2, msg_type="cancel", refs=alert.id))
    with pytest.raises(BadOrder, match="already"):
        compose(make_draft(3, msg_type="update", refs=alert.id, audience=None), book, NODE, NOW_MS)
    with pytest.raises(NotFound):
        compose(make_draft(3, msg_type="cancel", refs=make_id(7), audience=None), book, NODE, NOW_MS)


def test_an_order_to_several_places_is_addressed_to_what_covers_them() -> None:
    assert address(make_order(audience=make_order().audience).audience) == Path("44")


people = st.frozensets(st.integers(0, 40), max_size=30)
evidence = st.lists(st.tuples(st.sampled_from([SENT, RECEIVED, ANSWERED]), st.integers(0, 2), people), max_size=12)


def fold(items: list[tuple[int, int, frozenset[int]]]) -> Marks:
    marks = Marks()
    for stage, answer, who in items:
        marks.fold(Mark(make_id(), stage, answer if stage == ANSWERED else None, BitMap(who).serialize()))
    return marks


@given(evidence, people, people, st.randoms())
def test_any_order_loss_and_doubling_of_batches_gives_the_same_count(
    items: list[tuple[int, int, frozenset[int]]], meant: frozenset[int], live: frozenset[int], rng: random.Random
) -> None:
    again = items + [rng.choice(items) for _ in items]
    rng.shuffle(again)
    one, other = (View(fold(batch), BitMap(meant), BitMap(live)) for batch in (items, again))
    for rung in ("sent", "received", "answered", "silent", "unreachable"):
        assert one.standing(rung) == other.standing(rung)
    assert one.by_answer == other.by_answer


@given(evidence, people, people)
def test_the_rungs_nest_and_everyone_meant_stands_in_exactly_one_place(
    items: list[tuple[int, int, frozenset[int]]], meant: frozenset[int], live: frozenset[int]
) -> None:
    view = View(fold(items), BitMap(meant), BitMap(live))
    assert view.answered <= view.received <= view.sent <= view.targeted
    assert sum(len(given) for given in view.by_answer) == len(view.answered)
    assert view.answered | view.silent | view.unreachable == view.targeted
    assert len(view.answered) + len(view.silent) + len(view.unreachable) == len(view.targeted)
    for number in meant:
        said = [answer for stage, answer, who in items if stage == ANSWERED and number in who]
        assert view.answer_of(number) == (max(said) if said else None)
        assert (view.stage_of(number) == "answered") == bool(said)


def test_nobody_outside_the_audience_is_counted_and_the_operator_sees_it() -> None:
    view = View(fold([(ANSWERED, 0, frozenset({1, 2, 3}))]), BitMap([1]), BitMap())
    assert (len(view.answered), view.outside) == (1, 2)


def test_unreachable_is_not_silent() -> None:
    marks = fold([(RECEIVED, 0, frozenset({1}))])
    view = View(marks, BitMap([1, 2, 3]), BitMap([2]))
    assert view.silent == BitMap([1, 2])  # the order is on 1's device, and 2 has a live channel
    assert view.unreachable == BitMap([3])


@pytest.mark.parametrize("data", [b"", b"noise", bytes(64), BitMap([1, 2]).serialize()[:-1]])
def test_what_is_no_bitmap_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        bitmap_from(data)


@pytest.mark.parametrize("sign", ["\x1b", "\x00", "\x85", "\u202e", "\u2066"])
@pytest.mark.parametrize("field", ["text", "issuer", "answers"])
def test_what_could_move_a_cursor_or_turn_the_reading_is_no_order(sign: str, field: str) -> None:
    wrong = (f"here{sign}", "b") if field == "answers" else f"duty{sign}"
    with pytest.raises(BadOrder, match="control characters"):
        compose(make_draft(1, **{field: wrong}), Book(), NODE, NOW_MS)
    assert compose(make_draft(1, text="Line one.\n\tLine two."), Book(), NODE, NOW_MS)


def test_an_order_composed_again_from_what_it_tells_is_the_same_order() -> None:
    alert = compose(make_draft(1), Book(), NODE, NOW_MS)
    update = compose(make_draft(2, msg_type="update", refs=alert.id, audience=None), book_of(alert), NODE, NOW_MS)
    for order, book in ((alert, Book()), (update, book_of(alert))):
        assert compose(draft_of(order), book, Path(order.node), order.issued_ms) == order


@pytest.mark.parametrize(
    "changes",
    [
        {"id": make_id(2)}, {"status": "actual"}, {"text": "Go home."}, {"issuer": "chief"}, {"node": "4401"},
        {"answers": ("here",)}, {"audience": Selector(("4401",))}, {"open_s": 600}, {"severity": "minor"},
        {"msg_type": "cancel", "refs": make_id(9)}, {"issued_ms": NOW_MS - 3_600_001},
    ],
    ids=str,
)  # fmt: skip
def test_a_commander_signs_nothing_but_what_was_asked_for(changes: dict[str, object]) -> None:
    draft = make_draft(1, node="44", text=" Report for duty. ")
    check_asked(make_order(1), draft, NOW_MS)
    with pytest.raises(BadOrder, match="nothing was signed"):
        check_asked(make_order(1, **changes), draft, NOW_MS)
