"""The roster in memory: bitmaps for who is where and does what, and the people themselves, decoded when asked for.

840,000 people cost their slices' bytes and a few megabytes of bitmaps; no object per person is kept. Pure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from pyroaring import BitMap

from fusioncmd import api, subjects
from fusioncmd.codes import Path, Tier
from fusioncmd.divisions import Divisions
from fusioncmd.errors import NotFound
from fusioncmd.messages import RosterSlice, Selector, TownTable, decode
from fusioncmd.roster.numbers import number_of, slot_of, town_of
from fusioncmd.roster.slices import roles_of

DECODED_TOWNS_MAX = 64
Ranges = list[tuple[int, int]]


class Roster:
    """What a tier node knows of its people."""

    def __init__(self, divisions: Divisions) -> None:
        self.divisions = divisions
        self.towns: tuple[str, ...] = ()
        self.everyone = BitMap()
        self._number_of_town: dict[str, int] = {}
        self._table_edition = 0
        self._editions: dict[str, int] = {}
        self._bytes: dict[str, bytes] = {}
        self._by_town: dict[str, BitMap] = {}
        self._by_village: dict[str, BitMap] = {}
        self._by_role: dict[str, BitMap] = {}
        self._early: dict[str, bytes] = {}  # slices that came before the table that numbers their town
        self._decoded: OrderedDict[str, RosterSlice] = OrderedDict()
        self._ranges: dict[str, Ranges] = {}

    @property
    def people(self) -> int:
        return len(self.everyone)

    def put(self, subject: str, data: bytes) -> None:
        """A town table or a slice from the stream; an edition that is not newer is ignored."""
        if subjects.path_of(subject).tier is not Tier.TOWN:
            self._put_table(decode(TownTable, data))
        else:
            self._put_slice(decode(RosterSlice, data), data)

    def resolve(self, selector: Selector) -> BitMap:
        """The people that `selector` means, now. An unknown place or role is `NotFound`, never nobody."""
        meant = BitMap.union(*(self._place(code) for code in selector.nodes), BitMap())
        if selector.roles:
            meant &= BitMap.union(*(self._role(role) for role in selector.roles), BitMap())
        for code in selector.not_nodes:
            meant -= self._place(code)
        for role in selector.not_roles:
            meant -= self._role(role)
        return meant

    def ranges(self, path: Path) -> Ranges:
        """Half-open ranges of the numbers under a town or what is above it; adjacent towns are one range."""
        known = self._ranges.get(path.code)
        if known is None:
            towns = sorted(
                n for town in self.divisions.towns_under(path) if (n := self._number_of_town.get(town.code)) is not None
            )
            known = []
            for town in towns:
                start, end = number_of(town, 0), number_of(town + 1, 0)
                if known and known[-1][1] == start:
                    known[-1] = (known[-1][0], end)
                else:
                    known.append((start, end))
            self._ranges[path.code] = known
        return known

    def members(self, path: Path) -> BitMap:
        """Everyone at `path` and below."""
        if path.tier is Tier.VILLAGE:
            return self._by_village.get(path.code, BitMap())
        found = BitMap()
        for start, end in self.ranges(path):
            found.add_range(start, end)
        return found & self.everyone

    def count(self, numbers: BitMap, path: Path) -> int:
        """How many of `numbers` are at `path` and below."""
        if path.tier is Tier.VILLAGE:
            return int(numbers.intersection_cardinality(self._by_village.get(path.code, BitMap())))
        return sum(int(numbers.range_cardinality(start, end)) for start, end in self.ranges(path))

    def person(self, number: int, reachable: bool = False) -> api.Person:
        town = self.towns[town_of(number)] if town_of(number) < len(self.towns) else ""
        part = self._slice(town)
        slot = slot_of(number)
        if part is None or slot >= len(part.ids):
            raise NotFound(f"There is no person with the number {number}.", f"没有编号为 {number} 的人员。")
        place = Path(f"{town}{part.villages[slot]:03}" if part.villages[slot] else town)
        return api.Person(
            number, part.ids[slot], part.names[slot], part.phones[slot], place.code, self.divisions.full_name(place),
            roles_of(part, slot), reachable,
        )  # fmt: skip

    def search(self, query: str, path: Path, role: str | None) -> Iterator[list[int]]:
        """Numbers of people whose id is `query` or whose name or phone holds it, town by town, so that a caller who
        has other things to do can do them in between."""
        within = self.members(path) & (self._role(role) if role is not None else self.everyone)
        for town in self.divisions.towns_under(path):
            number = self._number_of_town.get(town.code)
            raw = self._bytes.get(town.code)
            if number is None or raw is None:
                yield []
                continue
            part = self._decoded.get(town.code) or decode(RosterSlice, raw)
            slots = (
                slot
                for slot, (ident, name, phone) in enumerate(zip(part.ids, part.names, part.phones, strict=True))
                if query == ident or query in name or query in phone
            )
            yield [n for slot in slots if (n := number_of(number, slot)) in within]

    def _put_table(self, table: TownTable) -> None:
        if table.edition <= self._table_edition:
            return
        self._table_edition = table.edition
        self.towns = table.towns
        self._number_of_town = {code: i for i, code in enumerate(table.towns)}
        self._ranges.clear()
        early, self._early = self._early, {}
        for data in early.values():
            self._put_slice(decode(RosterSlice, data), data)

    def _put_slice(self, part: RosterSlice, data: bytes) -> None:
        town = self._number_of_town.get(part.town)
        if town is None:
            self._early[part.town] = data
            return
        if part.edition <= self._editions.get(part.town, 0):
            return
        self._editions[part.town] = part.edition
        self._bytes[part.town] = data
        self._decoded.pop(part.town, None)
        before = self._by_town.get(part.town)
        if before is not None:
            self._forget(part.town, before)
        self._index(part, number_of(town, 0))

    def _index(self, part: RosterSlice, base: int) -> None:
        gone = set(part.left)
        villages: dict[int, list[int]] = {}
        masks: dict[int, list[int]] = {}
        for slot, (village, mask) in enumerate(zip(part.villages, part.role_masks, strict=True)):
            if slot not in gone:
                villages.setdefault(village, []).append(base + slot)
                masks.setdefault(mask, []).append(base + slot)
        everyone = BitMap()
        for village, numbers in villages.items():
            here = BitMap(numbers)
            everyone |= here
            if village:
                self._by_village[f"{part.town}{village:03}"] = here
        for mask, numbers in masks.items():
            for bit, name in enumerate(part.role_names):
                if mask >> bit & 1:
                    self._by_role.setdefault(name, BitMap()).update(numbers)
        self._by_town[part.town] = everyone
        self.everyone |= everyone

    def _forget(self, town: str, before: BitMap) -> None:
        self.everyone -= before
        for numbers in self._by_role.values():
            numbers -= before
        for village in self.divisions.children(Path(town)):
            self._by_village.pop(village.code, None)

    def _slice(self, town: str) -> RosterSlice | None:
        part = self._decoded.get(town)
        if part is None and town in self._bytes:
            part = self._decoded[town] = decode(RosterSlice, self._bytes[town])
            if len(self._decoded) > DECODED_TOWNS_MAX:
                self._decoded.popitem(last=False)
        return part

    def _place(self, code: str) -> BitMap:
        path = Path(code)
        if path not in self.divisions:
            raise NotFound(f"There is no place with the code {code}.", f"没有代码为 {code} 的地点。")
        return self.members(path)

    def _role(self, role: str) -> BitMap:
        found = self._by_role.get(role)
        if found is None:
            known = ", ".join(sorted(self._by_role)) or "-"
            raise NotFound(f"Nobody has the role {role!r}; known: {known}.", f"没有职责“{role}”；已有：{known}。")
        return found
