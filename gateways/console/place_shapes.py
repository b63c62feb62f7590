"""Places as they cross HTTP: where a map of the asked datum has them, and who is responsible by name. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from fusioncmd import api
from fusioncmd.api.places import PlaceLine, PlacesReply, SightReply
from fusioncmd.places.place import Place
from fusioncmd.places.sight import Group
from fusioncmd.track.datum import to_gcj02
from gateways.console.alarm_shapes import Datum

Spot = tuple[float, float]


class ShownSight(Struct, frozen=True):
    """`api.places.SightReply`; `shown`: where a map of the asked datum has each place, and each group."""

    places: tuple[Place, ...]
    shown: tuple[Spot, ...]
    groups: tuple[Group, ...]
    total: int
    kinds: dict[str, int]


class ShownPlaces(Struct, frozen=True):
    """`api.places.PlacesReply`; `shown`: None of a place whose point is not known."""

    lines: tuple[PlaceLine, ...]
    shown: tuple[Spot | None, ...]
    total: int


class Responsible(Struct, frozen=True):
    """`named`: as the place has it, an id of the roster or a phone; `person`: who that is, where the asker may see."""

    named: str
    person: api.Person | None


def on_map(at: Spot, datum: Datum) -> Spot:
    return to_gcj02(*at) if datum == "gcj02" else at


def sight_shown(found: SightReply, datum: Datum) -> ShownSight:
    shown = tuple(on_map(place.where, datum) for place in found.places if place.where is not None)
    groups = tuple(Group(*on_map((group.lat, group.lon), datum), group.many, group.kind) for group in found.groups)
    return ShownSight(found.places, shown, groups, found.total, found.kinds)


def places_shown(found: PlacesReply, datum: Datum) -> ShownPlaces:
    at = (line.place.where for line in found.lines)
    shown = tuple(None if where is None else on_map(where, datum) for where in at)
    return ShownPlaces(found.lines, shown, found.total)


def responsible(named: str, found: Iterable[api.Person]) -> Responsible:
    """Among those who were found by it, who is meant: it may be part of another's phone."""
    return Responsible(named, next((one for one in found if named in (one.id, one.phone)), None))
