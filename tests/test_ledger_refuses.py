"""The ledger keeps nothing of an order that proves nothing, and goes on as if it had not come."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyroaring import BitMap

from fusioncmd.bus.port import Stored
from fusioncmd.messages import Selector, encode
from fusioncmd.trust import seals
from fusioncmd.trust.refusals import SecondNeeded, Untrusted
from tests.test_ledger import ALERT, OTHER, audience, call, fold
from tests.worlds import DUTY, NOW_MS, judge, make_order
from tiers.ledger import Ledger
from tiers.ledger_files import LedgerFiles, images


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


def test_an_actual_order_to_the_province_by_one_person_enters_no_ledger_and_its_correction_by_a_signer_does(
    tmp_path: Path,
) -> None:
    alert = make_order(1, status="actual")
    alone = Stored("fc.call.44", seals.seal(encode(alert), DUTY["actual"]), 1)
    ledger = fold(Ledger(judge()), audience(alert, {1}))
    with pytest.raises(SecondNeeded):
        fold(ledger, alone)
    fold(ledger, call(alert))
    files = LedgerFiles(tmp_path)
    files.save(images(ledger), ledger.handled)
    again = files.load(judge())  # who signed it is known after a restart, too
    update = make_order(2, status="actual", msg_type="update", refs=alert.id, text="There is no danger.")
    fold(again, audience(update), Stored("fc.call.44", seals.seal(encode(update), DUTY["actual"]), 2))
    assert again.book.state(alert, NOW_MS) == "replaced"
