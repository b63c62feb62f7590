"""Narrow pipes: 560 bits at a time, few bytes on their way, items longer than a message, losses, new processes."""

from __future__ import annotations

import random

import pytest

from fusioncmd.exchange import bounds, items, scope, wire
from fusioncmd.exchange.digests import mark_of
from fusioncmd.exchange.evidence import ANSWERS_AT, RECEIVED_AT
from fusioncmd.exchange.exchange import Exchange
from fusioncmd.exchange.flow import Clock, Flow
from fusioncmd.exchange.items import Family, Kind
from fusioncmd.exchange.pace import Pace
from fusioncmd.exchange.waiting import Parts
from fusioncmd.exchange.wire import Part
from tests.exchange_pair import CITY, COUNTY, TOWN, TOWNS, Pair, agreed, kinds, marks, order_item, replica, slice_item

SHORT = Pace(message_bytes=bounds.MESSAGE_BYTES_MIN, in_flight_bytes=700, parts=4, listed_max=8)


def test_messages_of_560_bits_carry_a_whole_small_state() -> None:
    key, value, order = order_item()
    upper, lower = replica(), replica()
    upper.put(key, value)
    lower.put(*slice_item(TOWNS[TOWN]))
    pair = Pair(upper, lower, SHORT)
    pair.run(30_000)
    assert pair.same and lower.get(key) == value
    for slot in range(0, 60, 2):
        lower.put(items.container_key(order.id, TOWN), marks((ANSWERS_AT + slot % 3, slot)))
        upper.put(items.container_key(order.id, TOWN), marks((ANSWERS_AT + 1, 59 - slot), (RECEIVED_AT, slot)))
    pair.run(30_000)
    assert pair.same and upper.get(items.container_key(order.id, TOWN)) == lower.get(
        items.container_key(order.id, TOWN)
    )
    assert max(map(len, pair.sent["up"] + pair.sent["down"])) <= 70


def test_one_answer_is_one_message_of_560_bits() -> None:
    pair, order = agreed(SHORT)
    pair.lower.intake._replica.put(items.container_key(order, TOWN), marks((ANSWERS_AT, 1)))
    pair.run(100)
    assert pair.same and kinds(pair.sent["up"]) == ["Towns"]


def test_many_containers_are_found_by_560_bits_at_a_time() -> None:
    """Sums are split, lists halved, and what cannot be narrowed is said outright."""
    upper, lower = replica(), replica()
    for n in range(1, 25):
        key, value, order = order_item(n)
        for each in (upper, lower):
            each.put(key, value)
            each.put(items.container_key(order.id, TOWN), marks((RECEIVED_AT, n)))
    lower.put(items.container_key(order.id, TOWN), marks((ANSWERS_AT, 5)))
    pair = Pair(upper, lower, SHORT)
    pair.run(60_000)
    assert pair.same
    assert {"Opening", "Sums"} <= set(kinds(pair.sent["up"] + pair.sent["down"]))


@pytest.mark.parametrize("people", [90, 20_000])
def test_an_item_longer_than_a_message_comes_in_pieces(people: int) -> None:
    pair, _ = agreed(Pace(message_bytes=1_000 if people < 100 else 16_384, in_flight_bytes=70_000))
    key, value = slice_item(TOWNS[TOWN], 1, people)
    pair.upper.intake._replica.put(key, value)
    pair.run(30_000)
    assert pair.lower.intake._replica.get(key) == value and "Part" in kinds(pair.sent["down"])


def noise(height: int) -> tuple[bytes, bytes]:
    """A statement of 15 KB that cannot be squeezed; the highest stands."""
    data = height.to_bytes(8, "big") + random.Random(height).randbytes(15_000)
    return items.statement_key(Family.HEAD, COUNTY, b"audit"), data


def test_an_item_that_changes_while_its_pieces_go_is_said_as_it_is_then() -> None:
    pair, _ = agreed(Pace(message_bytes=1_000, in_flight_bytes=2_000))
    upper = pair.upper.intake._replica
    upper.put(*noise(1))
    pair.run(50)
    key, newer = noise(2)
    upper.put(key, newer)
    pair.run(10_000)
    assert pair.lower.intake._replica.get(key) == newer and not pair.lower.intake.refused
    assert pair.spent() < 1.5 * len(newer)  # the rest of the old one is not sent


def test_pieces_of_two_values_make_none() -> None:
    pair, _ = agreed()
    key, one = slice_item(TOWNS[TOWN], 1, 50)
    other = one.replace(TOWNS[TOWN].encode() + b"7", TOWNS[TOWN].encode() + b"8")
    mark, packed = mark_of(items.digest(key, one)), wire.pack_item(key, other)
    entries = [wire.pack_entry(Part(mark, at, len(packed), packed[at : at + 400])) for at in range(0, len(packed), 400)]
    pair.lower.receive(wire.pack_frame(1, 2, 900, (0, 0), entries), pair.now_ms)
    assert pair.lower.intake._replica.get(key) is None and pair.lower.intake.refused["BadMessage"] == 1


def test_no_more_is_on_its_way_than_the_link_may_carry() -> None:
    pace = Pace(message_bytes=1_000, in_flight_bytes=4_000)
    pair, _ = agreed(pace)
    pair.passes = lambda way, data: way == "up"
    pair.upper.intake._replica.put(*noise(1))
    pair.run(2_000)
    assert 3_000 <= pair.upper.flow.in_flight_bytes <= 4_000


