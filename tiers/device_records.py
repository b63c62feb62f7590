"""The records of enrolled devices in the trust stream: put there once, read one by one, and marked when lost."""

from __future__ import annotations

import asyncio

import structlog
from msgspec import structs

from fusioncmd import devices, limits, subjects
from fusioncmd.bus.port import TRUST, Bus, Stored
from fusioncmd.codes import Path
from fusioncmd.devices import BadEnrolment, Record
from fusioncmd.errors import Unavailable
from fusioncmd.roster.directory import Roster
from fusioncmd.roster.numbers import town_of

log = structlog.get_logger("devices")

LIST_S_MAX = 5.0


class DeviceRecords:
    """`key` is the tier's ticket key, which vouches that a node wrote a record; `roster` knows the towns."""

    def __init__(self, bus: Bus, roster: Roster, key: bytes) -> None:
        self._bus, self._roster, self._key = bus, roster, key

    async def add(self, record: Record) -> None:
        """`Conflict` when that device is known already."""
        await self._bus.store(self._subject(record), devices.pack(record, self._key), expect_last=0)

    async def get(self, number: int, device: bytes) -> Record:
        record = await self.find(number, device)
        if record is None or (record.number, record.device) != (number, device):  # moved there by a broker
            raise _unknown()
        return record

    async def find(self, number: int, device: bytes) -> Record | None:
        """What lies where its record does, whatever that says; None when nothing does."""
        stored = await self._bus.last(subjects.device(self._town(number), number, device))
        return None if stored is None else devices.unpack(Record, stored.data, self._key)

    async def of(self, number: int) -> list[Record]:
        return await self._read(subjects.devices_of(self._town(number), number))

    async def anywhere(self, device: bytes) -> list[Record]:
        """That device, if there is one."""
        return await self._read(subjects.device_anywhere(device))

    async def mark_lost(self, record: Record, now_ms: int, by: str) -> Record:
        """`Conflict` when it was written meanwhile."""
        subject = self._subject(record)
        stored = await self._bus.last(subject)
        lost = structs.replace(record, lost_ms=now_ms, lost_by=by[: limits.AUDIT_FIELD_CHARS_MAX])
        packed = devices.pack(lost, self._key)
        await self._bus.store(subject, packed, expect_last=0 if stored is None else stored.seq)
        return lost

    async def tell_lost(self, record: Record, at_ms: int) -> None:
        """To every gateway, now and when it starts; and no push message goes there any more."""
        push = subjects.push(self._town(record.number), record.number, record.device)
        subscribed = await self._bus.last(push)
        if subscribed is not None and subscribed.data:
            await self._bus.store(push, b"")
        loss = devices.Loss(record.device, record.number, at_ms)
        await self._bus.store(subjects.lost(record.device), devices.pack(loss, self._key))

    async def _read(self, pattern: str) -> list[Record]:
        found: dict[str, Stored] = {}
        tail = await self._bus.tail(TRUST, lambda stored: found.update({stored.subject: stored}), filters=(pattern,))
        try:
            async with asyncio.timeout(LIST_S_MAX):
                await tail.caught_up()
        except TimeoutError:
            raise Unavailable("The devices cannot be read now.", "暂时无法读取设备记录。") from None
        finally:
            await tail.stop()
        records = [self._unpacked(stored) for stored in found.values()]
        return [record for record in records if record is not None]

    def _unpacked(self, stored: Stored) -> Record | None:
        """What no node wrote keeps nobody from seeing, or revoking, the others."""
        try:
            record = devices.unpack(Record, stored.data, self._key)
        except BadEnrolment as problem:
            log.error("devices.bad_record", subject=stored.subject, seq=stored.seq, problem=problem.en)
            return None
        return record if stored.subject == self._subject(record) else None

    def _subject(self, record: Record) -> str:
        return subjects.device(self._town(record.number), record.number, record.device)

    def _town(self, number: int) -> Path:
        town = town_of(number)
        if town >= len(self._roster.towns):
            raise _unknown()
        return Path(self._roster.towns[town])


def _unknown() -> BadEnrolment:
    return BadEnrolment("There is no such device.", "没有该设备。")
