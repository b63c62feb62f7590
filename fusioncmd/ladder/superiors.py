"""Who looks after those who do not answer, and what they are told. Pure.

A superior is a person of the roster with one of these roles: they look after everybody of that tier's place in which
they stand themselves. The silent are named to the superiors of the lowest tier that has one who is not silent too.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyroaring import BitMap

from fusioncmd.api.calling import Person
from fusioncmd.codes import Path
from fusioncmd.errors import NotFound
from fusioncmd.ladder import bounds
from fusioncmd.ladder.replies import tag_of
from fusioncmd.messages import Order, Selector
from fusioncmd.roster.directory import Roster
from fusioncmd.roster.numbers import town_of

ROLES: tuple[tuple[int, tuple[str, str]], ...] = (  # digits of the place that they look after; from below
    (12, ("superior-village", "村上级")),
    (9, ("superior-town", "镇上级")),
    (6, ("superior-county", "县上级")),
    (4, ("superior-city", "市上级")),
    (2, ("superior-province", "省上级")),
)
NAMES = frozenset(name for _, names in ROLES for name in names)


def assign(silent: BitMap, roster: Roster) -> dict[int, BitMap]:
    """Superior → those of `silent` whom they are told of; at most SUPERIORS_MAX superiors."""
    left, found = silent & roster.everyone, dict[int, BitMap]()
    for digits, names in ROLES:
        by_place: dict[str, list[int]] = {}
        for number in _holders(names, roster) - silent:
            by_place.setdefault(_place(number, digits, roster), []).append(number)
        for place, numbers in sorted(by_place.items()):
            theirs = roster.members(Path(place)) & left if left and len(place) == digits else BitMap()
            if theirs and len(found) + len(numbers) <= bounds.SUPERIORS_MAX:
                found.update(dict.fromkeys(numbers, theirs))
                left -= theirs
    return found


def _holders(names: Iterable[str], roster: Roster) -> BitMap:
    found = BitMap()
    for name in names:
        try:
            found |= roster.resolve(Selector((roster.divisions.root.code,), roles=(name,)))
        except NotFound:  # nobody has it
            continue
    return found


def _place(number: int, digits: int, roster: Roster) -> str:
    """The town is in the number itself; whose village it is, only the slice knows."""
    if digits == 12:
        return roster.person(number).place
    return roster.towns[town_of(number)][:digits]


def words_for(order: Order, people: Iterable[Person], count: int) -> str:
    """What a superior reads in a push or short message: which order, who, and how many more."""
    named = [*people]
    listed = "、".join(f"{person.name} {person.phone}".strip() for person in named)
    more = f"，另有 {count - len(named)} 人 (and more)" if count > len(named) else ""
    text = order.text if len(order.text) <= 40 else f"{order.text[:40]}…"
    return f"您辖区 {count} 人未答复 (silent)，请联系或代答：{listed}{more}。指令 {tag_of(order.id)}：{text}"