def test_orders_go_first_then_containers_rosters_and_reports() -> None:
    upper, lower = replica(), replica()
    lower.put(*slice_item(TOWNS[TOWN], 1, 30))
    for n in range(1, 4):
        key, value, order = order_item(n)
        lower.put(key, value)
        lower.put(items.container_key(order.id, TOWN), marks((ANSWERS_AT, n)))
    pair = Pair(upper, lower, Pace(message_bytes=3_000, in_flight_bytes=3_000))
    pair.run(10_000)
    said = [entry for data in pair.sent["up"] for entry in wire.read_frame(data).entries]
    carried = [
        Kind.CONTAINER if isinstance(entry, wire.Towns) else Kind(entry.key[0])
        for entry in said
        if isinstance(entry, wire.Plain | wire.Towns)
    ]
    assert pair.same and carried == sorted(carried) and len(set(carried)) == 3


def test_what_is_lost_is_said_again_without_a_round() -> None:
    pair, order = agreed()
    losing = True
    pair.passes = lambda way, data: not (losing and way == "up")
    pair.lower.intake._replica.put(items.container_key(order, TOWN), marks((ANSWERS_AT, 1)))
    pair.run(300)
    losing = False
    pair.run(4_000)
    assert pair.same and kinds(pair.sent["up"]).count("Towns") > 1 and "Opening" not in kinds(pair.sent["up"])


def test_a_peer_that_starts_anew_without_its_state_is_given_all_of_it() -> None:
    pair, order = agreed()
    pair.lower.intake._replica.put(items.container_key(order, TOWN), marks((ANSWERS_AT, 1)))
    pair.run(1_000)
    empty = replica()
    pair.upper = Exchange(empty, scope.link(CITY, COUNTY), False, 77, random.Random(1).random, Pace())
    pair.upper.connect(pair.now_ms)
    pair.lower.intake._replica.put(items.container_key(order, TOWN), marks((ANSWERS_AT, 2)))
    pair.run(10_000)
    assert pair.same and empty.get(items.container_key(order, TOWN)) == marks((ANSWERS_AT, 1), (ANSWERS_AT, 2))


def test_the_return_of_a_silent_link_is_noticed_in_seconds() -> None:
    pair, order = agreed()
    cut = True
    pair.passes = lambda way, data: not cut
    pair.upper.intake._replica.put(items.container_key(order, TOWN), marks((ANSWERS_AT, 1)))
    pair.run(600_000)
    pair.lower.intake._replica.put(items.container_key(order, TOWN), marks((ANSWERS_AT, 2)))
    assert pair.spent() < 20_000  # ten minutes of probing
    cut = False
    pair.run(10_000)
    assert pair.same


def test_a_clock_that_was_set_stops_nothing() -> None:
    clock = Clock()
    moments = [clock.tick(ms) for ms in (10_000_000, 10_000_100, 6_400_000, 6_400_050, 99_999_999)]
    assert moments == [0, 100, 100, 150, 150 + bounds.STEP_MS_MAX]


def test_an_acknowledgement_of_another_process_is_none() -> None:
    flow: Flow[str] = Flow(5, 1_000)
    flow.sent(flow.number(), 100, ["work"], 0)
    flow.heard(wire.Frame(9, 4, 0, 1, 0, ()), 10)
    assert flow.in_flight_bytes == 100
    flow.heard(wire.Frame(9, 5, 0, 1, 0, ()), 10)
    assert flow.in_flight_bytes == 0


def test_a_frame_that_comes_twice_is_read_once() -> None:
    flow: Flow[str] = Flow(5, 1_000)
    frame = wire.Frame(9, 5, 3, 0, 0, ())
    assert flow.heard(frame, 0) == (True, True) and flow.heard(frame, 1) == (False, False)
    assert flow.acks() == (3, 0)
    assert flow.heard(wire.Frame(9, 5, 1, 0, 0, ()), 2)[0] and flow.acks() == (3, 0b10)


def test_pieces_are_put_together_in_any_order_and_bounded() -> None:
    parts, whole = Parts(), bytes(range(100))
    pieces = [Part(b"12345678", at, 100, whole[at : at + 30]) for at in range(0, 100, 30)]
    random.Random(1).shuffle(pieces)
    assert [parts.take(piece) for piece in (*pieces[:2], pieces[0], *pieces[2:])] == [None, None, None, None, whole]
    assert parts.take(Part(b"12345678", 90, 100, bytes(20))) is None
    for n in range(4):
        parts.take(Part(n.to_bytes(8, "big"), 0, bounds.ITEM_BYTES_MAX, b"x"))
    assert parts.shed > 0


def test_a_round_in_the_middle_of_a_long_transfer_repeats_no_more_than_one_item() -> None:
    upper, lower = replica(), replica()
    chance = random.Random(1)
    for data in (chance.randbytes(15_000) for _ in range(6)):
        lower.put(items.statement_key(Family.REVOKED, COUNTY, items.name_of(data)), data)
    pair = Pair(upper, lower, Pace(message_bytes=1_000, in_flight_bytes=2_000, insist_ms=1_000, repair_ms=1_000))
    pair.run(5_000)
    rounds = kinds(pair.sent["up"]).count("Opening")
    assert pair.same and rounds > 1
    assert pair.spent() < 6 * 15_500 + rounds * 15_000  # of each the one that it met half sent
