"""How fast an order goes out, what is gathered on the way back, and who is told of what."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from fusioncmd import limits, messages
from fusioncmd.messages import ANSWERED, RECEIVED, Order, Receipts
from gateways.responder.board import Board, Posted
from gateways.responder.fanout import Fanout
from gateways.responder.gather import MARKS_PER_BATCH_MAX, Gather, answers, marks
from tests.worlds import NOW_MS, make_id, make_order, sealed

EVERYONE = BitMap(range(1000))


@given(
    st.integers(0, 3 * limits.FANOUT_UNANSWERED_MAX),
    st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 100)), max_size=60),
)
def test_everyone_is_taken_once_and_the_window_holds(people: int, steps: list[tuple[int, int]]) -> None:
    fanout, now_ms = Fanout(BitMap(range(people)), 0), 0.0
    taken, waiting = list[int](), set[int]()
    for answered, passed_ms in steps:
        now_ms += passed_ms
        batch = fanout.take(now_ms)
        taken += batch
        waiting |= set(batch)
        assert len(waiting) <= limits.FANOUT_UNANSWERED_MAX
        heard = sorted(waiting)[:answered]
        fanout.answered(BitMap([*heard, people + 1]), now_ms)  # and one who is none of its business
        waiting -= set(heard)
    while not fanout.done:
        now_ms += limits.FANOUT_ESCAPE_MS
        taken += fanout.take(now_ms)
    assert taken == list(range(people))


def test_without_answers_it_waits_and_then_goes_on_regardless() -> None:
    fanout = Fanout(BitMap(range(3 * limits.FANOUT_UNANSWERED_MAX)), 0)
    assert len(fanout.take(1)) == limits.FANOUT_BURST
    fanout.answered(BitMap([0]), 1)
    sent = sum(len(fanout.take(1)) for _ in range(10))
    assert sent == limits.FANOUT_UNANSWERED_MAX - limits.FANOUT_BURST + 1
    assert not fanout.take(limits.FANOUT_ESCAPE_MS)
    assert len(fanout.take(limits.FANOUT_ESCAPE_MS + 1)) == limits.FANOUT_UNANSWERED_MAX


def test_whoever_is_gone_or_was_told_is_passed_over_and_takes_no_room() -> None:
    people = 3 * limits.FANOUT_BURST
    fanout = Fanout(BitMap(range(people)), 0)
    here, told = BitMap(range(1, people)), BitMap(range(2, limits.FANOUT_BURST + 2))
    taken = fanout.take(0, here, told)
    assert 0 not in taken and not taken & told and len(taken) == limits.FANOUT_BURST
    fanout.answered(taken, 0)
    assert fanout.take(0, here, told) | taken == here - told and fanout.done


@given(st.lists(st.tuples(st.integers(0, 100), st.sampled_from([RECEIVED, ANSWERED]), st.integers(0, 30))))
def test_a_batch_holds_each_thing_said_once(said: list[tuple[int, int, int]]) -> None:
    gather = Gather()
    for order, stage, number in said + said:
        gather.add(make_id(order), stage, 0 if stage == ANSWERED else None, number)
    found = []
    while gather:
        batch = gather.take()
        assert len(batch) <= MARKS_PER_BATCH_MAX
        written = messages.encode(Receipts("g", marks(batch)))
        for mark in messages.decode(Receipts, written).marks:
            found += [(mark.order, mark.stage, n) for n in BitMap.deserialize(mark.numbers)]
        assert {order for order, _, _ in answers(batch)} == {o for o, stage, _ in batch if stage == ANSWERED}
    assert sorted(found) == sorted({(make_id(order), stage, number) for order, stage, number in said})


def post(board: Board, order: Order, audience: BitMap = EVERYONE) -> Posted:
    posted = board.post(order, sealed(order), audience, NOW_MS)
    assert posted is not None
    return posted


def test_a_new_order_goes_to_those_meant_who_are_here() -> None:
    board = Board()
    posted = post(board, make_order(1), BitMap([1, 2, 3]))
    assert board.recipients(posted, BitMap([2, 3, 4])) == BitMap([2, 3])
    posted.told.add(2)
    assert board.recipients(posted, BitMap([2, 3, 4])) == BitMap([3])


def test_an_update_whose_alert_never_came_is_shown_to_nobody() -> None:
    board = Board()
    assert board.recipients(post(board, make_order(2, msg_type="update", refs=make_id(1))), EVERYONE) == BitMap()


def test_a_cancel_reaches_exactly_those_who_were_told() -> None:
    board = Board()
    alert = post(board, make_order(1), BitMap([1, 2, 3]))
    alert.told |= BitMap([1, 2])
    cancel = post(board, make_order(2, msg_type="cancel", refs=alert.order.id))
    assert board.recipients(cancel, BitMap([2, 3])) == BitMap([2])
    assert board.due_on_connect(3, (), NOW_MS) == ([], [])
    assert board.due_on_connect(1, (alert.order.id,), NOW_MS) == ([cancel], [alert])
    assert board.due_on_connect(1, (alert.order.id, cancel.order.id), NOW_MS) == ([], [alert, cancel])


def test_a_cancel_of_an_update_reaches_who_still_shows_the_alert() -> None:
    board = Board()
    alert = post(board, make_order(1), EVERYONE)
    update = post(board, make_order(2, msg_type="update", refs=alert.order.id))
    assert board.recipients(update, EVERYONE) == EVERYONE
    alert.told.add(5)
    cancel = post(board, make_order(3, msg_type="cancel", refs=update.order.id))
    assert board.recipients(cancel, EVERYONE) == BitMap([5])
    assert board.due_on_connect(6, (alert.order.id,), NOW_MS) == ([cancel], [alert])


def test_who_connects_late_gets_what_is_open_and_does_not_show_yet() -> None:
    board = Board()
    first, second = (post(board, make_order(n), EVERYONE) for n in (1, 2))
    assert board.due_on_connect(1, (first.order.id,), NOW_MS) == ([second], [first])
    board.refresh(first.order.expires_ms)
    assert board.due_on_connect(1, (), NOW_MS) == ([], [])


def test_the_same_order_again_is_no_news() -> None:
    board = Board()
    post(board, make_order(1), EVERYONE)
    assert board.post(make_order(1), b"", EVERYONE, NOW_MS) is None
