"""The ledger: whatever order messages come in, and however often, what it says of an order is the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from fusioncmd import ids, limits, subjects
from fusioncmd.api import Standing
from fusioncmd.bus.port import CALL, RECEIPT, REPORT, Stored
from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage
from fusioncmd.messages import ANSWERED, RECEIVED, REPORTED, SENT, Mark, Order, Receipts, Report, encode
from fusioncmd.tally import View
from fusioncmd.trust import seals
from fusioncmd.trust.refusals import Untrusted
from tests.worlds import NOW_MS, audience_of, judge, make_id, make_order, sealed
from tiers import ledger as ledger_module
from tiers.ledger import Ledger

ALERT = make_order(1)
UPDATE = make_order(2, msg_type="update", refs=ALERT.id, root=ALERT.id)
CANCEL = make_order(3, msg_type="cancel", refs=UPDATE.id, root=ALERT.id, answers=())
OTHER = make_order(4)
ORDERS = (ALERT, UPDATE, CANCEL, OTHER)
NOBODY, LIVE = BitMap(), BitMap([0, 1])


def call(order: Order, seq: int = 0) -> Stored:
    return Stored(subjects.call(Path("44")), sealed(order), seq)


def audience(order: Order, who: Iterable[int] = (), seq: int = 0) -> Stored:
    data = encode(audience_of(order, who))
    return Stored(subjects.audience(ids.to_text(order.id)), data, seq)


def mark(order: Order, stage: int, who: Iterable[int], answer: int | None = None) -> Mark:
    return Mark(order.id, stage, answer, BitMap(who).serialize())


def receipts(*marks: Mark, seq: int = 0) -> Stored:
    return Stored(subjects.receipt("gw-1"), encode(Receipts("gw-1", marks)), seq)


def report(
    order: Order, number: int, n: int = 1, at_ms: int = NOW_MS, text: str = "Road is cut.", seq: int = 0
) -> Stored:
    message = Report(make_id(n), order.id, number, at_ms, text, None, None)
    return Stored(subjects.report(Path("440106001")), encode(message), seq)


def fold(ledger: Ledger, *messages: Stored) -> Ledger:
    """Each message by the fold that its stream has in the node."""
    folds = {
        "call": ledger.fold_call,
        "audience": ledger.fold_call,
        "receipt": ledger.fold_receipts,
        "report": ledger.fold_report,
    }
    for message in messages:
        order = seals.claimed(message.data)[0] if message.subject.startswith("fc.call.") else None
        if order is not None and order.msg_type != "alert":  # as the node stores it: its own word first
            ledger.fold_call(audience(order))
        folds[message.subject.split(".")[1]](message)
    return ledger


def look(ledger: Ledger, orders: Iterable[Order] = ORDERS) -> dict[str, Any]:
    """Everything that can be asked of it."""
    known = [order for order in orders if order.id in ledger.book.orders]
    return {
        ids.to_text(order.id): (
            [sorted(ledger.view(order, LIVE).standing(s)) for s in get_args(Standing) if hasattr(View, s)],
            [sorted(given) for given in ledger.view(order, LIVE).by_answer],
            ledger.view(order, LIVE).outside,
            sorted((r.id, r.number, r.at_ms, r.text) for r in ledger.accounts[order.id].reports.values()),
            ledger.book.state(order, NOW_MS),
        )
        for order in known
    }


WHO = st.frozensets(st.integers(0, 9), max_size=5)
MARKS = st.builds(
    lambda order, stage, who, answer: mark(order, stage, who, answer if stage == ANSWERED else None),
    st.sampled_from(ORDERS), st.sampled_from([SENT, RECEIVED, ANSWERED, REPORTED]), WHO, st.integers(0, 7),
)  # fmt: skip
EVIDENCE = st.lists(
    st.one_of(
        st.builds(lambda marks: receipts(*marks), st.lists(MARKS, min_size=1, max_size=4)),
        st.builds(
            report, st.sampled_from(ORDERS), st.integers(0, 9), n=st.integers(1, 3),
            at_ms=st.integers(NOW_MS, NOW_MS + 3), text=st.sampled_from(["a", "b"]),
        ),
    ),
    max_size=8,
)  # fmt: skip
CALLS = [audience(ALERT, range(8)), audience(OTHER, range(3, 10)), *map(call, ORDERS)]


@given(EVIDENCE, st.data())
def test_any_order_of_arrival_and_any_doubling_gives_the_same_ledger(
    evidence: list[Stored], data: st.DataObject
) -> None:
    wanted = look(fold(Ledger(judge()), *CALLS, *evidence))
    assert len(wanted) == len(ORDERS)
    extra = data.draw(st.lists(st.sampled_from(CALLS + evidence), max_size=6))
    mixed = data.draw(st.permutations(CALLS + evidence + extra))
    ledger = Ledger(judge())
    for message in mixed:
        if message.subject.startswith("fc.call."):
            fold(ledger, *CALLS[:2])  # the node's word comes before the order
        fold(ledger, message)
        look(ledger)  # nobody who looks in between is shown, later, what was true then
    assert look(ledger) == wanted


def test_receipts_that_come_before_their_order_count_when_it_comes() -> None:
    ledger = fold(Ledger(judge()), receipts(mark(ALERT, RECEIVED, {1, 9})))
    assert look(ledger) == {}
    fold(ledger, audience(ALERT, {1, 2}), call(ALERT))
    assert (ledger.view(ALERT, NOBODY).received, ledger.view(ALERT, NOBODY).outside) == (BitMap([1]), 1)


def test_a_new_order_is_told_once_and_an_audience_never() -> None:
    ledger = Ledger(judge())
    assert ledger.fold_call(audience(ALERT, {1})) is None
    assert ledger.fold_call(call(ALERT)) == ALERT
    assert ledger.fold_call(call(ALERT)) is None


def test_whom_an_order_means_is_what_was_stored_first() -> None:
    ledger = fold(Ledger(judge()), audience(ALERT, {1}), call(ALERT), audience(ALERT, {1, 2, 3}))
    assert ledger.targeted(ALERT) == BitMap([1])


def test_an_update_means_all_whom_the_alert_meant() -> None:
    ledger = fold(Ledger(judge()), audience(ALERT, {1, 2}), call(ALERT), call(UPDATE), receipts(mark(ALERT, SENT, {1})))
    assert ledger.targeted(UPDATE) == BitMap([1, 2])
    assert ledger.view(UPDATE, NOBODY).sent == NOBODY  # a receipt is of one order


def test_a_cancel_means_those_of_the_audience_who_were_told_of_what_it_ends() -> None:
    ledger = fold(Ledger(judge()), audience(ALERT, range(6)), audience(OTHER, {1}), *map(call, ORDERS))
    assert ledger.targeted(CANCEL) == NOBODY
    fold(ledger, receipts(mark(ALERT, SENT, {0, 9}), mark(UPDATE, RECEIVED, {1}), mark(UPDATE, ANSWERED, {2}, 0)))
    fold(ledger, report(ALERT, 3), receipts(mark(OTHER, SENT, {4}), mark(CANCEL, SENT, {5})))
    assert ledger.targeted(CANCEL) == BitMap([0, 1, 2, 3])
    fold(ledger, receipts(mark(ALERT, SENT, {4})))  # told late: the cancel means them from then on
    assert ledger.view(CANCEL, BitMap([4])).targeted == BitMap([0, 1, 2, 3, 4])


def test_a_view_is_made_once_and_again_only_when_something_changed() -> None:
    live = BitMap([1])
    ledger = fold(Ledger(judge()), audience(ALERT, {1, 2}), audience(OTHER, {1}), *map(call, ORDERS))
    first = ledger.view(CANCEL, live)
    assert ledger.view(CANCEL, live) is first
    assert ledger.view(CANCEL, BitMap([1])) is not first
    fold(ledger, receipts(mark(ALERT, SENT, {1})))
    assert ledger.view(CANCEL, live).targeted == BitMap([1])  # what the cancel goes back to changed


def test_a_batch_with_one_bad_mark_is_folded_not_at_all() -> None:
    good = mark(ALERT, SENT, {1})
    for bad in (Mark(OTHER.id, SENT, None, b"noise"), mark(OTHER, ANSWERED, {1})):
        ledger = Ledger(judge())
        with pytest.raises(BadMessage):
            fold(ledger, receipts(good, bad, seq=7))
        assert (ledger.accounts, ledger.dirty, ledger.handled[RECEIPT.name]) == ({}, set(), 7)


@pytest.mark.parametrize("number", [-1, 1 << 32, 1 << 40])
def test_a_report_of_nobody_is_refused(number: int) -> None:
    ledger = Ledger(judge())
    with pytest.raises(BadMessage):
        fold(ledger, report(ALERT, number))
    assert ledger.accounts == {}


def test_orders_that_never_come_are_bounded_and_shut_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "UNKNOWN_ORDERS_MAX", 2)
    ledger = fold(Ledger(judge()), audience(ALERT, {1}), call(ALERT))
    unknown = [make_order(n) for n in (10, 11, 12)]
    fold(ledger, *(receipts(mark(order, SENT, {1})) for order in unknown), report(unknown[2], 1))
    assert (len(ledger.accounts), ledger.shed) == (3, 2)
    fold(ledger, receipts(mark(ALERT, SENT, {1}), mark(unknown[0], RECEIVED, {1})))
    assert ledger.view(ALERT, NOBODY).sent == BitMap([1]) and ledger.shed == 2
    fold(ledger, audience(unknown[0], {1}), call(unknown[0]))  # one of them came: there is room again
    fold(ledger, receipts(mark(unknown[2], SENT, {1})))
    assert (len(ledger.accounts), ledger.shed) == (4, 2)


def test_reports_are_bounded_and_one_that_is_sent_again_is_not_shed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REPORTS_PER_ORDER_MAX", 2)
    ledger = fold(Ledger(judge()), audience(ALERT, range(4)), call(ALERT), report(ALERT, 1, 1), report(ALERT, 2, 2))
    fold(ledger, report(ALERT, 1, 1), report(ALERT, 2, 2))
    assert (len(ledger.accounts[ALERT.id].reports), ledger.shed) == (2, 0)
    fold(ledger, report(ALERT, 3, 3))
    assert (len(ledger.accounts[ALERT.id].reports), ledger.shed) == (2, 1)
    assert ledger.view(ALERT, NOBODY).reported == BitMap([1, 2, 3])  # the text is shed, the person is not


@pytest.mark.parametrize("later_first", [True, False])
def test_of_a_report_that_was_sent_twice_the_earlier_stands(later_first: bool) -> None:
    sent = [report(ALERT, 1, at_ms=NOW_MS, text="a"), report(ALERT, 1, at_ms=NOW_MS + 9, text="b")]
    ledger = fold(Ledger(judge()), *(reversed(sent) if later_first else sent))
    assert [(r.at_ms, r.text) for r in ledger.accounts[ALERT.id].reports.values()] == [(NOW_MS, "a")]


def test_how_far_a_stream_is_handled_only_grows_also_past_what_cannot_be_read() -> None:
    said = receipts(mark(ALERT, SENT, {1}), seq=9), report(ALERT, 1, seq=2)
    ledger = fold(Ledger(judge()), audience(ALERT, {1}), call(ALERT, 5), call(ALERT, 0), *said)
    with pytest.raises(Untrusted):
        ledger.fold_call(Stored("fc.call.44", b"noise", 6))
    with pytest.raises(BadMessage):
        ledger.fold_report(Stored("fc.report.44", b"noise", 3))
    fold(ledger, call(ALERT, 4))
    assert ledger.handled == {CALL.name: 6, RECEIPT.name: 9, REPORT.name: 3}


def test_what_changed_is_dirty() -> None:
    ledger = fold(Ledger(judge()), audience(ALERT, {1}))
    for message, touched in (
        (call(ALERT), ALERT),
        (receipts(mark(OTHER, SENT, {1})), OTHER),
        (report(UPDATE, 1), UPDATE),
    ):
        ledger.dirty.clear()
        fold(ledger, message)
        assert ledger.dirty == {touched.id}
    ledger.dirty.clear()
    fold(ledger, call(ALERT), audience(ALERT, {2}))
    assert ledger.dirty == set()
