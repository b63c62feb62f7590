"""The board over days and weeks: what is open, what goes back to what, and what is forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from fusioncmd import limits
from fusioncmd.messages import Order
from gateways.responder.board import ENDED_KEPT_MS, ORDERS_KEPT_MIN, Board, Posted
from tests.worlds import NOW_MS, make_id, make_order, sealed

DAY_MS = 86_400_000
EVERYONE = BitMap(range(100))


def post(board: Board, order: Order, now_ms: int, audience: BitMap = EVERYONE) -> Posted:
    posted = board.post(order, sealed(order), audience, now_ms)
    assert posted is not None
    return posted


def made_at(n: int, issued_ms: int, **changes: object) -> Order:
    return make_order(n, id=make_id(n, issued_ms), issued_ms=issued_ms, **changes)


def test_an_operation_of_weeks_with_an_update_each_day_still_reaches_its_audience() -> None:
    """A gateway that starts on day 21 reads the stream from its beginning, between thousands of other orders."""
    board, now_ms = Board(), NOW_MS + 21 * DAY_MS
    chain = [made_at(1, NOW_MS)]
    post(board, chain[0], now_ms, BitMap([5]))
    for day in range(1, 22):
        for n in range(100):
            post(board, made_at(1000 + 100 * day + n, NOW_MS + day * DAY_MS - DAY_MS // 2, open_s=3600), now_ms)
        chain.append(made_at(10 + day, NOW_MS + day * DAY_MS, msg_type="update", refs=chain[-1].id, root=chain[0].id))
        last = post(board, chain[-1], now_ms)
    assert board.open == [last]
    assert board.recipients(last, EVERYONE) == BitMap([5])
    assert board.due_on_connect(5, (chain[0].id,), NOW_MS)[0] == [last]


def test_orders_that_ended_long_ago_are_forgotten_and_recent_ones_are_not() -> None:
    board, most = Board(), 0
    for n in range(5_000):
        at_ms = NOW_MS + n * DAY_MS // 20
        post(board, made_at(n + 1, at_ms), at_ms)
        most = max(most, len(board.posted))
    assert most <= 2 * max(ORDERS_KEPT_MIN, 20 * (ENDED_KEPT_MS // DAY_MS + 2))
    for n in range(4_900, 5_000):
        assert make_id(n + 1, NOW_MS + n * DAY_MS // 20) in board.posted
    board.refresh(NOW_MS + 250 * DAY_MS)
    assert len(board.open) == 19


def test_what_is_forgotten_leaves_nothing_of_its_chain_and_what_is_open_keeps_all_of_it() -> None:
    board, later_ms = Board(), NOW_MS + 30 * DAY_MS
    old = [made_at(1, NOW_MS)]
    old.append(made_at(2, NOW_MS + 1, msg_type="cancel", refs=old[0].id))
    for order in old:
        post(board, order, NOW_MS)
    kept = [made_at(3, NOW_MS)]
    kept.append(
        made_at(4, NOW_MS + 1, msg_type="update", refs=kept[0].id, root=kept[0].id, open_s=limits.ORDER_OPEN_S_MAX)
    )
    kept.append(
        made_at(
            5, NOW_MS + 7 * DAY_MS, msg_type="update", refs=kept[1].id, root=kept[0].id, open_s=limits.ORDER_OPEN_S_MAX
        )
    )
    kept.append(
        made_at(
            6, NOW_MS + 14 * DAY_MS, msg_type="update", refs=kept[2].id, root=kept[0].id, open_s=limits.ORDER_OPEN_S_MAX
        )
    )
    kept.append(
        made_at(
            7, NOW_MS + 21 * DAY_MS, msg_type="update", refs=kept[3].id, root=kept[0].id, open_s=limits.ORDER_OPEN_S_MAX
        )
    )
    for order in kept:
        post(board, order, order.issued_ms)
    for n in range(ORDERS_KEPT_MIN):
        post(board, made_at(100 + n, later_ms), later_ms)
    assert [order.id in board.posted for order in old] == [False, False]
    assert [order.id in board.posted for order in kept] == [True] * 5
    held = (kept[0].id,)
    assert board.due_on_connect(1, held, NOW_MS)[1] == [board.posted[kept[0].id]]


def test_a_clock_that_runs_far_ahead_makes_nobody_forget() -> None:
    board = Board()
    posted = post(board, made_at(1, NOW_MS), NOW_MS)
    for n in range(ORDERS_KEPT_MIN + 1):
        post(board, made_at(10 + n, NOW_MS + n), NOW_MS + 1000 * DAY_MS)
    board.refresh(NOW_MS + 1000 * DAY_MS)
    assert board.open == []
    board.refresh(NOW_MS)
    assert board.open[0] is posted


steps_of_orders = st.tuples(st.sampled_from(["alert", "update", "cancel"]), st.integers(0, 9), st.integers(1, 5))


@given(st.lists(steps_of_orders, max_size=10))
def test_what_is_open_after_each_order_is_what_a_fresh_look_finds(steps: list[tuple[str, int, int]]) -> None:
    board = Board()
    known: list[Order] = []
    for n, (msg_type, which, open_s) in enumerate(steps):
        if msg_type != "alert" and not known:
            continue
        refs = None if msg_type == "alert" else known[which % len(known)].id
        known.append(made_at(n, NOW_MS + n, msg_type=msg_type, refs=refs, open_s=open_s, answer_within_s=1))
        post(board, known[-1], NOW_MS + 3000)
        before = list(board.open)
        board.refresh(NOW_MS + 3000)
        assert board.open == before


def test_a_cancel_is_deliverable_however_late_it_comes() -> None:
    board = Board()
    alert = post(board, made_at(1, NOW_MS), NOW_MS)
    cancel = post(board, made_at(2, NOW_MS, msg_type="cancel", refs=alert.order.id, open_s=1), NOW_MS + DAY_MS)
    assert board.is_deliverable(cancel, NOW_MS + 30 * DAY_MS)
    assert not board.is_deliverable(alert, NOW_MS)
