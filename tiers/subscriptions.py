"""Where devices take push messages, and who has a phone: the address of each person in each channel.

Of push subscriptions a bitmap is kept, and they themselves are read from the stream when a step needs them, a town at a
time: people stand in it by town, as batches do.
"""

from __future__ import annotations

import asyncio
from zlib import crc32

import msgspec
import structlog
from pyroaring import BitMap, BitMap64

from fusioncmd import subjects
from fusioncmd.bus.port import PUSH, Bus, Stored
from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage, Unavailable
from fusioncmd.ladder import bounds
from fusioncmd.ladder.steps import Channel
from fusioncmd.ladder.wire import Subscription, Target, decode
from fusioncmd.roster.directory import Roster
from fusioncmd.roster.numbers import town_of

log = structlog.get_logger("ladders")

READ_S_MAX = 5.0
DEVICE_BITS = 12  # of a subject's checksum, beside the person's number


class Addresses:
    """`bad` counts subscriptions that could not be read."""

    def __init__(self, bus: Bus, roster: Roster) -> None:
        self._bus, self._roster = bus, roster
        self.with_push = BitMap()
        self._devices = BitMap64()  # of one person several: a lost one ends no other's
        self.bad = 0

    async def begin(self) -> None:
        await (await self._bus.tail(PUSH, self._fold)).caught_up()

    def known(self, channel: Channel) -> BitMap:
        """Who has an address there."""
        if channel == "superior":
            return self._roster.everyone
        return self.with_push if channel == "push" else self._roster.with_phone

    async def of(self, channel: Channel, numbers: BitMap) -> list[Target]:
        """Those of `numbers` that have an address, with it."""
        if channel != "push":
            people = [self._roster.person(n) for n in numbers & self._roster.everyone]
            return [Target(p.number, p.phone) for p in people if p.phone]
        found: list[Target] = []
        for town in sorted({town_of(n) for n in numbers}):
            if town < len(self._roster.towns):
                found += await self._pushes(Path(self._roster.towns[town]), numbers)
        return found

    async def forget_push(self, number: int) -> None:
        """The push service says that it is gone: until the terminal tells of another."""
        town = town_of(number)
        if town < len(self._roster.towns):
            for subject in await self._subjects(Path(self._roster.towns[town]), BitMap([number])):
                await self._bus.store(subject, b"")

    async def _pushes(self, town: Path, numbers: BitMap) -> list[Target]:
        by_number: dict[int, list[dict[str, str]]] = {}
        for data in (await self._subjects(town, numbers)).values():
            try:
                one = decode(Subscription, data)
            except BadMessage:
                self.bad += 1
                continue
            devices = by_number.setdefault(one.number, [])
            if one.number in numbers and len(devices) < bounds.PUSH_DEVICES_MAX:
                devices.append({"endpoint": one.endpoint, "key": one.key.hex(), "auth": one.auth.hex()})
        return [Target(n, msgspec.json.encode(devices).decode()) for n, devices in by_number.items() if devices]

    async def _subjects(self, town: Path, numbers: BitMap) -> dict[str, bytes]:
        """Subject → subscription, of `numbers` in `town`."""
        found: dict[str, bytes] = {}

        def take(stored: Stored) -> None:
            if stored.data and _number(stored.subject) in numbers:
                found[stored.subject] = stored.data

        one = next(iter(numbers)) if len(numbers) == 1 else None
        pattern = f"fc.push.{town.dotted}.>" if one is None else subjects.pushes_of(town, one)
        tail = await self._bus.tail(PUSH, take, filters=(pattern,))
        try:
            async with asyncio.timeout(READ_S_MAX):
                await tail.caught_up()
        except TimeoutError:
            raise Unavailable("Push subscriptions cannot be read now.", "暂时无法读取推送订阅。") from None
        finally:
            await tail.stop()
        return found

    def _fold(self, stored: Stored) -> None:
        try:
            number = _number(stored.subject)
        except ValueError:
            self.bad += 1
            log.error("ladders.bad_subscription", subject=stored.subject)
            return
        device = number << DEVICE_BITS | crc32(stored.subject.encode()) & (1 << DEVICE_BITS) - 1
        if stored.data:
            self._devices.add(device)
            self.with_push.add(number)
            return
        self._devices.discard(device)
        if not self._devices.range_cardinality(number << DEVICE_BITS, number + 1 << DEVICE_BITS):
            self.with_push.discard(number)


def _number(subject: str) -> int:
    return int(subject.split(".")[-2], 16)
