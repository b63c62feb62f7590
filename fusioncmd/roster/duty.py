"""Who sits at the duty desks that an audience names. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pyroaring import BitMap

from fusioncmd import api
from fusioncmd.codes import Path
from fusioncmd.departments.department import ROLE, person_of
from fusioncmd.errors import NotFound


class People(Protocol):
    @property
    def by_role(self) -> dict[str, BitMap]: ...
    def members(self, path: Path) -> BitMap: ...
    def person(self, number: int) -> api.Person: ...


def at_desks(people: People, desks: Iterable[str]) -> BitMap:
    """NotFound where a department has none."""
    return BitMap([_at(people, desk) for desk in desks])


def _at(people: People, desk: str) -> int:
    node, _, name = desk.partition(".")
    for number in people.by_role.get(ROLE + name, BitMap()) & people.members(Path(node)):
        if people.person(number).id == person_of(desk):
            return int(number)
    raise NotFound(f"{node} has no duty desk of a department {name}.", f"{node} 没有部门 {name} 的值班室。")
