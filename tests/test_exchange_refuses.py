"""What an end of a link does not take: what is outside of the subtree, not believed, or not to be read."""

from __future__ import annotations

import pytest

from fusioncmd.errors import Forbidden
from fusioncmd.exchange import containers, evidence, items, scope, wire
from fusioncmd.exchange.evidence import ANSWERS_AT
from fusioncmd.exchange.items import Family, Kind
from fusioncmd.messages import TownTable, encode
from fusioncmd.trust import seals
from loadtest.offices import Offices
from tests.exchange_pair import CITY, COUNTY, TOWN, TOWNS, agreed, marks, order_item, slice_item

OTHERS = "440103"  # a county that this link does not belong to
BAD = {
    "another county's evidence": lambda: order_and(items.container_key(order_item(9, "44")[2].id, 0)),
    "another county's roster": lambda: [slice_item(TOWNS[0])],
    "an order that does not concern it": lambda: [order_item(9, OTHERS)[:2]],
    "another county's statement": lambda: [statement(OTHERS)],
}


def order_and(container: bytes) -> list[tuple[bytes, object]]:
    return [order_item(9, "44")[:2], (container, marks((ANSWERS_AT, 1)))]


def statement(place: str) -> tuple[bytes, bytes]:
    return items.statement_key(Family.REVOKED, place, items.name_of(b"signed")), b"signed"


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("way", ["up", "down"])
def test_what_is_outside_of_the_subtree_is_refused_item_by_item(what: str, way: str) -> None:
    """Whoever sends it breaks its own rule; the other end keeps it, and takes what is good in the same message."""
    pair, order = agreed()
    cheat, honest = (pair.lower, pair.upper) if way == "up" else (pair.upper, pair.lower)
    cheat.intake.concerns = lambda key, places: True  # type: ignore[method-assign]
    own = items.container_key(order, TOWN), marks((ANSWERS_AT, 7))
    wrong = BAD[what]()
    for key, value in (*wrong, own):
        cheat.intake._replica.put(key, value)  # type: ignore[arg-type]
    pair.run(2_000)
    assert honest.intake._replica.get(wrong[-1][0]) is None
    assert honest.intake._replica.get(own[0]) == own[1]
    assert honest.intake.refused["Forbidden"] > 0


def test_town_numbers_come_from_above_only() -> None:
    pair, _ = agreed()
    more = (*TOWNS, "440106002")
    key = items.statement_key(Family.TOWNS, "44", b"")
    value = (2).to_bytes(8, "big") + encode(TownTable(2, more))
    pair.lower.intake._replica.put(key, value)
    pair.run(2_000)
    assert pair.upper.intake._replica.get(key) is None and pair.upper.intake.refused["Forbidden"]
    newer = (3).to_bytes(8, "big") + encode(TownTable(3, (*more, "440106003")))
    pair.upper.intake._replica.put(key, newer)
    pair.run(2_000)
    assert pair.lower.intake._replica.get(key) == newer and pair.same


def test_an_order_that_the_judge_does_not_believe_is_not_taken_and_its_evidence_neither() -> None:
    pair, _ = agreed()
    key, value, order = order_item(2)
    strange = Offices(9)
    stranger = strange.grant(strange.province, "duty", purposes=("issue",), statuses=("exercise",))
    forged = items.pack_order(seals.seal(encode(order), stranger), items.order_value(value).audience)
    cheat = pair.lower.intake._replica
    cheat._judge = lambda value, known: order  # type: ignore[method-assign]
    cheat.put(key, forged)
    cheat.put(items.container_key(order.id, TOWN), marks((ANSWERS_AT, 1)))
    pair.run(10_000)
    honest = pair.upper.intake._replica
    assert honest.get(key) is None and honest.get(items.container_key(order.id, TOWN)) is None
    assert pair.upper.intake.refused["Untrusted"] > 0
    spent = [pair.run(60_000) or pair.spent() for _ in range(3)]
    assert spent[-1] < 40_000  # and it is not asked for ever more often


def test_places_beside_one_another_have_no_link() -> None:
    with pytest.raises(Forbidden):
        scope.link(COUNTY, OTHERS)
    assert scope.link(CITY, COUNTY) == scope.Scope(COUNTY, True)
    assert scope.link(COUNTY, CITY) == scope.Scope(COUNTY, False)


def test_a_village_hears_of_its_town() -> None:
    village = scope.link("440106001", "440106001101")
    assert village.holds(("440106001",)) and village.holds(("44",)) and not village.holds(("440106002",))


def test_evidence_of_an_order_stays_where_the_order_goes() -> None:
    """The city's evidence of people outside the order's audience is not pressed on a county that has no such order."""
    pair, _ = agreed()
    key, value, order = order_item(2, OTHERS)
    upper = pair.upper.intake._replica
    upper.put(key, value)
    upper.put(items.container_key(order.id, TOWN), marks((ANSWERS_AT, 1)))
    pair.run(5_000)
    assert pair.same and not pair.lower.intake.refused
    assert evidence.everyone(upper.get(items.container_key(order.id, TOWN))) == 2  # type: ignore[arg-type]
    assert all(key[0] != Kind.CONTAINER for key in pair.lower.index.digests)


def test_evidence_by_another_audience_is_not_read_by_this_one() -> None:
    pair, order = agreed()
    upper = pair.upper.intake._replica
    meant = upper.audience(order, TOWN)
    assert meant is not None
    body = bytes([TOWN]) + containers.write(marks(*[(ANSWERS_AT, slot) for slot in range(1, 59)]), meant[1], False)
    assert body[1] & containers.BY_AUDIENCE
    for seq, check in ((900, meant[0] ^ 1), (901, 0)):
        frame = wire.pack_frame(2, 1, seq, (0, 0), [wire.pack_entry(wire.Towns(order, check, body))])
        pair.upper.receive(frame, pair.now_ms)
        assert upper.get(items.container_key(order, TOWN)) is None
    assert pair.upper.intake.refused["BadMessage"] == 2
    right = wire.pack_frame(2, 1, 902, (0, 0), [wire.pack_entry(wire.Towns(order, meant[0], body))])
    pair.upper.receive(right, pair.now_ms)
    assert upper.get(items.container_key(order, TOWN)) is not None
