"""An address that fails too often: its enrolments wait, its idle connections go, and a good ticket gets in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from fusioncmd import limits
from fusioncmd.terminal import VERSION, Close
from tests.device_province import ONE, TWO, Province, a_province
from tests.phones import TICKETED, Phone
from tests.terminals import HELLO, WELCOME, World


@pytest.fixture
async def province(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Province]:
    monkeypatch.setattr(limits, "FAILURES_MAX", 8)
    async with a_province() as province:
        yield province


async def fail_often(world: World) -> None:
    for _ in range(limits.FAILURES_MAX):
        bad = await world.open()
        bad.say(HELLO, VERSION, world.ticket(9, key=bytes(32)))
        assert (await bad.closing())[0] == Close.BAD_TICKET
        bad.leave()


async def test_from_an_address_that_failed_too_often_a_good_ticket_gets_in_and_enrolments_wait(
    province: Province,
) -> None:
    world, phone = province.world, Phone()
    terminal, device, ticket = await province.enrolled(phone)
    terminal.leave()
    before = await world.open()
    before.say(HELLO, VERSION, ticket)
    await before.hear()
    await fail_often(world)
    assert world.engine.peers.wary
    for said in (phone.renew(ONE, device, province.now_ms), Phone(2).enrol(await province.code())):
        waits = await world.open()
        waits.say(*said)
        assert await waits.closing() == (Close.FAILURES, str(limits.FAILURES_WAIT_S))
    before.say(*phone.renew(ONE, device, province.now_ms))
    assert await before.hear() == [TICKETED, b"", limits.FAILURES_WAIT_S]
    bad = await world.open()
    bad.say(HELLO, VERSION, world.ticket(9, key=bytes(32)))
    assert (await bad.closing())[0] == Close.BAD_TICKET  # it still hears why
    assert await (await world.enter(TWO)).hears_nothing_more()
    world.monotonic_s += 2 * limits.FAILURES_MAX / limits.FAILURES_FORGIVEN_PER_S
    world.gateway.tick()
    again = await world.open()
    again.say(*phone.renew(ONE, device, province.now_ms))
    assert (await again.hear())[0] == TICKETED


async def test_a_struck_addresss_oldest_connections_go_and_a_newcomer_gets_in(
    province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UNPROVEN_STRUCK_MAX", 3)
    world = province.world
    await fail_often(world)
    while world.engine.descriptors():
        await asyncio.sleep(0.001)
    idle = [await world.open() for _ in range(3)]
    assert await (await world.enter(ONE)).hears_nothing_more()
    assert await idle[0].rest() == b""
    assert len(world.engine.descriptors()) == 3
    world.monotonic_s += limits.HANDSHAKE_STRUCK_S_MAX + 1
    world.gateway.tick()
    assert [(await one.closing())[0] for one in idle[1:]] == [Close.LATE] * 2


async def test_too_many_without_a_hello_and_the_oldest_goes(province: Province) -> None:
    world = province.world
    world.engine._unproven._max = 3
    idle = [await world.open() for _ in range(3)]
    assert await (await world.enter(ONE)).hears_nothing_more()
    assert await idle[0].rest() == b""
    idle[1].say(HELLO, VERSION, world.ticket(TWO))
    assert (await idle[1].hear())[:2] == [WELCOME, TWO]


async def test_handshakes_that_never_end_are_failures(province: Province) -> None:
    world = province.world
    for _ in range(limits.FAILURES_MAX):
        (await world.plain()).raw(b"GET /terminal HTTP/1.1\r\n")
    while len(world.engine.descriptors()) < limits.FAILURES_MAX:
        await asyncio.sleep(0.001)
    world.monotonic_s += limits.HANDSHAKE_S_MAX + 1
    world.gateway.tick()
    assert world.engine.peers.wary and not world.engine.descriptors()
    assert await (await world.enter(ONE)).hears_nothing_more()


async def test_expired_tickets_of_a_whole_village_are_no_failures(province: Province) -> None:
    world = province.world
    for _ in range(limits.FAILURES_MAX + 1):
        late = await world.open()
        late.say(HELLO, VERSION, world.ticket(ONE, open_s=-1))
        assert (await late.closing())[0] == Close.EXPIRED_TICKET
    assert not world.engine.peers.wary
