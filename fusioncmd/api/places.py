"""Questions about the registry of places: putting some there, finding them, and what is near a point. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd.api.question import CodeOrNone, Question, Verbs, parts
from fusioncmd.messages import Latitude, Longitude
from fusioncmd.places.place import Ident, Kind, Place, Where, encode
from fusioncmd.places.sight import KINDS_MAX, Group

PUT_MAX = 500  # in one question, and no more than fit into its bytes
PAGE_MAX = 500
KM_MAX = 100.0
TEXT_CHARS_MAX = 128
Text = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]


class PutPlaces(Question["PutPlacesReply"], frozen=True):
    """`put-places`: each is added, takes the place of what has its id, or, where it is `removed`, ends that."""

    places: Annotated[tuple[Place, ...], Meta(min_length=1, max_length=PUT_MAX)]


class Places(Question["PlacesReply"], frozen=True):
    """`places`: of `node` and below, by id, with `text` in id, name or address, or as one of who is responsible.
    `after`: the last id of the page before."""

    node: CodeOrNone = ""
    text: Text = ""
    kind: Annotated[str, Meta(max_length=32)] = ""
    after: Annotated[str, Meta(max_length=64)] = ""
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX)] = 100


class NearPlaces(Question["PlacesReply"], frozen=True):
    """`near`: those of `node` and below whose middle is within `within_km` of `at`, the nearest first."""

    at: Where
    within_km: Annotated[float, Meta(gt=0, le=KM_MAX)] = 3.0
    node: CodeOrNone = ""
    kind: Annotated[str, Meta(max_length=32)] = ""
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX)] = 100


class PlacesInSight(Question["SightReply"], frozen=True):
    """`places-in-sight`: those of `node` and below in a box of a map, each of them or, where they are more than
    `limit`, how many there are where (and those that are alone). `kinds`: no others; none given: all."""

    south: Latitude
    west: Longitude
    north: Latitude
    east: Longitude
    node: CodeOrNone = ""
    kinds: Annotated[tuple[Kind, ...], Meta(max_length=KINDS_MAX)] = ()
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX)] = 200


class PutPlacesReply(Struct, frozen=True):
    added: int
    changed: int
    removed: int


class PlaceLine(Struct, frozen=True):
    place: Place
    away_m: float | None = None


class PlacesReply(Struct, frozen=True):
    """`total`: how many there are; `next`: where the next page begins."""

    lines: tuple[PlaceLine, ...]
    total: int
    next: Ident | None = None


class SightReply(Struct, frozen=True):
    """`total`: how many there are of the kinds that were asked for; `kinds`: of each kind in the box."""

    places: tuple[Place, ...]
    groups: tuple[Group, ...]
    total: int
    kinds: dict[str, int]


VERBS: Verbs = {
    PutPlaces: ("put-places", PutPlacesReply),
    Places: ("places", PlacesReply),
    NearPlaces: ("near", PlacesReply),
    PlacesInSight: ("places-in-sight", SightReply),
}


def questions(places: Iterable[Place]) -> Iterator[PutPlaces]:
    """As few as will do."""
    return map(PutPlaces, parts(places, encode, PUT_MAX))
