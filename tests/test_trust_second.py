"""Two persons for an actual order to many; one for an exercise, for a cancel, and to correct what one signed."""

from __future__ import annotations

from typing import Any

import pytest

from fusioncmd import limits
from fusioncmd.messages import Order, Selector, encode
from fusioncmd.trust import seals
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.refusals import SecondNeeded
from fusioncmd.trust.revocations import Revocations
from fusioncmd.trust.seals import Before, Verified, check_second, needs_second
from loadtest.offices import NOW_MS
from tests.worlds import OFFICES, make_id, make_order

CHEN, LI = OFFICES.people["actual", "Chen Wei"], OFFICES.people["actual", "Li Na"]
ZHAO = OFFICES.grant(OFFICES.city, "Zhao Min", purposes=("approve", "issue"), statuses=("actual",))
CITY, PROVINCE = ("4401",), ("44",)
ABOVE = limits.SECOND_PERSON_PEOPLE


@pytest.mark.parametrize(
    ("people", "nodes", "status", "needed"),
    [
        (ABOVE, CITY, "actual", False), (ABOVE + 1, CITY, "actual", True), (5, PROVINCE, "actual", True),
        (5, ("4401", "44"), "actual", True), (840_000, PROVINCE, "exercise", False),
        (100, CITY, "actual", False),
    ],
)  # fmt: skip
def test_who_needs_a_second_person(people: int, nodes: tuple[str, ...], status: Any, needed: bool) -> None:
    assert needs_second(status, nodes, people, ABOVE) == needed
    assert needs_second(status, nodes, people, 0) == (status == "actual")  # what an operator may set


def signed(order: Order, *by: Credential) -> Verified:
    data = seals.seal(encode(order), by[0])
    for approver in by[1:]:
        data = seals.approve(data, approver)
    return seals.verify(data, OFFICES.anchors, Revocations(OFFICES.anchors), NOW_MS)


def order_of(own: Credential, n: int = 1, **changes: Any) -> Order:
    told = {"status": "actual", "issuer": own.grant.holder, "node": "4401", "audience": Selector(CITY)}
    return make_order(n, **(told | changes))


def is_enough(verified: Verified, before: Verified | None = None, people: int = ABOVE + 1) -> bool:
    known = None if before is None else Before(before.order, before.authors)
    try:
        check_second(verified.order, verified.authors, people, known, ABOVE)
    except SecondNeeded as problem:
        assert problem.reason == "second_person"
        return False
    return True


def test_an_order_to_many_waits_for_its_second_person_and_a_cancel_never_does() -> None:
    assert not is_enough(signed(order_of(CHEN), CHEN)) and is_enough(signed(order_of(CHEN), CHEN), people=ABOVE)
    assert is_enough(signed(order_of(CHEN), CHEN, LI))
    cancel = order_of(ZHAO, 2, msg_type="cancel", refs=make_id(1), answers=())
    assert is_enough(signed(cancel, ZHAO))


ALERT = signed(order_of(CHEN), CHEN, LI)
UPDATE: dict[str, Any] = {"msg_type": "update", "refs": make_id(1), "text": "There is no danger."}


def test_who_signed_or_approved_an_order_corrects_it_alone_and_nobody_else_does() -> None:
    for own, enough in ((CHEN, True), (LI, True), (ZHAO, False)):
        update = signed(order_of(own, 2, **UPDATE), own)
        assert is_enough(update, ALERT) == enough
        assert not is_enough(update)  # of an order that nobody knows
    by_two = signed(order_of(ZHAO, 2, **UPDATE), ZHAO, CHEN)
    assert is_enough(by_two, ALERT)


def test_a_correction_is_of_the_order_that_one_signed_and_of_no_other() -> None:
    own = signed(order_of(CHEN), CHEN, LI)
    theirs = signed(order_of(ZHAO, 5, id=make_id(5)), ZHAO, LI)
    crossed = signed(order_of(CHEN, 6, **UPDATE | {"root": theirs.order.id}), CHEN)  # mine, to take theirs along
    assert not is_enough(crossed, own)
    wider = signed(order_of(CHEN, 6, **UPDATE | {"audience": Selector(("440106",))}), CHEN)
    assert not is_enough(wider, own)
    again = signed(order_of(CHEN, 7, **UPDATE | {"refs": theirs.order.id}), CHEN)
    assert not is_enough(again, own) and not is_enough(again, theirs)


@pytest.mark.parametrize(
    ("was", "becomes", "enough"),
    [
        ("severe", "severe", True), ("severe", "minor", True), ("severe", "unknown", True),
        ("severe", "extreme", False), ("unknown", "minor", False), ("moderate", "severe", False),
    ],
)  # fmt: skip
def test_a_correction_does_not_become_graver(was: str, becomes: str, enough: bool) -> None:
    alert = signed(order_of(CHEN, severity=was), CHEN, LI)
    assert is_enough(signed(order_of(CHEN, 2, **UPDATE, severity=becomes), CHEN), alert) == enough


def test_the_key_that_follows_ones_own_corrects_too_and_that_of_a_namesake_elsewhere_does_not() -> None:
    for above, enough in ((OFFICES.city, True), (OFFICES.province, False)):
        renewed = OFFICES.grant(above, "Chen Wei", purposes=("issue",), path="4401", statuses=("actual",))
        assert is_enough(signed(order_of(renewed, 2, **UPDATE), renewed), ALERT) == enough


def test_the_authors_of_an_order_are_read_again_from_its_seal() -> None:
    data = seals.approve(seals.seal(encode(order_of(CHEN)), CHEN), LI)
    assert seals.authors_in(data, OFFICES.anchors) == ALERT.authors
    assert len({*ALERT.authors}) == 2 and {len(author) for author in ALERT.authors} == {seals.AUTHOR_BYTES}
