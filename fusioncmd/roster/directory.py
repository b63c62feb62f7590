"""The roster in memory: bitmaps for who is where and does what, and the people themselves, decoded when asked for.

840,000 people cost their slices' bytes and a few megabytes of bitmaps; no object per person is kept. Pure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping

from pyroaring import BitMap

from fusioncmd import api, subjects
from fusioncmd.codes import Path, Tier
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadMessage, NotFound
from fusioncmd.messages import RosterSlice, Selector, TownTable, decode
from fusioncmd.roster.duty import at_desks
from fusioncmd.roster.numbers import block, grows_from, number_of, one_of_role, slot_of, town_of
from fusioncmd.roster.slices import check, packed_text, roles_of, utf8

DECODED_TOWNS_MAX = 64
Ranges = list[tuple[int, int]]


class Roster:
    """What a tier node knows of its people."""

    def __init__(self, divisions: Divisions) -> None:
        self.divisions = divisions
        self.towns: tuple[str, ...] = ()
        self.everyone = BitMap()
        self.with_phone = BitMap()
        self._number_of_town: dict[str, int] = {}
        self._table_edition = 0
        self._editions: dict[str, int] = {}
        self._bytes: dict[str, bytes] = {}  # slices as they came; some before the table that numbers their town
        self._by_town: dict[str, BitMap] = {}
        self._by_village: dict[str, BitMap] = {}
        self.by_role: dict[str, BitMap] = {}
        self._decoded: OrderedDict[str, RosterSlice] = OrderedDict()
        self._ranges: dict[str, Ranges] = {}

    @property
    def people(self) -> int:
        return len(self.everyone)

    @property
    def table(self) -> TownTable | None:
        """The town numbers that count; None while there are none."""
        return TownTable(self._table_edition, self.towns) if self.towns else None

    @property
    def slices(self) -> Mapping[str, bytes]:
        """As they came, by town."""
        return self._bytes

    def edition(self, town: str) -> int:
        """Of the town's slice; 0 where there is none."""
        return self._editions.get(town, 0)

    def put(self, subject: str, data: bytes) -> None:
        """A town table or a slice from the stream; an edition that is not newer is ignored.

        `BadMessage`, and nothing changed, for what contradicts its subject, itself or the numbers given so far.
        """
        path = subjects.path_of(subject)
        if path.tier is Tier.TOWN:
            self._put_slice(check(decode(RosterSlice, data), path.code), data)
        elif path == self.divisions.root:
            self._put_table(decode(TownTable, data))
        else:
            raise BadMessage(f"{subject} carries no roster.", f"{subject} 不是名册主题。")

    def resolve(self, selector: Selector) -> BitMap:
        """The people that `selector` means, now. An unknown place or role is `NotFound`, never nobody."""
        meant = BitMap.union(*(self._place(code) for code in selector.nodes), BitMap())
        if selector.roles:
            meant &= BitMap.union(*(self._role(role) for role in selector.roles), BitMap())
        for others in (*map(self._place, selector.not_nodes), *map(self._role, selector.not_roles)):
            meant -= others
        return meant | at_desks(self, selector.desks)

    def ranges(self, path: Path) -> Ranges:
        """Half-open ranges of the numbers under a town or what is above it; adjacent towns are one range.

        By the table and not by the divisions: a town that a newer map no longer shows still has its people.
        """
        known = self._ranges.get(path.code)
        if known is None:
            known = []
            for town, code in enumerate(self.towns):
                if code.startswith(path.code):
                    start, end = block(town)
                    if known and known[-1][1] == start:
                        start = known.pop()[0]
                    known.append((start, end))
            self._ranges[path.code] = known
        return known

    def members(self, path: Path) -> BitMap:
        """Everyone at `path` and below; the caller's own copy."""
        if path.tier is Tier.VILLAGE:
            return self._by_village.get(path.code, BitMap()).copy()
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
        """Who has `number`, also when they have left: an old order still shows them by name."""
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

    def number_of(self, ident: str) -> int | None:
        """The live number of the person with the id `ident`."""
        found = (n for numbers in self._search(ident, "", True, utf8(ident)) for n in numbers)
        return next((n for n in found if n in self.everyone), None)

    def search(self, query: str, path: Path, role: str | None) -> Iterator[list[int]]:
        """Numbers of people whose id is `query`, first, and then of those whose name or phone holds it. Town by town,
        so that a caller who has other things to do can do them in between."""
        within = self.members(path)
        if role is not None:
            within &= self._role(role)
        town = path.code[:9]
        for found in self._search(query, town, True, packed_text(query)):
            yield [n for n in found if n in within]
            within -= BitMap(found)
        for found in self._search(query, town, False, utf8(query)):
            yield [n for n in found if n in within]

    def find(self, query: str, path: Path, role: str | None, limit: int) -> tuple[list[api.Person], int]:
        """The first `limit` people that `search` finds, and how many there are, in one go."""
        found = [n for numbers in self.search(query, path, role) for n in numbers]
        return [self.person(n) for n in found[:limit]], len(found)

    def _search(self, query: str, town: str, exact: bool, wanted: bytes) -> Iterator[list[int]]:
        for code in [c for c in self.towns if c.startswith(town)]:
            # MessagePack holds text as it is, so most towns are ruled out without decoding them.
            if wanted not in self._bytes.get(code, b"") or (part := self._slice(code, keep=False)) is None:
                yield []
                continue
            base = number_of(self._number_of_town[code], 0)
            if exact:
                yield [base + slot for slot, ident in enumerate(part.ids) if ident == query]
            else:
                rows = enumerate(zip(part.ids, part.names, part.phones, strict=True))
                yield [base + slot for slot, (i, n, p) in rows if query in n or query in p or query == i]

    def _put_table(self, table: TownTable) -> None:
        if table.edition <= self._table_edition:
            return
        if not grows_from(self.towns, table.towns):
            raise BadMessage(
                f"Edition {table.edition} of the town table gives numbers anew; it is not taken.",
                f"乡镇编号表第 {table.edition} 版改动了既有编号，未采用。",
            )
        self._table_edition = table.edition
        self.towns = table.towns
        self._number_of_town = {code: i for i, code in enumerate(table.towns)}
        self._ranges.clear()
        for code in self._bytes.keys() & self._number_of_town.keys() - self._by_town.keys():
            self._index(decode(RosterSlice, self._bytes[code]))

    def _put_slice(self, part: RosterSlice, data: bytes) -> None:
        if (part.edition, data) <= (self._editions.get(part.town, 0), self._bytes.get(part.town, b"")):
            return  # of two with one edition, every node keeps the same
        if part.town in self._by_town:
            self._forget(part.town)
        self._editions[part.town] = part.edition
        self._bytes[part.town] = data
        if part.town in self._number_of_town:
            self._index(part)

    def _index(self, part: RosterSlice) -> None:
        base = number_of(self._number_of_town[part.town], 0)
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
                    self.by_role.setdefault(name, BitMap()).update(numbers)
        self._by_town[part.town] = everyone
        self.everyone |= everyone
        self.with_phone |= everyone & BitMap([base + slot for slot, phone in enumerate(part.phones) if phone])

    def _forget(self, town: str) -> None:
        before = self._by_town.pop(town)
        self.everyone -= before
        self.with_phone -= before
        for numbers in self.by_role.values():
            numbers -= before
        for village in set(decode(RosterSlice, self._bytes[town]).villages):
            self._by_village.pop(f"{town}{village:03}", None)
        self._decoded.pop(town, None)

    def _slice(self, town: str, keep: bool = True) -> RosterSlice | None:
        """The slice of `town`, decoded; `keep` it at hand, but a search through all towns pushes none out."""
        part = self._decoded.get(town)
        if part is not None:
            self._decoded.move_to_end(town)
        elif town in self._bytes:
            part = decode(RosterSlice, self._bytes[town])
            if keep:
                self._decoded[town] = part
                if len(self._decoded) > DECODED_TOWNS_MAX:
                    self._decoded.popitem(last=False)
        return part

    def _place(self, code: str) -> BitMap:
        path = Path(code)
        if path not in self.divisions:
            raise NotFound(f"There is no place with the code {code}.", f"没有代码为 {code} 的地点。")
        return self.members(path)

    def _role(self, role: str) -> BitMap:
        """Of a role itself, not a copy. One that nobody has any more is as unknown as after a restart."""
        number = one_of_role(role)
        found = self.by_role.get(role) if number is None else self.everyone & BitMap([number])
        if not found:
            known = ", ".join(sorted(name for name, numbers in self.by_role.items() if numbers)) or "-"
            raise NotFound(f"Nobody has the role {role!r}; known: {known}.", f"没有职责“{role}”；已有：{known}。")
        return found
