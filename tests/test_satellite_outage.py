"""Outages of a satellite link, restarts of its ends, and what of them anybody could replay."""

from __future__ import annotations

import pytest
from aioquic.quic.packet_builder import QuicDeliveryState

from gateways.satellite import quic_sending
from gateways.satellite.carrying import Kind
from gateways.satellite.classes import Class
from gateways.satellite.quic_recovery import Sender
from gateways.satellite.rate import Rate
from tests.satellite_link import KIT, World, exchange

ORDER = exchange(b"order " * 100)


def keep_uploading(world: World, until_s: float) -> None:
    """A clip, as a carrier hands it over: never more than some letters wait."""
    while world.kit.waiting(Class.CLIPS) < 12_000:
        world.kit.say(Class.CLIPS, bytes((Kind.KEPT,)) + bytes(3_000))
    if world.now_s < until_s:
        world.at(world.now_s + 0.25, lambda: keep_uploading(world, until_s))


def restart_kit(world: World) -> None:
    world.kit = world.make_kit()
    world.kit_node.turns.clear()


def test_after_an_outage_of_ten_minutes_the_order_comes_at_once_and_the_link_is_full_again() -> None:
    world = World(loss=0.01, seed=5)
    world.connect()
    keep_uploading(world, world.now_s + 620)
    world.run(for_s=5)
    world.cut(True)
    cut_s = world.now_s
    world.run(for_s=595)
    assert world.kit.say(Class.ORDERS, ORDER) and world.hub_end.say(Class.ORDERS, ORDER[:-1])
    world.run(for_s=5)
    assert not world.kit.up and not world.hub_end.up
    back_s = world.now_s
    assert world.bytes_sent("up", cut_s) * 8 / 600 < 16_000  # what is said into an outage is probes
    world.cut(False)
    world.run(for_s=10)
    assert world.hub_node.when(ORDER) - back_s < 1.5 and world.kit_node.when(ORDER[:-1]) - back_s < 1.5
    in_use = sum(size for at, _, way, size in world.sent if way == "up" and back_s + 4 <= at < back_s + 9) * 8 / 5
    assert in_use > 0.95 * 64_000
    down, up = world.kit_node.turns[1:]
    assert not down[1] and up[1] and up[0] - back_s < 1.5
    assert cut_s + 4 < down[0] < cut_s + 31  # 5 s where something was said, 30 s where nothing was


def test_an_outage_of_days_in_which_more_was_said_than_packet_numbers_of_two_bytes_can_tell() -> None:
    world = World()
    world.connect()
    world.cut(True)
    assert world.kit.wire is not None
    world.kit.wire.connection._packet_number += 300_000  # three days of probes
    world.hub.comers[KIT].wire.connection._packet_number += 300_000
    world.kit.say(Class.ORDERS, ORDER)
    world.hub_end.say(Class.ORDERS, ORDER)
    world.run(for_s=40)
    back_s = world.now_s
    world.cut(False)
    world.run(lambda: ORDER in world.hub_node.of(Class.ORDERS) and ORDER in world.kit_node.of(Class.ORDERS), 3)
    assert world.now_s - back_s < 1.5 and world.kit.connections == 1


def test_keys_are_changed_before_they_wear_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quic_sending, "KEY_PACKETS_MAX", 40)
    lost: list[int] = []
    monkeypatch.setattr(Rate, "on_packets_lost", lambda self, *, now, packets: lost.append(len(list(packets))))
    world = World()
    world.connect()
    keep_uploading(world, world.now_s + 20)
    world.run(for_s=20)
    assert lost == []  # what went under the key before is read as well
    for n in range(5):
        world.hub_end.say(Class.ORDERS, exchange(f"{n}"))
    world.run(lambda: len(world.kit_node.of(Class.ORDERS)) == 5, 5)
    assert sum(map(len, world.hub_node.of(Class.CLIPS))) > 20 * 64_000 / 8 * 0.85
    assert world.kit.connections == 1 and len(world.kit_node.turns) == 1


