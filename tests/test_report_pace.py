"""Whoever has a ticket cannot fill the stream of reports, which is everybody's: each person has a pace of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fusioncmd import limits
from tests.terminals import REFUSED, STORED, World, a_world
from tests.terminals import REPORT as SEND_REPORT
from tests.test_gateway_up import reports_on_disk
from tests.worlds import make_id, make_order


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        yield world


async def test_beyond_their_pace_reports_of_one_person_are_given_back_and_those_of_others_stored(world: World) -> None:
    order, another = [await world.issue(make_order(n), 1, 2) for n in (1, 2)]
    flooder, other = await world.enter(1, order, another), await world.enter(2, order, another)

    async def say(about: bytes, n: int) -> object:
        flooder.say(SEND_REPORT, about, make_id(n), "x" * limits.REPORT_CHARS_MAX)
        return (await flooder.hear())[:2]

    burst = limits.REPORTS_BURST_MAX
    assert [await say(order.id, n) for n in range(burst)] == [[STORED, order.id]] * burst
    assert await say(order.id, burst) == [REFUSED, "busy"]  # which means: keep it, and send it again
    other.say(SEND_REPORT, order.id, make_id(500), "Bridge is out.")
    assert (await other.hear())[0] == STORED
    assert await say(another.id, 600) == [STORED, another.id]
    world.now_s += limits.REPORT_EVERY_S
    assert await say(order.id, burst) == [STORED, order.id]
    assert await say(order.id, burst + 1) == [REFUSED, "busy"]
    assert len(await reports_on_disk(world)) == burst + 3


async def test_the_pace_is_the_persons_and_not_the_connections(world: World) -> None:
    order = await world.issue(make_order(1), 1)
    for n in range(limits.REPORTS_BURST_MAX + 3):
        terminal = await world.enter(1, order)
        terminal.say(SEND_REPORT, order.id, make_id(n), "x")
        code = (await terminal.hear())[0]
        assert code == (STORED if n < limits.REPORTS_BURST_MAX else REFUSED)
        terminal.leave()
