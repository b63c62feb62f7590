"""Frames that are known by their bytes are judged like those that are decoded: by whom, and until when."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgpack
import pytest

import fusioncmd.terminal
from fusioncmd import limits
from loadtest.swarm import wire
from tests.terminals import ALIVE, ANSWER, COUNTED, RECEIVED, REFUSED, Closed, World, a_world, delivery
from tests.worlds import make_order


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        yield world


@pytest.mark.parametrize("kind", [(RECEIVED,), (ANSWER, 1)])
async def test_the_bytes_of_one_who_is_meant_do_nothing_for_one_who_is_not(world: World, kind: tuple[int, ...]) -> None:
    order = await world.issue(make_order(1), 1, 2)
    meant, also, outsider = await world.enter(1, order), await world.enter(2, order), await world.enter(9)
    for terminal in (meant, also):
        terminal.say(kind[0], order.id, *kind[1:])
        assert await terminal.hears_nothing_more()
    await world.settled()
    assert world.gateway._shortcuts._count
    outsider.say(kind[0], order.id, *kind[1:])
    assert (await outsider.hear())[:3] == [REFUSED, "not_for_you", order.id]
    await world.settled()
    marks = await world.marks(order)
    assert all(9 not in rung for rung in marks.rungs())
    assert list(marks.answers[1] if kind[0] == ANSWER else marks.received) == [1, 2]


async def test_known_bytes_are_refused_from_the_moment_at_which_the_order_expires(world: World) -> None:
    order = await world.issue(make_order(1, open_s=700), 1, 2)
    early, late = await world.enter(1, order), await world.enter(2, order)
    early.say(ANSWER, order.id, 0)
    await early.hears_nothing_more()
    world.now_s += 700
    late.say(ANSWER, order.id, 0)
    assert (await late.hear())[:3] == [REFUSED, "expired", order.id]
    await world.settled()
    assert await early.hear() == [COUNTED, order.id, 0]
    assert list((await world.marks(order)).answers[0]) == [1]


async def test_nothing_is_known_by_its_bytes_for_longer_than_a_second(world: World) -> None:
    order = await world.issue(make_order(1), 1)
    terminal = await world.enter(1, order)
    terminal.say(RECEIVED, order.id)
    assert await terminal.hears_nothing_more()
    world.gateway.tick()
    assert not world.gateway._shortcuts._count


async def test_known_bytes_move_the_window_as_those_do_that_are_decoded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FANOUT_UNANSWERED_MAX", 2)
    terminals = [await world.enter(number) for number in range(5)]
    order = await world.issue(make_order(1), *range(5))
    for terminal in terminals:  # the clock stands still: only what is said moves the window
        assert await terminal.hear() == delivery(order)
        terminal.say(RECEIVED, order.id)
    assert world.gateway._shortcuts._count == 1


async def test_known_bytes_inside_another_frame_say_nothing(world: World) -> None:
    order = await world.issue(make_order(1), 1, 2)
    honest, other = await world.enter(1, order), await world.enter(2, order)
    honest.say(ANSWER, order.id, 0)
    assert await honest.hear() == [COUNTED, order.id, 0]
    assert world.gateway._shortcuts._count == 1
    answer = wire.masked(msgpack.packb([ANSWER, order.id, 0]), b"mask")
    frame = wire.masked(msgpack.packb([ALIVE, answer]), bytes(4))
    assert frame.endswith(answer)
    other.raw(frame[: -len(answer)])
    assert await honest.hears_nothing_more()
    other.raw(answer)
    assert await other.hear() == [ALIVE]
    await world.settled()
    assert list((await world.marks(order)).answers[0]) == [1]


async def test_a_known_frame_and_the_first_byte_of_the_next_are_not_one(world: World) -> None:
    order = await world.issue(make_order(1), 1, 2)
    honest, other = await world.enter(1, order), await world.enter(2, order)
    honest.say(ANSWER, order.id, 0)
    assert await honest.hear() == [COUNTED, order.id, 0]
    other.raw(wire.masked(msgpack.packb([ANSWER, order.id, 0]), b"mask") + b"\0")
    assert await other.hear() == [COUNTED, order.id, 0]
    other.raw(b"\x80\xfe\x01\0\0")  # with the zero a fragment that continues nothing (RFC 6455, 5.4)
    with pytest.raises(Closed):
        await other.hear()


async def test_who_says_only_that_it_is_alive_is_echoed_at_a_glance(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminals = [await world.enter(number) for number in range(5)]
    decoded: list[bytes] = []
    decode = fusioncmd.terminal.decode_from_terminal
    monkeypatch.setattr(fusioncmd.terminal, "decode_from_terminal", lambda data: decoded.append(data) or decode(data))
    for terminal in terminals:
        terminal.say(ALIVE)
    for terminal in terminals:
        assert await terminal.hear() == [ALIVE]
    assert decoded == []
    frame = wire.masked(msgpack.packb([ALIVE]), b"mask")
    terminals[0].raw(frame + frame[:3])
    terminals[0].raw(frame[3:])
    assert [await terminals[0].hear(), await terminals[0].hear()] == [[ALIVE], [ALIVE]]
    assert await terminals[0].hears_nothing_more()


async def test_who_has_said_no_hello_is_not_alive(world: World) -> None:
    stranger = await world.open()
    stranger.say(ALIVE)
    with pytest.raises(Closed):
        await stranger.hear()