def test_bytes_that_were_given_up_and_then_acknowledged_are_not_said_again() -> None:
    sender = Sender(stream_id=2, writable=True)
    sender.write(bytes(300))
    assert sender.get_frame(200) is not None
    sender.on_data_delivery(QuicDeliveryState.LOST, 0, 200, False)
    assert sender.waiting_bytes == 300
    sender.on_late_delivery(QuicDeliveryState.LOST, 0, 200, False)
    sender.on_late_delivery(QuicDeliveryState.ACKED, 0, 200, False)
    assert (sender.waiting_bytes, sender.acked) == (100, 200)
    again = sender.get_frame(200)
    assert again is not None and (again.offset, len(again.data)) == (200, 100)
    sender.on_data_delivery(QuicDeliveryState.LOST, 100, 300, False)  # half of it had come
    assert sender.waiting_bytes == 100


def test_a_link_that_is_cut_one_way_is_gone_at_both_ends_and_comes_back() -> None:
    world = World()
    world.connect()
    world.cut(True, direction="down")
    world.kit.say(Class.ORDERS, ORDER)
    world.run(lambda: not world.kit.up, 10)
    world.run(lambda: not world.hub_end.up, 50)
    assert world.hub_node.of(Class.ORDERS) == [ORDER]
    world.cut(False)
    world.run(lambda: world.kit.up and world.hub_end.up, 2.5)
    assert world.hub_node.of(Class.ORDERS) == [ORDER]


def test_a_quiet_hour_costs_little() -> None:
    world = World()
    world.connect()
    world.run(for_s=10)
    began_s = world.now_s
    world.run(for_s=3_600)
    assert world.kit.up and len(world.kit_node.turns) == 1
    assert world.bytes_sent("up", began_s) + world.bytes_sent("down", began_s) < 30_000


def test_who_restarts_goes_on_with_a_ticket_and_the_order_goes_with_the_first_packet() -> None:
    world = World()
    world.connect()
    world.run(for_s=2)
    restart_kit(world)
    world.kit.say(Class.REPORTS, exchange("a report waits for the handshake"))
    world.kit.say(Class.ORDERS, exchange("an order does not"))
    world.kit.say(Class.ORDERS, bytes((Kind.BEAT,)) + b"nor a beat")
    began_s = world.now_s
    world.start()
    world.run(for_s=0.55)  # 0.3 s there, and the line takes its time
    assert world.hub_node.of(Class.ORDERS) == [exchange("an order does not")]
    assert not world.kit.up
    world.run(lambda: len(world.hub_node.heard) == 3, 3)
    assert world.kit.facts().resumed == 1 and world.hub_end.resumed == 1
    assert world.hub_node.when(exchange("a report waits for the handshake")) - began_s > 0.9
    assert sum(came for _, came in world.hub_node.turns) == 1  # the hub never said that the kit had been away


def test_what_is_replayed_of_a_first_packet_is_said_to_nobody() -> None:
    world = World()
    world.connect()
    world.run(for_s=2)
    restart_kit(world)
    world.kit.say(Class.ORDERS, exchange("once"))
    overheard: list[bytes] = []
    world.tap = lambda way, direction, data: overheard.append(data) if direction == "up" else None
    world.start()
    world.run(lambda: world.kit.up, 5)
    first = overheard[:3]
    world.tap = lambda way, direction, data: None
    assert world.hub_node.of(Class.ORDERS) == [exchange("once")]
    for n in range(3):
        for data in first:
            world.hear(data, ("10.9.9.9", 6_000 + n))
        world.run(for_s=2)
    assert world.hub_node.of(Class.ORDERS) == [exchange("once")]
    world.kit.say(Class.ORDERS, exchange("the kit is still there"))
    world.run(for_s=2)
    assert world.kit.up and world.hub_end.up and world.kit.connections == 1
    assert world.hub_node.of(Class.ORDERS)[1:] == [exchange("the kit is still there")]


