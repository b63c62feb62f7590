"""Outages of a satellite link, and restarts of its ends."""

from __future__ import annotations

import os

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


@pytest.mark.parametrize("phase_s", [0.0, 0.06, 0.12, 0.18])
def test_whenever_an_outage_ends_a_node_that_waited_for_its_link_has_its_order_through(phase_s: float) -> None:
    """It says nothing into a link that is cut: the order goes when the hub's end has turned."""
    world = World()
    world.connect()
    keep_uploading(world, world.now_s + 200)
    world.run(for_s=5)
    world.cut(True)
    world.run(for_s=40 + phase_s)
    lately = world.now_s - 20
    assert sum(world.bytes_sent(way, lately) for way in ("up", "down")) / 20 < 700  # short probes: 2.5 MB an hour
    back_s = world.now_s
    world.cut(False)
    world.run(lambda: world.hub_end.up, 2)
    assert world.now_s - back_s < 0.95
    world.run(for_s=0.05)  # its node is told, and says what waits
    order = exchange(os.urandom(800))
    world.hub_end.say(Class.ORDERS, order)
    world.run(lambda: order in world.kit_node.of(Class.ORDERS), 2)
    assert world.now_s - back_s < 1.45


def test_an_order_that_is_lost_on_a_quiet_link_is_said_again_after_little_more_than_a_round_trip() -> None:
    world = World()
    world.connect()
    world.run(for_s=5)
    said_s, order = world.now_s, exchange(os.urandom(300))
    world.hub_end.say(Class.ORDERS, order)
    world.cut(True, direction="down")
    world.run(for_s=0.2)
    world.cut(False)
    world.run(lambda: order in world.kit_node.of(Class.ORDERS), 5)
    assert world.now_s - said_s < 1.8


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
    world.restart_kit()
    world.kit.say(Class.ORDERS, ORDER)
    world.start()
    world.run(for_s=100)
    back_s = world.now_s
    world.cut(False)
    world.run(lambda: ORDER in world.hub_node.of(Class.ORDERS), 10)
    assert world.now_s - back_s < 4  # a whole handshake, of three round trips with its order
