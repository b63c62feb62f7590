"""What a kit that comes back says with its first packet (0-RTT), and what of that anybody could replay."""

from __future__ import annotations

from gateways.satellite.carrying import Kind
from gateways.satellite.classes import Class
from tests.satellite_link import World, exchange


def test_who_restarts_goes_on_with_a_ticket_and_the_order_goes_with_the_first_packet() -> None:
    world = World()
    world.connect()
    world.run(for_s=2)
    world.restart_kit()
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
    world.restart_kit()
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
    world.restart_kit()
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
    world.restart_kit()
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
    world.restart_kit()
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
