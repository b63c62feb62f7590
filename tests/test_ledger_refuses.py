"""The ledger keeps nothing of an order that proves nothing, and goes on as if it had not come."""

from __future__ import annotations

import pytest
from pyroaring import BitMap

from fusioncmd.bus.port import Stored
from fusioncmd.messages import Selector
from fusioncmd.trust.refusals import Untrusted
from tests.test_ledger import ALERT, OTHER, audience, call, fold
from tests.worlds import NOW_MS, judge, make_order
from tiers.ledger import Ledger


def test_an_order_of_which_no_node_says_whom_it_means_is_refused_and_changes_nothing() -> None:
    ledger = fold(Ledger(judge()), audience(OTHER, {1}))
    for refused in (call(ALERT), Stored("fc.call.44.01", call(OTHER).data, 1), call(make_order(4, text="Stay."))):
        with pytest.raises(Untrusted):
            fold(ledger, refused)
    assert ledger.book.orders == {} and not any(account.order for account in ledger.accounts.values())
    assert fold(ledger, call(OTHER)).targeted(OTHER) == BitMap([1])


def test_of_an_update_that_is_for_others_than_its_alert_nothing_is_kept() -> None:
    ledger = fold(Ledger(judge()), audience(ALERT, {1}), call(ALERT))
    for changes, reason in (({"audience": Selector(("44",), ("flood",))}, "scope"), ({"status": "actual"}, "mode")):
        with pytest.raises(Untrusted) as caught:
            fold(ledger, call(make_order(2, msg_type="update", refs=ALERT.id, **changes)))
        assert caught.value.reason == reason and ledger.book.state(ALERT, NOW_MS) == "open"
