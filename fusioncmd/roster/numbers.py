"""Responder numbers: 16 bits of town, 16 bits of slot (DESIGN, idea II). Pure."""

from __future__ import annotations

from fusioncmd import limits
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadRoster
from fusioncmd.messages import TownTable

NUMBERS = 1 << 32
ONE = "@"


def number_of(town: int, slot: int) -> int:
    return town << 16 | slot


def town_of(number: int) -> int:
    return number >> 16


def slot_of(number: int) -> int:
    return number & 0xFFFF


def block(town: int) -> tuple[int, int]:
    """The half-open range of a town's numbers."""
    return number_of(town, 0), number_of(town + 1, 0)


def role_of_one(number: int) -> str:
    """The role that one person has and nobody else: by it an order may mean somebody, without saying their name."""
    return f"{ONE}{number}"


def one_of_role(role: str) -> int | None:
    """Whose role it is, where it is one person's alone."""
    digits = role.removeprefix(ONE)
    alone = role != digits and digits.isascii() and digits.isdecimal() and len(digits) <= len(str(NUMBERS))
    return int(digits) if alone and int(digits) < NUMBERS else None


def grows_from(before: tuple[str, ...], after: tuple[str, ...]) -> bool:
    """True when every number that `before` gave still means the same town in `after`."""
    return after[: len(before)] == before and len(set(after)) == len(after)


def extend(table: TownTable | None, divisions: Divisions) -> TownTable:
    """The table with every town of `divisions` in it: new ones are appended in code order, none ever moves."""
    towns = table.towns if table is not None else ()
    known = set(towns)
    new = tuple(town.code for town in divisions.towns if town.code not in known)
    if table is not None and not new:
        return table
    if len(towns) + len(new) > limits.TOWNS_MAX:
        raise BadRoster(f"There are more than {limits.TOWNS_MAX} towns.", f"乡镇数超过 {limits.TOWNS_MAX}。")
    return TownTable(edition=(table.edition if table is not None else 0) + 1, towns=towns + new)
