"""The people of a place as tickets name them, read from the roster's own slices in the stream.

A town has up to 65,536 people, more than one reply of the node holds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from fusioncmd import codes, subjects, tickets
from fusioncmd.bus.port import Bus
from fusioncmd.divisions import Divisions
from fusioncmd.errors import NotFound
from fusioncmd.messages import RosterSlice, TownTable, decode
from fusioncmd.roster.numbers import number_of, slot_of, town_of
from fusioncmd.roster.slices import roles_of


class Holder(NamedTuple):
    number: int
    id: str
    place: str  # village code, or the town's
    roles: tuple[str, ...]


def mint(holder: Holder, key: bytes, expires_s: int) -> bytes:
    return tickets.mint(tickets.Ticket(holder.number, holder.place, holder.roles, expires_s), key)


async def holder_of(bus: Bus, province: codes.Path, number: int) -> Holder:
    table = await _table(bus, province)
    town, slot = town_of(number), slot_of(number)
    part = await _slice(bus, codes.Path(table.towns[town])) if town < len(table.towns) else None
    if part is None or slot >= len(part.ids) or slot in part.left:
        raise NotFound(f"There is no person with the number {number}.", f"没有编号为 {number} 的人员。")
    return _holder(part, town, slot)


async def holders_at(bus: Bus, places: Divisions, path: codes.Path, limit: int | None = None) -> AsyncIterator[Holder]:
    """The people at `path` and below, in the order of their towns' codes, `limit` of them at most."""
    town_numbers = {code: i for i, code in enumerate((await _table(bus, places.root)).towns)}
    left = (1 << 32) if limit is None else limit
    for town in places.towns_under(path):
        part = await _slice(bus, town) if town.code in town_numbers else None
        gone = set(part.left) if part is not None else set()
        for slot in range(len(part.ids) if part is not None else 0):
            if part is None or slot in gone:
                continue
            holder = _holder(part, town_numbers[town.code], slot)
            if not path.covers(codes.Path(holder.place)):
                continue
            if not left:
                return
            yield holder
            left -= 1


async def _table(bus: Bus, province: codes.Path) -> TownTable:
    stored = await bus.last(subjects.roster(province))
    if stored is None:
        raise NotFound("There is no roster yet; `fusioncmd roster import` loads one.", "尚无名册，请先导入名册。")
    return decode(TownTable, stored.data)


async def _slice(bus: Bus, town: codes.Path) -> RosterSlice | None:
    stored = await bus.last(subjects.roster(town))
    return None if stored is None else decode(RosterSlice, stored.data)


def _holder(part: RosterSlice, town: int, slot: int) -> Holder:
    village = part.villages[slot]
    place = f"{part.town}{village:03}" if village else part.town
    return Holder(number_of(town, slot), part.ids[slot], place, roles_of(part, slot))
