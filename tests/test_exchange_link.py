"""One link between a city and a county: what is said, how little, and what is not taken."""

from __future__ import annotations

from fusioncmd.exchange import bounds, items, wire
from fusioncmd.exchange.evidence import ANSWERS_AT, RECEIVED_AT
from fusioncmd.exchange.pace import thin
from tests.exchange_pair import TOWN, FarPair, Pair, agreed, kinds, marks, order_item, replica
from tests.worlds import make_id


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


def test_orders_that_go_first_after_a_cut_are_not_said_again_because_a_digest_of_before_lacks_them() -> None:
    """Over a satellite: what was said is on its way for as long as it takes to ask for it."""
    pair = FarPair(replica(), replica(), thin(64_000))
    pair.run(5_000)
    pair.upper.cut(pair.now_ms)
    pair.lower.cut(pair.now_ms)
    items_of = [order_item(number)[:2] for number in range(1, 13)]
    for key, value in items_of:
        pair.lower.intake._replica.put(key, value)
    pair.spent()
    pair.upper.connect(pair.now_ms)
    pair.lower.connect(pair.now_ms)
    pair.run(5_000)
    frames = [wire.read_frame(data) for data in pair.sent["up"]]
    said = [entry.key for frame in frames for entry in frame.entries if isinstance(entry, wire.Plain)]
    assert pair.same and sorted(said) == sorted(key for key, _ in items_of)


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
    assert waiting.held_bytes <= bounds.WAITING_BYTES_MAX and waiting.shed > 0
    assert waiting.take(make_id(0)) == [] and len(waiting.take(make_id(299))) == 1
