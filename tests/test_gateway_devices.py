"""Devices at a gateway, over sockets, with a node's counter behind: enrolled, renewed, lost; and what floods it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from fusioncmd import api, devices, limits, subjects, tickets
from fusioncmd.api import devices as asked
from fusioncmd.bus.port import TRUST, Server
from fusioncmd.terminal import Close
from fusioncmd.trust.grants import SignedGrant
from tests.phones import ENROLLED, TICKETED, Phone
from tests.terminals import HELLO, KEY, WELCOME, Terminal, World, a_world
from tests.test_desk import TABLE, Office
from tests.test_device_desk import Book
from tests.worlds import CHIEF, OFFICES
from tiers.devices import DeviceDesk
from tiers.serving import Serving

ONE, TWO = TABLE.towns.index("440106001") << 16 | 1, TABLE.towns.index("440106001") << 16 | 2


class Province:
    """A gateway and the counter of a node on one bus."""

    def __init__(self, world: World) -> None:
        self.world, office = world, Office(world.bus)
        self.desk = DeviceDesk(world.bus, office.roster, KEY, (OFFICES.root_grant,), Book(), lambda: world.now_s)
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def serve(self) -> None:
        serving = Serving(self.world.bus, lambda: True, lambda question, session: CHIEF)
        for kind, answer in ((asked.Enrol, self.desk.enrol), (asked.Renew, self.desk.renew)):
            server = self._counted(serving._server(kind, answer))
            await self.world.bus.serve(subjects.api(api.VERBS[kind][0]), server)
        await self.world.bus.tail(TRUST, self.world.gateway.relay.fold_lost, filters=(subjects.LOST_ALL,))

    def _counted(self, server: Server) -> Server:
        async def serve(data: bytes) -> bytes:
            self.asked += 1
            await self.gate.wait()
            return await server(data)

        return serve

    @property
    def now_ms(self) -> int:
        return int(self.world.now_s * 1000)

    async def code(self, number: int = ONE) -> bytes:
        return (await self.desk.codes(asked.MakeCodes(3600, number=number), CHIEF)).lines[0].code

    async def enrolled(self, phone: Phone, number: int = ONE) -> tuple[Terminal, bytes, bytes]:
        """A terminal that was enrolled and has not said hello, its device and its ticket."""
        terminal = await self.world.open()
        terminal.say(*phone.enrol(await self.code(number)))
        kind, device, who, ticket, after_s, roots = await terminal.hear()
        assert (kind, who) == (ENROLLED, number)
        first, last = limits.DEVICE_RENEW_AFTER_S
        assert first <= after_s < last
        assert [SignedGrant(*root) for root in roots] == [OFFICES.root_grant]
        return terminal, device, ticket


@pytest.fixture
async def province(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Province]:
    monkeypatch.setattr(limits, "FAILURES_MAX", 8)
    async with a_world() as world:
        province = Province(world)
        await province.serve()
        yield province


async def test_a_phone_enrols_and_says_hello_on_the_same_connection(province: Province) -> None:
    terminal, device, ticket = await province.enrolled(Phone())
    terminal.say(HELLO, 1, ticket)
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
    late.say(HELLO, 1, ticket)
    assert (await late.closing())[0] == Close.EXPIRED_TICKET
    again = await world.open()
    again.say(*phone.renew(ONE, device, province.now_ms))
    kind, second, after_s = await again.hear()
    assert (kind, after_s) == (TICKETED, devices.renew_after_s(device))
    again.say(HELLO, 1, second)
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
    terminal.say(HELLO, 1, ticket)
    await terminal.hear()
    terminal.say(*Phone(3).renew(TWO, theirs, province.now_ms))
    assert await terminal.closing() == (Close.BAD_FRAME, "another device's renewal")


async def test_a_lost_device_is_closed_at_once_and_neither_its_ticket_nor_its_key_lets_it_in(
    province: Province,
) -> None:
    world, phone = province.world, Phone()
    terminal, device, ticket = await province.enrolled(phone)
    terminal.say(HELLO, 1, ticket)
    await terminal.hear()
    other, _, good = await province.enrolled(Phone(2), TWO)
    other.say(HELLO, 1, good)
    await other.hear()
    await province.desk.revoke(asked.RevokeDevices(device), CHIEF)
    assert await terminal.closing() == (Close.LOST_DEVICE, "this device was revoked")
    assert list(world.gateway.connected) == [TWO]
    for said in ([HELLO, 1, ticket], phone.renew(ONE, device, province.now_ms)):
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
    new.say(HELLO, 1, ticket)
    await new.hear()
    await province.desk.revoke(asked.RevokeDevices(lost), CHIEF)
    assert await new.hears_nothing_more() and list(world.gateway.connected) == [ONE]


async def test_while_the_node_says_nothing_a_bounded_number_waits(
    province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RELAYS_IN_FLIGHT_MAX", 2)
    monkeypatch.setattr(limits, "RELAY_S_MAX", 0.3)
    connected, device, ticket = await province.enrolled(phone := Phone())
    connected.say(HELLO, 1, ticket)
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


async def fail_often(world: World) -> None:
    for _ in range(limits.FAILURES_MAX):
        bad = await world.open()
        bad.say(HELLO, 1, world.ticket(9, key=bytes(32)))
        assert (await bad.closing())[0] == Close.BAD_TICKET
        bad.leave()


async def test_from_an_address_that_failed_too_often_a_good_ticket_gets_in_and_enrolments_wait(
    province: Province,
) -> None:
    world, phone = province.world, Phone()
    terminal, device, ticket = await province.enrolled(phone)
    terminal.leave()
    before = await world.open()
    before.say(HELLO, 1, ticket)
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
    bad.say(HELLO, 1, world.ticket(9, key=bytes(32)))
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
    idle[1].say(HELLO, 1, world.ticket(TWO))
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
        late.say(HELLO, 1, world.ticket(ONE, open_s=-1))
        assert (await late.closing())[0] == Close.EXPIRED_TICKET
    assert not world.engine.peers.wary
