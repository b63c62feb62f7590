"""One link between a city and a county: what is said, how little, and what is not taken."""

from __future__ import annotations

import pytest

from fusioncmd import limits
from fusioncmd.errors import Forbidden
from fusioncmd.exchange import containers, evidence, items, scope, wire
from fusioncmd.exchange.evidence import ANSWERS_AT, RECEIVED_AT
from fusioncmd.exchange.items import Family, Kind
from fusioncmd.exchange.pace import Pace
from fusioncmd.messages import RosterSlice, TownTable, encode
from fusioncmd.trust import seals
from loadtest.offices import Offices
from tests.exchange_pair import CITY, COUNTY, TOWN, TOWNS, Pair, marks, order_item, replica
from tests.worlds import make_id


def slice_item(town: str, edition: int = 1, people: int = 1) -> tuple[bytes, bytes]:
    ids = [f"{town}{n}" for n in range(people)]
    blank = [""] * people
    return items.roster_key(town), encode(
        RosterSlice(town, edition, ids, blank, blank, [0] * people, [], [0] * people, [])
    )


def kinds(frames: list[bytes]) -> list[str]:
    return [type(entry).__name__ for data in frames for entry in wire.read_frame(data).entries]


def agreed(pace: Pace | None = None) -> tuple[Pair, bytes]:
    """A link on which both hold one order; and the order's id."""
    key, value, order = order_item()
    upper, lower = replica(), replica()
    upper.put(key, value)
    pair = Pair(upper, lower, pace)
    pair.run(5_000)
    assert pair.same and lower.get(key) == value
    pair.spent()
    return pair, order.id


def test_where_nothing_differs_two_short_messages_say_so() -> None:
    pair, _ = agreed()
    pair.run(25_000)
    assert kinds(pair.sent["up"]) == ["Opening"] and kinds(pair.sent["down"]) == ["Opening"]
    assert pair.spent() < 180


def test_a_change_is_told_at_once_and_only_what_is_new() -> None:
    pair, order = agreed()
    key = items.container_key(order, TOWN)
    lower = pair.lower.intake._replica
    lower.put(key, marks(*[(ANSWERS_AT, slot) for slot in range(50)]))
    pair.run(100)
    pair.spent()
    lower.put(key, marks((ANSWERS_AT + 1, 51)))
    pair.run(100)
    assert pair.same and pair.spent() < 60
    pair.run(3_000)
    assert not kinds(pair.sent["down"])  # nothing of it comes back


def test_a_thousand_changes_while_a_link_is_slow_are_one() -> None:
    pair, order = agreed()
    key = items.container_key(order, TOWN)
    for slot in range(60):
        pair.lower.intake._replica.put(key, marks((RECEIVED_AT, slot)))
    pair.run(100)
    assert len(pair.sent["up"]) == 1 and pair.same and pair.spent() < 100


def test_after_a_cut_only_what_differs_is_said() -> None:
    pair, order = agreed()
    lower = pair.lower.intake._replica
    for number in range(2, 12):
        key, value, other = order_item(number)
        lower.put(key, value)
        lower.put(items.container_key(other.id, TOWN), marks((ANSWERS_AT, number)))
    pair.run(2_000)
    pair.upper.cut(pair.now_ms)
    pair.lower.cut(pair.now_ms)
    pair.spent()
    for slot in range(30):
        lower.put(items.container_key(order, TOWN), marks((ANSWERS_AT, slot), (ANSWERS_AT + 1, slot // 2)))
    pair.run(3_600_000)
    assert not pair.spent()
    pair.upper.connect(pair.now_ms)
    pair.lower.connect(pair.now_ms)
    pair.run(1_000)
    assert pair.same and pair.spent() < 1_000


def test_both_directions_are_mended_at_once_and_nobody_is_told_what_they_said() -> None:
    key, value, order = order_item()
    upper, lower = replica(), replica()
    container = items.container_key(order.id, TOWN)
    for each, said in ((upper, marks((ANSWERS_AT, 1), (RECEIVED_AT, 2))), (lower, marks((ANSWERS_AT + 1, 1)))):
        each.put(key, value)
        each.put(container, said)
    pair = Pair(upper, lower)
    pair.run(1_000)
    both = marks((ANSWERS_AT + 1, 1), (RECEIVED_AT, 2))
    assert upper.get(container) == lower.get(container) == both
    assert kinds(pair.sent["up"] + pair.sent["down"]).count("Towns") == 2


def test_what_the_peer_just_said_is_not_said_to_it() -> None:
    pair, order = agreed()
    key, same = items.container_key(order, TOWN), marks((ANSWERS_AT, 4))
    pair.upper.intake._replica.put(key, same)
    pair.lower.intake._replica.put(key, same)
    pair.run(1_000)
    assert kinds(pair.sent["up"] + pair.sent["down"]).count("Towns") == 1


def test_nothing_is_kept_for_a_peer_that_is_cut_off() -> None:
    pair, order = agreed()
    pair.lower.intake._replica.put(items.container_key(order, TOWN), marks((ANSWERS_AT, 4)))
    assert not pair.lower.idle
    pair.lower.cut(pair.now_ms)
    pair.lower.intake._replica.put(items.container_key(order, TOWN), marks((ANSWERS_AT, 5)))
    assert pair.lower.idle and not pair.lower.due(pair.now_ms + 60_000)


def test_evidence_that_overtakes_its_order_waits_for_it() -> None:
    key, value, order = order_item()
    upper, lower = replica(), replica()
    pair = Pair(upper, lower)
    pair.run(2_000)
    held_up: list[bytes] = []
    pair.passes = lambda way, data: "Plain" not in kinds([data]) or bool(held_up.append(data))
    lower.put(key, value)
    pair.run(100)
    lower.put(items.container_key(order.id, TOWN), marks((ANSWERS_AT, 3)))
    pair.run(100)
    assert upper.get(items.container_key(order.id, TOWN)) is None and pair.upper.intake.waiting.held_bytes
    for data in held_up:
        pair.upper.receive(data, pair.now_ms)
    assert upper.get(items.container_key(order.id, TOWN)) == marks((ANSWERS_AT, 3))
    assert not pair.upper.intake.waiting.held_bytes


def test_what_waits_is_bounded() -> None:
    pair, _ = agreed()
    waiting = pair.upper.intake.waiting
    for n in range(300):
        waiting.hold(make_id(n), wire.Towns(make_id(n), 0, bytes(16_000)))
    assert waiting.held_bytes <= limits.EXCHANGE_WAITING_BYTES_MAX and waiting.shed > 0
    assert waiting.take(make_id(0)) == [] and len(waiting.take(make_id(299))) == 1


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
