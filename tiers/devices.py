"""The node's counter for devices: codes are made, devices enrolled, tickets renewed, lost devices revoked.

What is kept of a device is one message in the trust stream, and nothing in memory: 840,000 of them are asked for one
at a time. A device that is lost is marked in its record, so that it renews nothing, and then told to every gateway.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Any

from msgspec import structs

from fusioncmd import api, devices, limits, tickets
from fusioncmd.access import Actor
from fusioncmd.api import devices as asked
from fusioncmd.audit.entries import Deed, Entry, Recorder
from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path
from fusioncmd.devices import BadEnrolment, LostDevice, Record
from fusioncmd.errors import Forbidden, NotFound, Problem, Unavailable
from fusioncmd.roster.directory import Roster
from fusioncmd.trust.grants import SignedGrant
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.signatures import verify_device
from tiers.device_records import DeviceRecords
from tiers.serving import Answer

DEED: Deed = "device"
TERMINAL = "terminal"  # who asks, where nobody is logged in


class DeviceDesk:
    """`key` is the tier's ticket key; `clock` gives seconds since 1970; `roots` are given to each new device."""

    def __init__(
        self, bus: Bus, roster: Roster, key: bytes, roots: tuple[SignedGrant, ...], audit: Recorder,
        clock: Callable[[], float], entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:  # fmt: skip
        self._records, self._roster, self._key, self._roots = DeviceRecords(bus, roster, key), roster, key, roots
        self._audit, self._clock, self._entropy = audit, clock, entropy
        self.tell_tiers: Callable[[int, int, str], Awaitable[None]] | None = None  # of whose devices are lost

    def answers(self) -> dict[type[Any], Answer]:
        return {
            asked.MakeCodes: self.codes, asked.Enrol: self.enrol, asked.Renew: self.renew, asked.Devices: self.devices,
            asked.RevokeDevices: self.revoke,
        }  # fmt: skip

    # --- terminals ask, through a gateway

    async def enrol(self, request: asked.Enrol, who: Actor) -> asked.Enrolled:
        try:
            return await self._enrol(request)
        except Problem as problem:
            if not isinstance(problem, Unavailable):
                self._refused("enrolment", request.code[:4].hex(), problem)
            raise

    async def renew(self, request: asked.Renew, who: Actor) -> asked.Renewed:
        try:
            return await self._renew(request)
        except Problem as problem:
            if not isinstance(problem, Unavailable):
                self._refused("renewal", request.device.hex(), problem)
            raise

    async def _enrol(self, request: asked.Enrol) -> asked.Enrolled:
        invited = devices.read_code(request.code, self._key, self._clock())
        body = devices.enrol_body(request.code, request.algorithm, request.public)
        verify_device(request.algorithm, request.public, request.proof, "enrol", body)
        person = self._person(invited.number)
        record = Record(invited.device, invited.number, request.algorithm, request.public, self._now_ms)
        before = await self._records.find(invited.number, invited.device)
        if before is not None:  # a reply was lost, or somebody found the code
            if before.public != request.public:
                raise BadEnrolment("The code was used already, by another device.", "登记码已被另一台设备使用。")
            _check_here(before)
            record = before
        else:
            await self._audit.record(self._entry("enrolled", TERMINAL, record))
            await self._records.add(record)
        if invited.replaces:
            for other in await self._records.of(invited.number):
                if other.device != invited.device and other.enrolled_ms <= record.enrolled_ms:
                    await self._end(other, f"replaced by {invited.device.hex()}", again=False)
        ticket = self._ticket(person, invited.device)[0]
        after_s = devices.renew_after_s(invited.device)
        return asked.Enrolled(invited.device, invited.number, ticket, after_s, self._roots)

    async def _renew(self, request: asked.Renew) -> asked.Renewed:
        record = await self._records.get(request.number, request.device)
        body = devices.renew_body(request.number, request.device, request.at_ms)
        verify_device(record.algorithm, record.public, request.proof, "renew", body)
        if abs(self._now_ms - request.at_ms) > limits.RENEWAL_SKEW_MS_MAX:
            raise BadEnrolment("The renewal was signed at another time.", "续期请求的签署时间不符。")
        _check_here(record)
        ticket, expires_s = self._ticket(self._person(request.number), request.device)
        return asked.Renewed(ticket, expires_s, devices.renew_after_s(request.device))

    # --- administrators ask

    async def codes(self, request: asked.MakeCodes, who: Actor) -> asked.CodesMade:
        expires_s = int(self._clock()) + request.valid_s
        everyone = not request.id and request.number is None
        if everyone:
            numbers, following = self._page(request)
        else:
            numbers, following = [self._number(request.id, request.number, who)], None
        if not all(who.path.covers(Path(place)) for place in {self._person(n).place for n in numbers}):
            raise _not_yours(who)
        lines = tuple(self._line(n, expires_s, request.replaces) for n in numbers)
        about = request.node if everyone else str(numbers[0])
        await self._audit.record(
            Entry(
                self._now_ms,
                who.name,
                DEED,
                about,
                details={"codes": str(len(lines)), "replaces": str(request.replaces)},
            )
        )
        return asked.CodesMade(lines, expires_s * 1000, following)

    async def devices(self, request: asked.Devices, who: Actor) -> asked.DevicesReply:
        return _shown(await self._records.of(self._number(request.id, request.number, who)))

    async def revoke(self, request: asked.RevokeDevices, who: Actor) -> asked.DevicesReply:
        if request.device is not None:
            found = await self._records.anywhere(request.device)
            if not found:
                raise NotFound(f"There is no device {request.device.hex()}.", f"没有设备 {request.device.hex()}。")
            self._number("", found[0].number, who)
            return _shown([await self._end(record, who.name, again=True) for record in found])
        number = self._number(request.id, request.number, who)
        ended = [await self._end(record, who.name, again=True) for record in await self._records.of(number)]
        if self.tell_tiers is not None:
            await self.tell_tiers(number, self._now_ms, who.name)
        return structs.replace(_shown(ended), told=self.tell_tiers is not None)

    async def end_until(self, number: int, at_ms: int, by: str) -> None:
        """What another tier says is lost: the devices of that person that enrolled here until then."""
        for record in await self._records.of(number):
            if record.lost_ms is None and record.enrolled_ms <= at_ms:
                await self._end(record, by, again=False)

    async def _end(self, record: Record, by: str, again: bool) -> Record:
        """Marked first, so that it renews nothing; then told. Safe to do again, when a reply was lost: nobody knows
        whether it is in the audit, so an administrator who asks `again` is written down again."""
        marked = record.lost_ms is None
        if marked:
            record = await self._records.mark_lost(record, self._now_ms, by)
        await self._records.tell_lost(record, record.lost_ms or self._now_ms)
        if marked or again:
            await self._audit.record_after(self._entry("revoked", by, record))
        return record

    # --- what both need

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _person(self, number: int) -> api.Person:
        if number not in self._roster.everyone:
            raise BadEnrolment("That person is not in the roster any more.", "该人员已不在名册中。")
        return self._roster.person(number)

    def _number(self, ident: str, number: int | None, who: Actor) -> int:
        """Whom an administrator means, who may be no stranger to their place; also one who has left."""
        found = self._roster.number_of(ident) if ident else number
        if found is None:
            raise NotFound(f"There is no person with the id {ident}.", f"没有编号为 {ident} 的人员。")
        if not who.path.covers(Path(self._roster.person(found).place)):
            raise _not_yours(who)
        return found

    def _page(self, request: asked.MakeCodes) -> tuple[list[int], int | None]:
        path = Path(request.node) if request.node else self._roster.divisions.root
        if path not in self._roster.divisions:
            raise NotFound(f"There is no place with the code {path}.", f"没有代码为 {path} 的地点。")
        meant = self._roster.members(path)
        numbers = list(islice(meant.iter_equal_or_larger(request.after + 1), request.limit)) if meant else []
        return numbers, numbers[-1] if numbers and numbers[-1] != meant.max() else None

    def _line(self, number: int, expires_s: int, replaces: bool) -> asked.CodeLine:
        entropy = self._entropy(devices.ENTROPY_BYTES)
        person = self._person(number)
        code = devices.make_code(number, expires_s, replaces, entropy, self._key)
        return asked.CodeLine(number, person.id, person.name, person.phone, code)

    def _ticket(self, person: api.Person, device: bytes) -> tuple[bytes, int]:
        expires_s = int(self._clock()) + limits.DEVICE_TICKET_S
        ticket = tickets.Ticket(person.number, person.place, person.roles, expires_s, device)
        return tickets.mint(ticket, self._key), expires_s

    def _entry(self, what: str, by: str, record: Record) -> Entry:
        details = {"what": what, "number": str(record.number)}
        return Entry(self._now_ms, by, DEED, record.device.hex(), details=details)

    def _refused(self, what: str, about: str, problem: Problem) -> None:
        reason = problem.reason if isinstance(problem, Untrusted) else problem.code
        self._audit.note(Entry(self._now_ms, TERMINAL, DEED, about, reason, {"what": what, "why": problem.en}))


def _check_here(record: Record) -> None:
    if record.lost_ms is not None:
        raise LostDevice("This device was revoked.", "该设备已被吊销。")


def _shown(records: list[Record]) -> asked.DevicesReply:
    return asked.DevicesReply(
        tuple(
            asked.DeviceLine(r.device.hex(), r.number, r.algorithm, r.enrolled_ms, r.lost_ms, r.lost_by)
            for r in sorted(records, key=lambda r: (r.number, r.enrolled_ms))
        )
    )


def _not_yours(who: Actor) -> Forbidden:
    return Forbidden(f"{who.name} looks after {who.path} only.", f"{who.name} 只管辖 {who.path}。")
