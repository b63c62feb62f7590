"""The node's counter for devices over the memory bus: enrolled once, renewed while here, and never after a loss."""

from __future__ import annotations

from typing import Any

import pytest

from fusioncmd import devices, limits, subjects, tickets
from fusioncmd.access import Actor
from fusioncmd.api import devices as asked
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import TRUST
from fusioncmd.codes import Path
from fusioncmd.devices import BadEnrolment, Loss, LostDevice, Record
from fusioncmd.errors import BusDown, Forbidden, NotFound
from fusioncmd.trust.refusals import Untrusted
from tests.phones import Phone
from tests.test_desk import PEOPLE, TABLE, Office
from tests.worlds import CHIEF, NOW_MS, OFFICES, Notebook
from tiers.devices import DeviceDesk

KEY = bytes(range(32))
ONE, TWO = PEOPLE[1], PEOPLE[2]
ROOTS = (OFFICES.root_grant,)


class Counter(Office):
    """The desk and the streams behind it; `again` is a node that was started anew."""

    def __init__(self) -> None:
        super().__init__(MemoryBus())
        self.book, self._made = Notebook(), 0
        self.devices = self.again()

    def again(self) -> DeviceDesk:
        return DeviceDesk(self.bus, self.roster, KEY, ROOTS, self.book, lambda: self.now_ms / 1000, self._entropy)

    def _entropy(self, size: int) -> bytes:
        self._made += 1
        return self._made.to_bytes(size, "big")

    async def code(self, number: int = ONE, **more: Any) -> bytes:
        made = await self.devices.codes(asked.MakeCodes(3600, number=number, **more), CHIEF)
        return made.lines[0].code

    async def enrol(self, code: bytes, phone: Phone) -> asked.Enrolled:
        request = asked.Enrol(code, "ed25519", phone.public, phone.enrol_proof(code))
        return await self.devices.enrol(request, CHIEF)

    async def renew(self, number: int, device: bytes, phone: Phone, at_ms: int | None = None) -> asked.Renewed:
        at_ms = self.now_ms if at_ms is None else at_ms
        request = asked.Renew(number, device, at_ms, phone.renew_proof(number, device, at_ms))
        return await self.devices.renew(request, CHIEF)

    async def told(self) -> list[Loss]:
        """What gateways hear."""
        stored = [s async for s in self.bus.read(TRUST) if s.subject.startswith("fc.trust.lost.")]
        return [devices.unpack(Loss, s.data, KEY) for s in stored]


@pytest.fixture
def counter() -> Counter:
    return Counter()


