"""Duty desks of departments in the roster: the node puts them there, and again when an import leaves them out."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from pyroaring import BitMap

from fusioncmd import subjects
from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path
from fusioncmd.departments.department import ROLE, Department
from fusioncmd.errors import Conflict, Problem, Unavailable
from fusioncmd.messages import RosterSlice, decode, encode
from fusioncmd.roster.directory import Roster
from fusioncmd.roster.slices import Entry, merge

log = structlog.get_logger("departments")

TOWN_DIGITS = 9


class DutyDesks:
    """`node`: whose departments they are."""

    def __init__(self, bus: Bus, roster: Roster, node: Path) -> None:
        self._bus, self._roster, self._node = bus, roster, node
        self._numbers: dict[str, int] = {}  # as of the last look

    def number(self, department: Department) -> int | None:
        """Of its duty desk, where it is in the roster."""
        return self._numbers.get(department.person)

    async def tend(self, departments: Iterable[Department]) -> None:
        """What is missing is put there, and who is no desk any more leaves."""
        wanted = {one.person: one for one in departments if one.desk}
        known = self._numbers = self._known()
        if not self._roster.towns:
            return  # nobody was imported: towns have no numbers yet
        try:
            for ident, one in wanted.items():
                if not self._stands(known.get(ident), one):
                    await self._change(one.desk[:TOWN_DIGITS], [_entry(one)], [])
            for ident, number in known.items():
                place = self._roster.person(number).place[:TOWN_DIGITS]
                if ident not in wanted or wanted[ident].desk[:TOWN_DIGITS] != place:
                    await self._change(place, [], [ident])
        except (Conflict, Unavailable) as problem:  # the next time
            log.warning("departments.no_desk", problem=problem.en)
        except Problem as problem:
            log.error("departments.no_desk", problem=problem.en)

    def _known(self) -> dict[str, int]:
        """Desks of this node's departments in the roster, by id."""
        of, found = f"{ROLE}{self._node.code}-", dict[str, int]()
        for role, numbers in self._roster.by_role.items():
            if role.startswith(ROLE) and numbers:
                for number in BitMap(numbers & self._roster.members(self._node)):
                    if (ident := self._roster.person(number).id).startswith(of):
                        found[ident] = number
        return found

    def _stands(self, number: int | None, one: Department) -> bool:
        if number is None:
            return False
        person = self._roster.person(number)
        return (person.name, person.place, person.roles) == (name_of(one), one.desk, (one.role,))

    async def _change(self, town: str, entries: list[Entry], leaving: list[str]) -> None:
        subject = subjects.roster(Path(town))
        stored = await self._bus.last(subject)
        before = None if stored is None or not stored.data else decode(RosterSlice, stored.data)
        made = merge(before, town, entries, leaving).slice
        if made is not None:
            await self._bus.store(subject, encode(made), expect_last=0 if stored is None else stored.seq)


def name_of(one: Department) -> str:
    return f"{one.title}值班室"


def _entry(one: Department) -> Entry:
    return Entry(one.person, name_of(one), "", int(one.desk[TOWN_DIGITS:] or 0), (one.role,))
