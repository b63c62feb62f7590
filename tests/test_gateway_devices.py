"""Devices at a gateway, over sockets, with a node's counter behind: enrolled, renewed, lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from fusioncmd import devices, limits, tickets
from fusioncmd.api import devices as asked
from fusioncmd.terminal import VERSION, Close
from tests.device_province import ONE, TWO, Province, a_province
from tests.phones import ENROLLED, TICKETED, Phone
from tests.terminals import HELLO, KEY, WELCOME
from tests.worlds import CHIEF


@pytest.fixture
async def province() -> AsyncIterator[Province]:
    async with a_province() as province:
        yield province


async def test_a_phone_enrols_and_says_hello_on_the_same_connection(province: Province) -> None:
    terminal, device, ticket = await province.enrolled(Phone())
    terminal.say(HELLO, VERSION, ticket)
    assert (await terminal.hear())[:2] == [WELCOME, ONE]
    assert tickets.check(ticket, KEY, province.world.now_s).device == device
    assert await terminal.hears_nothing_more()


async def test_a_lost_reply_is_asked_for_again_and_the_finder_of_the_code_hears_no(province: Province) -> None:
    code, phone = await province.code(), Phone()
    first, second, finder = [await province.world.open() for _ in range(3)]
    first.say(*phone.enrol(code))
    said = await first.hear()
    second.say(*phone.enrol(code))
    assert await second.hear() == said
    finder.say(*Phone(2).enrol(code))
    assert await finder.closing() == (Close.NOT_ENROLLED, "The code was used already, by another device.")


async def test_what_is_made_up_never_comes_to_the_node(province: Province) -> None:
    world, phone = province.world, Phone()
    good = await province.code()
    forged, late = good[:-1] + bytes([good[-1] ^ 1]), devices.make_code(ONE, int(world.now_s) - 60, False, b"late", KEY)
    for said, code, reason in (
        (phone.enrol(forged), Close.NOT_ENROLLED, "not one of ours"),
        (phone.enrol(late), Close.NOT_ENROLLED, "expired"),
        (phone.enrol(good, version=99), Close.BAD_FRAME, "version"),
        (phone.renew(ONE, bytes(8), province.now_ms), Close.NOT_ENROLLED, "no such device"),
    ):
        terminal = await world.open()
        terminal.say(*said)
        closed = await terminal.closing()
        assert closed[0] == code and reason in closed[1]
    assert province.asked == 0


async def test_a_ticket_is_renewed_before_hello_and_while_connected(province: Province) -> None:
    world, phone = province.world, Phone()
    terminal, device, ticket = await province.enrolled(phone)
    terminal.leave()
    world.now_s += limits.DEVICE_TICKET_S + 1
    late = await world.open()
    late.say(HELLO, VERSION, ticket)
    assert (await late.closing())[0] == Close.EXPIRED_TICKET
    again = await world.open()
    again.say(*phone.renew(ONE, device, province.now_ms))
    kind, second, after_s = await again.hear()
    assert (kind, after_s) == (TICKETED, devices.renew_after_s(device))
    again.say(HELLO, VERSION, second)
    assert (await again.hear())[:2] == [WELCOME, ONE]
    world.now_s += limits.DEVICE_TICKET_S - 60
    again.say(*phone.renew(ONE, device, province.now_ms))
    assert (await again.hear())[0] == TICKETED
    world.now_s += 3600  # the second ticket has ended, the third has not
    for _ in range(20):
        world.now_s += 1
        world.gateway.tick()
    assert await again.hears_nothing_more()


async def test_a_renewal_of_another_time_is_told_the_time_and_of_another_device_is_refused(province: Province) -> None:
    world, phone = province.world, Phone()
    terminal, device, ticket = await province.enrolled(phone)
    wrong = await world.open()
    wrong.say(*phone.renew(ONE, device, province.now_ms - 3_600_000))
    assert await wrong.closing() == (Close.CLOCK, str(province.now_ms))
    forger = await world.open()
    forger.say(*Phone(2).renew(ONE, device, province.now_ms))
    assert (await forger.closing())[0] == Close.NOT_ENROLLED
    other, theirs, _ = await province.enrolled(Phone(3), TWO)
    other.leave()
    terminal.say(HELLO, VERSION, ticket)
    await terminal.hear()
    terminal.say(*Phone(3).renew(TWO, theirs, province.now_ms))
    assert await terminal.closing() == (Close.BAD_FRAME, "another device's renewal")


async def test_a_lost_device_is_closed_at_once_and_neither_its_ticket_nor_its_key_lets_it_in(
    province: Province,
) -> None:
    world, phone = province.world, Phone()
    terminal, device, ticket = await province.enrolled(phone)
    terminal.say(HELLO, VERSION, ticket)
    await terminal.hear()
    other, _, good = await province.enrolled(Phone(2), TWO)
    other.say(HELLO, VERSION, good)
    await other.hear()
    await province.desk.revoke(asked.RevokeDevices(device), CHIEF)
    assert await terminal.closing() == (Close.LOST_DEVICE, "this device was revoked")
    assert list(world.gateway.connected) == [TWO]
    for said in ([HELLO, VERSION, ticket], phone.renew(ONE, device, province.now_ms)):
        back = await world.open()
        back.say(*said)
        assert (await back.closing())[0] == Close.LOST_DEVICE
    assert province.asked == 2  # the enrolments: the node hears no more of it
    assert await other.hears_nothing_more()


async def test_the_new_phone_of_the_same_person_stays_when_the_old_one_is_lost(province: Province) -> None:
    world = province.world
    old, lost, _ = await province.enrolled(Phone(1))
    old.leave()
    new, _, ticket = await province.enrolled(Phone(2))
    new.say(HELLO, VERSION, ticket)
    await new.hear()
    await province.desk.revoke(asked.RevokeDevices(lost), CHIEF)
    assert await new.hears_nothing_more() and list(world.gateway.connected) == [ONE]


async def test_while_the_node_says_nothing_a_bounded_number_waits(
    province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RELAYS_IN_FLIGHT_MAX", 2)
    monkeypatch.setattr(limits, "RELAY_S_MAX", 0.3)
    connected, device, ticket = await province.enrolled(phone := Phone())
    connected.say(HELLO, VERSION, ticket)
    await connected.hear()
    province.gate.clear()
    code = await province.code(TWO)
    waiting = [await province.world.open() for _ in range(2)]
    for terminal in waiting:
        terminal.say(*Phone(2).enrol(code))
    while province.asked < 3:
        await asyncio.sleep(0)
    third = await province.world.open()
    third.say(*Phone(2).enrol(code))
    assert await third.closing() == (Close.BUSY, str(limits.RELAY_WAIT_S))
    connected.say(*phone.renew(ONE, device, province.now_ms))
    assert await connected.hear() == [TICKETED, b"", limits.RELAY_WAIT_S]  # whoever is connected stays so
    assert province.asked == 3  # of neither has the node heard
    for terminal in waiting:
        assert await terminal.closing() == (Close.BUSY, str(limits.RELAY_WAIT_S))
    province.gate.set()
    last = await province.world.open()
    last.say(*Phone(2).enrol(code))
    assert (await last.hear())[0] == ENROLLED


async def test_who_hung_up_gets_no_answer_and_the_next_at_that_descriptor_neither(province: Province) -> None:
    province.gate.clear()
    gone = await province.world.open()
    gone.say(*Phone().enrol(await province.code()))
    while not province.asked:
        await asyncio.sleep(0)
    gone.leave()
    while province.world.engine.descriptors():
        await asyncio.sleep(0.001)
    next_one = await province.world.enter(TWO)
    province.gate.set()
    await province.world.gateway.relay.drain(5)
    assert await next_one.hears_nothing_more()


async def test_who_comes_to_that_descriptor_and_asks_hears_the_answer_to_their_own_question(
    province: Province,
) -> None:
    """Both ask, at one descriptor, one after the other: the first answer is for nobody."""
    province.gate.clear()
    gone = await province.world.open()
    gone.say(*Phone().enrol(await province.code()))
    while province.asked < 1:
        await asyncio.sleep(0)
    (before,) = province.world.engine.descriptors()
    gone.leave()
    while province.world.engine.descriptors():
        await asyncio.sleep(0.001)
    next_one = await province.world.open()
    next_one.say(*Phone(2).enrol(await province.code(TWO)))
    while province.asked < 2:
        await asyncio.sleep(0)
    assert [*province.world.engine.descriptors()] == [before]
    province.gate.set()
    kind, _, number, ticket, *_ = await next_one.hear()
    assert (kind, number) == (ENROLLED, TWO)
    next_one.say(HELLO, VERSION, ticket)
    assert (await next_one.hear())[:2] == [WELCOME, TWO]
