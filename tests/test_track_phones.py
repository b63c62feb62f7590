"""A phone says where it is: gathered, said together and not too often, by whom it is, and to the node alone."""

from __future__ import annotations

import asyncio
import math

from fusioncmd import terminal
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.errors import BusDown
from fusioncmd.track import phones
from fusioncmd.track.bounds import PHONE_EVERY_S, PHONES_AT_ONCE_MAX, PHONES_WAITING_MAX
from fusioncmd.track.phones import PhonePosition
from gateways.responder.phones import PhoneBox

AT = terminal.Position(23.1291, 113.3644, 8, 61)


class Box:
    def __init__(self) -> None:
        self.bus, self.now_s, self.told = MemoryBus(), 1_795_000_000.0, list[tuple[PhonePosition, ...]]()
        self.box = PhoneBox(self.bus, "responder-1", lambda: self.now_s)

    async def hear(self) -> None:
        await self.bus.hear("fc.phones.responder-1", lambda _, data: self.told.append(phones.decode(data).positions))

    async def tick(self, after_s: float = 1.0) -> list[int]:
        """Whose positions are said."""
        self.told.clear()
        self.now_s += after_s
        self.box.tick()
        for _ in range(10):
            await asyncio.sleep(0)
        return [one.number for told in self.told for one in told]


async def test_positions_are_said_together_the_newest_of_each_and_not_too_often() -> None:
    here = Box()
    await here.hear()
    assert await here.tick() == []
    for number in (7, 8, 7):
        here.box.take(number, AT)
    here.box.take(7, terminal.Position(23.2, 113.4))
    assert await here.tick() == [7, 8] and len(here.told) == 1
    assert [one.lat_e7 for one in here.told[0]] == [232_000_000, 231_291_000]
    assert (here.told[0][1].accuracy_m, here.told[0][1].battery) == (8, 61)
    here.box.take(7, AT)
    assert await here.tick() == [], "it waits"
    here.box.take(8, terminal.Position(0.1, 0.1, over=True))
    assert await here.tick() == [8], "who is shared no more is gone at once"
    assert await here.tick(PHONE_EVERY_S) == [7]
    assert await here.tick(PHONE_EVERY_S) == []


async def test_what_is_no_place_is_counted_and_a_flood_is_shed() -> None:
    here = Box()
    await here.hear()
    for odd in ((math.nan, 0.0), (0.0, 0.0)):
        here.box.take(1, terminal.Position(*odd))
    assert here.box.refused == 2 and await here.tick() == []
    for number in range(PHONES_WAITING_MAX + 10):
        here.box.take(number, AT)
    assert here.box.shed == 10
    assert len(await here.tick()) == PHONES_WAITING_MAX
    assert max(map(len, here.told)) == PHONES_AT_ONCE_MAX


async def test_a_bus_that_is_down_loses_positions_and_nothing_else() -> None:
    here = Box()

    async def down(subject: str, data: bytes) -> None:
        raise BusDown("No.", "否。")

    here.bus.say = down  # type: ignore[method-assign]
    here.box.take(7, AT)
    await here.tick()
    assert here.box.shed == 1
    here.box.take(7, AT)
    await here.tick(PHONE_EVERY_S)
    assert here.box.shed == 2
