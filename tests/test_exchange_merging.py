"""Which value of an item stands: each rule said by hand, whatever order the values come in."""

from __future__ import annotations

from itertools import permutations

import pytest

from fusioncmd.errors import BadInput
from fusioncmd.exchange import items
from fusioncmd.exchange.items import Family
from fusioncmd.messages import Report, RosterSlice, encode
from fusioncmd.trust import seals
from fusioncmd.trust.refusals import Untrusted
from loadtest.offices import Offices
from tests.exchange_pair import TOWNS, marks, order_item, replica
from tests.worlds import NOW_MS, audience_of, make_id

TOWN = TOWNS[2]


def roster(edition: int, name: str) -> bytes:
    return encode(RosterSlice(TOWN, edition, ["1"], [name], [""], [0], [], [0], []))


def report(at_ms: int, text: str) -> bytes:
    return encode(Report(make_id(7), make_id(1), 2 << 16, at_ms, text, None, None))


def head(height: int, said: bytes) -> bytes:
    return height.to_bytes(8, "big") + said


REPORT_KEY = items.report_key(make_id(1), 2 << 16, make_id(7))
HEAD_KEY = items.statement_key(Family.HEAD, TOWN, b"audit")
RULES = [  # key, the values, and which of them stands
    (items.roster_key(TOWN), [roster(3, "Li"), roster(2, "Wang"), roster(1, "Zhang")], 0),
    (items.roster_key(TOWN), [roster(300, "Li"), roster(2, "Wang")], 0),
    (items.roster_key(TOWN), [roster(3, "Li"), roster(3, "Ma")], 1),
    (REPORT_KEY, [report(NOW_MS + 1, "a"), report(NOW_MS, "b"), report(NOW_MS + 256, "c")], 1),
    (REPORT_KEY, [report(NOW_MS, "b"), report(NOW_MS, "a")], 1),
    (HEAD_KEY, [head(1, b"z"), head(256, b"a"), head(2, b"b")], 1),
    (HEAD_KEY, [head(2, b"a"), head(2, b"b")], 1),
]


@pytest.mark.parametrize(("key", "values", "best"), RULES)
def test_one_value_stands_in_whatever_order_they_come(key: bytes, values: list[bytes], best: int) -> None:
    order_key, order_value, _ = order_item(1)
    for coming in permutations(values):
        held = replica()
        held.put(order_key, order_value)
        for value in coming:
            held.put(key, value)
        assert held.get(key) == values[best]


def test_of_two_statements_about_one_order_the_lesser_bytes_stand() -> None:
    key, value, order = order_item(1)
    packed = items.order_value(value)
    other = items.pack_order(packed.sealed, encode(audience_of(order, [2 << 16])))
    for coming in permutations((value, other)):
        held = replica()
        for each in coming:
            held.put(key, each)
        assert held.get(key) == min(value, other)
        meant = held.audience(order.id, 2)
        assert meant is not None and meant[1].bit_count() == (1 if other < value else 60)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (items.roster_key(TOWNS[0]), roster(1, "Li")), (items.roster_key("x23456789"), roster(1, "Li")),
        (items.report_key(make_id(1), 3 << 16, make_id(7)), report(NOW_MS, "a")),
        (items.statement_key(Family.REVOKED, TOWN, b"another name"), b"signed"),
        (HEAD_KEY, b"short"), (b"\1\x09" + TOWN.encode() + b"/x", b"signed"), (b"\1\1notaplace/x", b"signed"),
        (items.order_key(make_id(1)), b"no order"), (b"\7key", b""), (b"", b""), (b"\2short", b""),
    ],
)  # fmt: skip
def test_a_value_under_a_key_that_is_not_its_own_is_refused(key: bytes, value: bytes) -> None:
    held = replica()
    with pytest.raises(BadInput):
        held.places(key, value)
        held.put(key, value)
    assert not list(held.held())


def test_an_order_is_believed_only_with_its_seal_and_the_statement_of_its_audience() -> None:
    key, value, order = order_item(1)
    packed = items.order_value(value)
    strange = Offices(9)
    stranger = strange.grant(strange.province, "duty", purposes=("issue",), statuses=("exercise",))
    stolen = seals.seal(encode(order), stranger)
    wider = audience_of(order, range(99))
    moved = encode(type(wider)(order.id, audience_of(order, range(7)).numbers, wider.statement))
    for forged in (items.pack_order(stolen, packed.audience), items.pack_order(packed.sealed, moved)):
        held = replica()
        with pytest.raises(Untrusted):
            held.put(key, forged)
        assert not list(held.held()) and held.put(key, value)


def test_a_container_tells_only_what_is_new() -> None:
    held, told = replica(), []
    key, value, order = order_item(1)
    held.watch(told.append)
    held.put(key, value)
    container = items.container_key(order.id, 2)
    assert held.put(container, marks((3, 1), (1, 2))) and held.put(container, marks((4, 1), (1, 2)))
    assert not held.put(container, marks((3, 1)))
    assert [change.said for change in told] == [None, marks((3, 1), (1, 2)), marks((4, 1))]
    assert held.get(container) == marks((4, 1), (1, 2))