async def test_a_device_gets_a_ticket_of_its_own_and_the_roots(counter: Counter) -> None:
    new = await counter.enrol(await counter.code(), Phone())
    ticket = tickets.check(new.ticket, KEY, NOW_MS / 1000)
    person = counter.roster.person(ONE)
    assert (ticket.number, ticket.village, ticket.roles) == (ONE, person.place, person.roles)
    assert (ticket.device, ticket.expires_s) == (new.device, NOW_MS // 1000 + limits.DEVICE_TICKET_S)
    assert (new.number, new.roots) == (ONE, ROOTS)
    listed = (await counter.devices.devices(asked.Devices(number=ONE), CHIEF)).lines
    assert [(line.device, line.lost_ms) for line in listed] == [(new.device.hex(), None)]
    assert not (await counter.devices.devices(asked.Devices(number=TWO), CHIEF)).lines


async def test_whoever_finds_the_code_cannot_use_it_and_the_same_phone_may_ask_again(counter: Counter) -> None:
    code = await counter.code()
    first = await counter.enrol(code, Phone(1))
    with pytest.raises(BadEnrolment, match="used already"):
        await counter.enrol(code, Phone(2))
    assert counter.book.entries[-1].refused == "BadEnrolment"
    counter.devices = counter.again()
    assert await counter.enrol(code, Phone(1)) == first
    with pytest.raises(BadEnrolment, match="used already"):
        await counter.enrol(code, Phone(2))


async def test_what_is_not_signed_by_the_key_that_it_brings_is_refused(counter: Counter) -> None:
    code, phone = await counter.code(), Phone()
    other = await counter.code()
    for algorithm, public, proof, reason in (
        ("ed25519", phone.public, Phone(2).enrol_proof(code), "signature"),
        ("ed25519", phone.public, phone.enrol_proof(other), "signature"),
        ("ed25519", phone.public, phone.renew_proof(ONE, bytes(8), NOW_MS), "signature"),
        ("sm2", phone.public, phone.enrol_proof(code), "algorithm"),
        ("ed25519", bytes(32), bytes(64), "key"),
    ):
        with pytest.raises(Untrusted) as refused:
            await counter.devices.enrol(asked.Enrol(code, algorithm, public, proof), CHIEF)
        assert refused.value.reason == reason == counter.book.entries[-1].refused
    assert await counter.enrol(code, phone)  # nothing was used up


async def test_a_ticket_is_renewed_with_what_the_roster_says_now(counter: Counter) -> None:
    phone = Phone()
    new = await counter.enrol(await counter.code(), phone)
    counter.now_ms += 20 * 3_600_000
    counter.devices = counter.again()
    renewed = await counter.renew(ONE, new.device, phone)
    ticket = tickets.check(renewed.ticket, KEY, counter.now_ms / 1000)
    assert (ticket.device, ticket.expires_s) == (new.device, counter.now_ms // 1000 + limits.DEVICE_TICKET_S)
    assert renewed.expires_s == ticket.expires_s
    counter.leave(ONE)
    with pytest.raises(BadEnrolment, match="not in the roster"):
        await counter.renew(ONE, new.device, phone)


async def test_a_renewal_is_of_that_device_by_its_key_and_of_now(counter: Counter) -> None:
    phone = Phone()
    new = await counter.enrol(await counter.code(), phone)
    with pytest.raises(Untrusted):
        await counter.renew(ONE, new.device, Phone(2))
    with pytest.raises(BadEnrolment, match="no such device"):
        await counter.renew(TWO, new.device, phone)
    with pytest.raises(BadEnrolment, match="no such device"):
        await counter.renew(0xFFFF_0000, new.device, phone)
    for off_ms in (limits.RENEWAL_SKEW_MS_MAX + 1, -limits.RENEWAL_SKEW_MS_MAX - 1):
        with pytest.raises(BadEnrolment, match="another time"):
            await counter.renew(ONE, new.device, phone, counter.now_ms + off_ms)
    assert await counter.renew(ONE, new.device, phone, counter.now_ms - limits.RENEWAL_SKEW_MS_MAX)


async def test_a_lost_device_renews_nothing_and_its_code_and_its_key_do_not_help(counter: Counter) -> None:
    phone, code = Phone(), await counter.code()
    new, other = await counter.enrol(code, phone), await counter.enrol(await counter.code(), Phone(2))
    counter.now_ms += 1000
    push = subjects.push(Path(TABLE.towns[ONE >> 16]), ONE, new.device)
    await counter.bus.store(push, b"where it takes push messages")
    ended = await counter.devices.revoke(asked.RevokeDevices(new.device), CHIEF)
    gone = await counter.bus.last(push)
    assert gone is not None and gone.data == b""
    assert [(line.device, line.lost_ms, line.lost_by) for line in ended.lines] == [
        (new.device.hex(), counter.now_ms, "chief")
    ]
    assert await counter.told() == [Loss(new.device, ONE, counter.now_ms)]
    with pytest.raises(LostDevice):
        await counter.renew(ONE, new.device, phone)
    with pytest.raises(LostDevice):
        await counter.enrol(code, phone)
    assert await counter.renew(ONE, other.device, Phone(2))


async def test_revoking_is_finished_by_asking_again(counter: Counter) -> None:
    phone = Phone()
    new = await counter.enrol(await counter.code(), phone)
    counter.bus.fail = []
    first_store, stores = counter.bus.store, []

    async def store(subject: str, data: bytes, *, expect_last: int | None = None) -> int:
        stores.append(subject)
        if len(stores) == 2:  # the node is killed between the two
            raise BusDown("It is gone.", "已断开。")
        return await first_store(subject, data, expect_last=expect_last)

    counter.bus.store = store  # type: ignore[method-assign]
    with pytest.raises(BusDown):
        await counter.devices.revoke(asked.RevokeDevices(new.device), CHIEF)
    with pytest.raises(LostDevice):
        await counter.renew(ONE, new.device, phone)
    at_ms = counter.now_ms
    counter.now_ms += 5000
    await counter.devices.revoke(asked.RevokeDevices(new.device), CHIEF)
    assert await counter.told() == [Loss(new.device, ONE, at_ms)]


async def test_a_person_loses_all_devices_or_the_new_one_replaces_them(counter: Counter) -> None:
    phones = [Phone(n) for n in (1, 2, 3)]
    first, second = [await counter.enrol(await counter.code(), phone) for phone in phones[:2]]
    stranger = await counter.enrol(await counter.code(TWO), Phone(9))
    third = await counter.enrol(await counter.code(replaces=True), phones[2])
    assert {loss.device for loss in await counter.told()} == {first.device, second.device}
    assert await counter.renew(ONE, third.device, phones[2])
    person = counter.roster.person(ONE)
    ended = await counter.devices.revoke(asked.RevokeDevices(id=person.id), CHIEF)
    assert len(ended.lines) == 3 and all(line.lost_ms for line in ended.lines)
    assert await counter.renew(TWO, stranger.device, Phone(9))


async def test_codes_of_a_place_come_in_pages_and_are_all_different(counter: Counter) -> None:
    lines, after, pages = [], -1, 0
    while after is not None:
        made = await counter.devices.codes(asked.MakeCodes(3600, node="4401", after=after, limit=3), CHIEF)
        lines, after, pages = [*lines, *made.lines], made.next, pages + 1
    meant = counter.roster.members(Path("4401"))
    assert [line.number for line in lines] == list(meant) and pages == -(-len(meant) // 3)
    read = {devices.read_code(line.code, KEY, NOW_MS / 1000).device for line in lines}
    assert len(read) == len(lines)


async def test_an_administrator_looks_after_their_own_place(counter: Counter) -> None:
    town = Path(TABLE.towns[ONE >> 16])
    mine, theirs = Actor("mine", CHIEF.roles, town), Actor("theirs", CHIEF.roles, Path("4419"))
    new = await counter.enrol(await counter.code(), Phone())
    for request in (asked.MakeCodes(3600, number=ONE), asked.MakeCodes(3600, node="44", limit=5)):
        with pytest.raises(Forbidden):
            await counter.devices.codes(request, theirs)
    with pytest.raises(Forbidden):
        await counter.devices.devices(asked.Devices(number=ONE), theirs)
    for revoke in (asked.RevokeDevices(number=ONE), asked.RevokeDevices(new.device)):
        with pytest.raises(Forbidden):
            await counter.devices.revoke(revoke, theirs)
    assert not await counter.told()
    assert (await counter.devices.codes(asked.MakeCodes(3600, number=ONE), mine)).lines
    with pytest.raises(NotFound):
        await counter.devices.revoke(asked.RevokeDevices(bytes(8)), mine)


async def test_a_device_that_somebody_else_wrote_into_the_stream_is_none(counter: Counter) -> None:
    phone, device = Phone(), bytes(8)
    town = Path(TABLE.towns[ONE >> 16])
    record = Record(device, ONE, "ed25519", phone.public, NOW_MS)
    await counter.bus.store(subjects.device(town, ONE, device), devices.pack(record, bytes(32)))
    with pytest.raises(BadEnrolment):
        await counter.renew(ONE, device, phone)
    new = await counter.enrol(await counter.code(TWO), phone)
    stored = await counter.bus.last(subjects.device(Path(TABLE.towns[TWO >> 16]), TWO, new.device))
    assert stored is not None
    await counter.bus.store(subjects.device(town, ONE, new.device), stored.data)  # a true one, moved
    with pytest.raises(BadEnrolment, match="no such device"):
        await counter.renew(ONE, new.device, phone)
    assert not (await counter.devices.devices(asked.Devices(number=ONE), CHIEF)).lines
