"""Whom to tell that an answer counts: each once, and after those who have no order yet."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from fusioncmd import limits
from gateways.responder.confirmations import Confirmations
from gateways.responder.neighbours import Neighbours
from tests.terminals import ANSWER, COUNTED, World, a_world, delivery
from tests.worlds import make_id, make_order

ADDED = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.sets(st.integers(0, 50))), max_size=20)


@given(ADDED, st.integers(1, 30))
def test_everyone_is_told_of_each_answer_once(added: list[tuple[int, int, set[int]]], room: int) -> None:
    confirmations = Confirmations()
    for order, answer, numbers in added:
        confirmations.add(make_id(order), answer, BitMap(numbers))
    told: list[tuple[bytes, int, int]] = []
    while confirmations:
        order_id, answer, numbers_told = confirmations.take(room)
        assert 0 < len(numbers_told) <= room
        told += [(order_id, answer, number) for number in numbers_told]
    assert sorted(told) == sorted({(make_id(o), a, n) for o, a, numbers in added for n in numbers})


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        yield world


async def test_who_has_no_order_yet_comes_before_who_has_answered_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FANOUT_UNANSWERED_MAX", 2)
    monkeypatch.setattr(limits, "CONFIRM_EACH_PUMP", 0)
    terminals = [await world.enter(number) for number in range(4)]
    order = await world.issue(make_order(1), *range(4))
    assert await terminals[0].hear() == delivery(order)
    terminals[0].say(ANSWER, order.id, 1)
    assert await terminals[2].hear() == delivery(order)  # an answer says received, too: the window moves
    await world.settled()
    assert await terminals[0].hears_nothing_more()  # on disk, and yet the fourth has no order
    world.now_s += 1
    world.gateway.outflow.pump()
    assert await terminals[3].hear() == delivery(order)
    assert await terminals[0].hear() == [COUNTED, order.id, 1]


@pytest.mark.parametrize("many", [True, False])
async def test_while_many_have_just_been_sent_the_order_their_answers_come_first(
    world: World, monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    monkeypatch.setattr(limits, "CONFIRM_EACH_PUMP", 0)
    monkeypatch.setattr(limits, "AWAITED_MIN", 3 if many else 4)
    terminals = [await world.enter(number) for number in range(4)]
    order = await world.issue(make_order(1), *range(4))
    assert await terminals[0].hear() == delivery(order)
    terminals[0].say(ANSWER, order.id, 1)
    if many:
        assert await terminals[0].hears_nothing_more()
        await world.settled()
        assert await terminals[0].hears_nothing_more()
        world.now_s += limits.AWAITED_MS_MAX / 1000  # nobody else says anything
    assert await terminals[0].hear() == [COUNTED, order.id, 1]


async def test_confirmations_wait_for_a_neighbour_who_delivers_too(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CONFIRM_EACH_PUMP", 0)
    world.gateway.outflow.neighbours, neighbour = Neighbours(tmp_path / "lock"), Neighbours(tmp_path / "lock")
    neighbour.i_deliver(True)
    terminal = await world.enter(1)
    order = await world.issue(make_order(1), 1)
    assert await terminal.hear() == delivery(order)
    terminal.say(ANSWER, order.id, 0)
    assert await terminal.hears_nothing_more()
    await world.settled()
    assert await terminal.hears_nothing_more()
    neighbour.i_deliver(False)
    assert await terminal.hear() == [COUNTED, order.id, 0]  # by itself, in a moment


async def test_answers_on_their_way_to_the_disk_come_first_for_a_moment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CONFIRM_EACH_PUMP", 0)
    world.gateway.outflow.unsettled = lambda: True  # others go on answering
    terminal = await world.enter(1)
    order = await world.issue(make_order(1), 1)
    assert await terminal.hear() == delivery(order)
    terminal.say(ANSWER, order.id, 0)
    assert await terminal.hears_nothing_more()
    await world.settled()
    assert await terminal.hears_nothing_more()
    world.now_s += limits.SETTLE_S_MAX
    assert await terminal.hear() == [COUNTED, order.id, 0]


async def test_confirmations_beyond_a_burst_follow_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("CONFIRM_BURST", 1), ("SETTLE_S_MAX", 0), ("PUMP_MS", 3_600_000)):
        monkeypatch.setattr(limits, name, value)
    async with a_world() as world:
        terminals = [await world.enter(number) for number in range(5)]
        order = await world.issue(make_order(1), *range(5))
        for terminal in terminals:
            assert await terminal.hear() == delivery(order)
            terminal.say(ANSWER, order.id, 0)
        for terminal in terminals:
            assert await terminal.hear() == [COUNTED, order.id, 0]


async def test_what_could_not_go_at_once_goes_without_anything_else_happening(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FANOUT_UNANSWERED_MAX", 2)
    terminals = [await world.enter(number) for number in range(4)]
    order = await world.issue(make_order(1), *range(4))
    world.now_s += 1  # nobody says anything
    for terminal in terminals:
        assert await terminal.hear() == delivery(order)


def test_neighbours_know_whether_one_of_them_delivers_and_the_dead_do_not(tmp_path: Path) -> None:
    one, two, three = (Neighbours(tmp_path / "lock") for _ in range(3))
    assert not one.deliver()
    two.i_deliver(True)
    three.i_deliver(True)
    assert one.deliver()
    two.i_deliver(False)
    assert one.deliver()
    os.close(three._fd)  # as the kernel does for a process that was killed
    assert not one.deliver()
    assert not two.deliver()


def test_one_that_stands_still_while_it_asks_holds_up_nobody(tmp_path: Path) -> None:
    asking, other, third = (Neighbours(tmp_path / "lock") for _ in range(3))
    fcntl.flock(asking._fd, fcntl.LOCK_EX)  # as it does for a moment; stopped just then
    other.i_deliver(True)  # does not wait
    fcntl.flock(asking._fd, fcntl.LOCK_UN)
    assert not third.deliver()
    other.i_deliver(True)
    assert third.deliver()
