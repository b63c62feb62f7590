"""Single people whom a playbook means: who is responsible for a place, and experts, by what is written down of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fusioncmd.messages import Selector
from fusioncmd.places.place import Place
from fusioncmd.roster.directory import Roster
from fusioncmd.roster.numbers import role_of_one

PHONE_CHARS_MIN = 5  # what is shorter is part of too many


class AlarmPeople:
    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    def responsible(self, place: Place | None, nodes: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The roles by which those are meant who are responsible for `place` and are people of `nodes`; and the others,
        as the registry has them."""
        found = [(said, self.number(said)) for said in (place.people if place is not None else ())]
        here = self._roster.resolve(Selector(nodes)) if found else ()
        roles = tuple(
            dict.fromkeys(role_of_one(number) for _, number in found if number is not None and number in here)
        )
        return roles, tuple(said for said, number in found if number is None or number not in here)

    def number(self, *said: str) -> int | None:
        """Of the person of whom one of these is the roster's id, or the phone."""
        for each in said:
            if (number := self._roster.number_of(each)) is not None:
                return number
        found: int | None = next(self._by_phone(each for each in said if len(each) >= PHONE_CHARS_MIN), None)
        return found

    def _by_phone(self, phones: Iterable[str]) -> Iterator[int]:
        for phone in phones:
            for numbers in self._roster.search(phone, self._roster.divisions.root, None):
                yield from (number for number in numbers if self._roster.person(number).phone == phone)
