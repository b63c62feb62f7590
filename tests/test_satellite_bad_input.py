"""What anybody can send to a satellite port, and what a kit that was let in can do: bounded, counted, survived."""

from __future__ import annotations

import os
from random import Random

import pytest

from gateways.satellite import quic_opening
from gateways.satellite.carrying import Kind
from gateways.satellite.classes import WAITING_BYTES_MAX, Class
from gateways.satellite.hub_end import HALF_OPEN_FREE, HALF_OPEN_MAX
from gateways.satellite.quic_connection import CONNECTION_BYTES, STREAM_BYTES
from gateways.satellite.rate import Rate
from gateways.satellite.turns import Turns
from tests.satellite_link import KIT_IDENTITY, World, exchange


def still_works(world: World) -> None:
    said = exchange(os.urandom(8))
    assert world.kit.say(Class.ORDERS, said) and world.hub_end.say(Class.ORDERS, said)
    world.run(lambda: said in world.hub_node.of(Class.ORDERS) and said in world.kit_node.of(Class.ORDERS), 8)
    assert world.kit.up and world.hub_end.up


def first_packet() -> bytes:
    wire = quic_opening.dial(KIT_IDENTITY, "w", Turns(), Rate(64_000), 0.0, None, lambda ticket: None)
    return wire.transmit(0.0)[0][0]


@pytest.mark.parametrize("seed", range(3))
def test_garbage_at_either_end_harms_nobody(seed: int) -> None:
    world, random = World(), Random(seed)
    world.connect()
    seen: list[tuple[str, bytes]] = []
    world.tap = lambda way, direction, data: seen.append((direction, data))
    still_works(world)
    world.tap = lambda way, direction, data: None
    for n in range(400):
        direction, real = random.choice(seen)
        data = bytearray(
            random.choice([real, random.randbytes(random.randrange(1_300)), first_packet() if n % 40 == 0 else real])
        )
        for _ in range(random.randrange(4)):
            if data:
                data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        if direction == "up":
            world.hear(bytes(data), ("10.6.6.6", n))
            world.hear(bytes(data), world.sources["sat"])
        else:
            world.kit.receive(bytes(data), "sat", world.now_s)
    still_works(world)
    assert world.kit.connections == 1


def test_a_flood_of_beginnings_is_asked_to_show_where_it_is_and_keeps_no_kit_out() -> None:
    world = World()
    answered: dict[int, int] = {}
    for n in range(300):
        comer, answers = world.hub.receive(first_packet(), ("10.7.7.7", n), world.now_s)
        answered[n] = sum(len(data) for data, _ in answers)
        assert (comer is not None) == (n < HALF_OPEN_FREE)
        assert answered[n] < 200  # no more is sent to an address than came from it
    assert world.hub.retried == 300 - HALF_OPEN_FREE
    world.connect()
    assert world.hub.retried > 300 - HALF_OPEN_FREE  # the kit was asked as well, and answered
    still_works(world)
    world.run(for_s=20)
    assert len(world.hub._half_open) == 0 and len(world.hub._by_id) <= 10


def test_those_who_answer_and_go_no_further_are_bounded() -> None:
    world = World()
    for n in range(HALF_OPEN_MAX + 40):
        wire = quic_opening.dial(KIT_IDENTITY, "w", Turns(), Rate(64_000), 0.0, None, lambda ticket: None)
        address = ("10.8.8.8", n)
        _, answers = world.hub.receive(wire.transmit(0.0)[0][0], address, world.now_s)
        for data, _ in answers:  # a retry: its token is shown
            wire.receive(data, "w", 0.1)
            world.hub.receive(wire.transmit(0.1)[0][0], address, world.now_s)
    assert len(world.hub._half_open) == HALF_OPEN_MAX
    world.connect()


def test_a_stateless_reset_that_nobody_could_know_ends_nothing() -> None:
    world = World()
    world.connect()
    for _ in range(100):
        world.kit.receive(bytes((0x41,)) + os.urandom(40), "sat", world.now_s)
    still_works(world)
    assert world.kit.connections == 1


def test_a_letter_longer_than_any_may_be_ends_the_connection_with_a_reason() -> None:
    world = World()
    world.connect()
    wire = world.kit.wire
    assert wire is not None
    wire.connection.send_stream_data(2, b"\xff\xff\xff\x7f" + bytes(500))
    world.run(lambda: not world.kit.up, 5)
    world.run(lambda: world.kit.up, 20)
    still_works(world)
    assert world.kit.connections == 2


def test_a_stream_of_no_class_ends_the_connection() -> None:
    world = World()
    world.connect()
    assert world.kit.wire is not None
    world.kit.wire.connection.send_stream_data(4 * 40 + 2, b"?")
    world.run(lambda: not world.kit.up, 5)
    world.run(lambda: world.kit.up, 20)


@pytest.mark.parametrize("streams", [(10,), (2, 6, 10, 14, 18)])
def test_a_peer_that_leaves_holes_makes_the_hub_hold_no_more_than_its_bounds(streams: tuple[int, ...]) -> None:
    """It sends on and on, and never the first byte of a stream."""
    world = World(rate_bps=50_000_000, delay_s=0.01)
    world.connect()
    wire = world.kit.wire
    assert wire is not None
    wire.feeds = False
    connection = wire.connection
    for stream_id in streams:
        connection.send_stream_data(stream_id, bytes(4 * STREAM_BYTES))
        sender = connection._streams[stream_id].sender
        sender._pending.subtract(0, 1)
    world.run(for_s=2)
    held = [stream.receiver for stream in world.hub.comers["440106001"].wire.connection._streams.values()]
    assert all(len(receiver._buffer) <= STREAM_BYTES for receiver in held)
    assert 0 < sum(receiver.highest_offset for receiver in held) <= CONNECTION_BYTES


def test_a_peer_that_acknowledges_nothing_makes_an_end_hold_no_more_than_its_bounds() -> None:
    world = World()
    world.connect()
    world.cut(True)
    for n in range(2_000):
        for cls in Class:
            world.kit.say(cls, bytes((Kind.EXCHANGE,)) + n.to_bytes(4, "big") + bytes(900))
        if n % 100 == 0:
            world.run(for_s=1)
    for cls in Class:
        assert world.kit.waiting(cls) <= WAITING_BYTES_MAX[cls]
        assert world.kit.turns.shed[cls] > 0
    assert world.kit.facts().shed["orders"] > 0


def test_two_kits_that_say_to_be_the_same_take_turns_and_the_hub_has_one_pipe() -> None:
    world = World()
    world.connect()
    first, pipe = world.kit, world.hub_end
    world.kit = world.make_kit()
    world.connect()
    assert world.hub_end is pipe and len(world.hub.comers) == 1
    still_works(world)
    assert not first.wire or first.wire is not world.kit.wire
