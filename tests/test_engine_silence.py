"""The engine and those who say nothing: at the door, in the handshake, before the hello, and later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from fusioncmd import limits
from gateways.responder import listener
from tests.terminals import ALIVE, World, a_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        yield world


async def test_half_a_handshake_and_then_silence_is_dropped_in_time(world: World) -> None:
    quiet, slow = await world.plain(), await world.plain()
    quiet.raw(b"GET")
    slow.raw(b"GET /terminal HTTP/1.1\r\n")
    await world.enter(1)
    world.monotonic_s += limits.HANDSHAKE_S_MAX
    world.gateway.tick()
    assert len(world.engine.descriptors()) == 3
    slow.raw(b"Host: x\r\n")
    await asyncio.sleep(0.01)
    world.monotonic_s += 1
    world.gateway.tick()
    assert [await quiet.rest(), await slow.rest()] == [b"", b""]
    assert list(world.gateway.connected) == [1]


async def test_who_says_nothing_takes_no_descriptor_at_first_and_is_dropped_in_time(world: World) -> None:
    """As far as TCP goes it is connected."""
    quiet = await world.plain()
    await world.enter(1)
    assert len(world.engine.descriptors()) == 1
    await asyncio.sleep(listener.UNSPOKEN_S_MAX + 0.3)
    assert len(world.engine.descriptors()) == 2
    world.monotonic_s += limits.HANDSHAKE_S_MAX + 1
    world.gateway.tick()
    assert await quiet.rest() == b""


async def test_a_connection_without_a_hello_ends_in_time_even_when_it_says_other_things(world: World) -> None:
    terminal, welcomed = await world.open(), await world.enter(1)
    world.monotonic_s += limits.HANDSHAKE_S_MAX
    terminal.raw(b"\x89\x80\x00\x00\x00\x00")
    assert await welcomed.hears_nothing_more()
    world.monotonic_s += 1
    world.gateway.tick()
    assert await terminal.closing() == (4002, "no hello came in time")
    assert await welcomed.hears_nothing_more()


async def test_who_falls_silent_is_closed_and_who_shows_signs_of_life_is_not(world: World) -> None:
    silent, alive = await world.enter(1), await world.enter(2)
    for _ in range(4):
        world.monotonic_s += limits.SILENCE_S_MAX / 3
        alive.say(ALIVE)
        assert await alive.hear() == [ALIVE]
        world.gateway.tick()
    assert await silent.closing() == (4001, "nothing was heard")
    assert await alive.hears_nothing_more()


async def test_silence_is_noticed_when_nothing_at_all_happens(world: World) -> None:
    silent = await world.enter(1)
    await asyncio.sleep(0.01)
    world.monotonic_s += limits.SILENCE_S_MAX + 1
    world.gateway.tick()
    assert await silent.closing() == (4001, "nothing was heard")