def test_what_is_replayed_once_the_connection_is_forgotten_finds_its_ticket_used() -> None:
    world = World()
    world.connect()
    world.run(for_s=2)
    restart_kit(world)
    world.kit.say(Class.ORDERS, exchange("once"))
    overheard: list[bytes] = []
    world.tap = lambda way, direction, data: overheard.append(data) if direction == "up" else None
    world.start()
    world.run(lambda: world.kit.up, 5)
    world.tap = lambda way, direction, data: None
    world.kit.close()
    world.run(for_s=5)
    assert not world.hub.comers
    for data in overheard[:3]:
        world.hear(data, ("10.9.9.9", 6_000))
    assert world.hub._half_open  # it is somebody who has shown nothing
    world.run(for_s=20)
    assert world.hub_node.of(Class.ORDERS) == [exchange("once")] and not world.hub_end.up


def test_of_what_a_kit_says_before_its_handshake_is_over_only_messages_of_the_exchange_are_taken() -> None:
    """It is one that keeps to no rule: it says all there is early."""
    world = World()
    world.connect()
    world.run(for_s=2)
    restart_kit(world)
    for letter in (bytes((Kind.BEAT,)) + b"beat", exchange("order"), bytes((Kind.FLOOR,)) + b"floor"):
        world.kit.turns.say(Class.ORDERS, letter, None, world.now_s, early=True)
    world.start()
    world.run(for_s=0.55)
    assert world.hub_node.of(Class.ORDERS) == [exchange("order")]
    world.run(for_s=5)
    assert world.kit.up and world.hub_node.of(Class.ORDERS) == [exchange("order")]


def test_a_replay_that_comes_before_the_first_packet_itself_is_said_once_more_and_only_what_may_be() -> None:
    """Whoever holds the original back and sends a copy has the hub take the copy; the kit then says it again."""
    world = World()
    world.connect()
    world.run(for_s=2)
    restart_kit(world)
    world.kit.say(Class.ORDERS, exchange("idempotent"))
    world.cut(True)
    overheard: list[bytes] = []
    world.tap = lambda way, direction, data: overheard.append(data) if direction == "up" else None
    world.start()
    world.run(for_s=0.5)
    world.tap = lambda way, direction, data: None
    for data in overheard:
        world.hear(data, ("10.9.9.9", 6_000))
    assert world.hub_node.of(Class.ORDERS) == [exchange("idempotent")]
    world.cut(False)
    world.run(lambda: world.kit.up, 40)
    world.run(for_s=3)
    assert set(world.hub_node.of(Class.ORDERS)) == {exchange("idempotent")}
    assert len(world.hub_node.of(Class.ORDERS)) <= 2


def test_a_hub_that_restarts_is_known_to_be_another_at_the_first_packet_and_nothing_is_lost() -> None:
    world = World()
    world.connect()
    world.run(for_s=2)
    world.hub = world.make_hub()
    world.hub_node.turns.clear()
    for n in range(5):
        world.kit.say(Class.ORDERS, exchange(f"order {n}"))
    began_s = world.now_s
    world.run(lambda: len(world.hub_node.of(Class.ORDERS)) >= 5, 10)
    assert world.now_s - began_s < 4
    assert set(world.hub_node.of(Class.ORDERS)) == {exchange(f"order {n}") for n in range(5)}
    assert world.kit.connections == 2 and world.kit.resumed == 0  # a ticket of the other is refused: all is made anew


def test_both_ends_restart_in_an_outage_and_the_first_order_is_there_soon_after_it() -> None:
    world = World(loss=0.01, seed=2)
    world.connect()
    world.cut(True)
    world.run(for_s=100)
    world.hub, world.ticket = world.make_hub(), None
    restart_kit(world)
    world.kit.say(Class.ORDERS, ORDER)
    world.start()
    world.run(for_s=100)
    back_s = world.now_s
    world.cut(False)
    world.run(lambda: ORDER in world.hub_node.of(Class.ORDERS), 10)
    assert world.now_s - back_s < 4  # a whole handshake, of three round trips with its order
