"""The registry of places at the console: what a map shows of it, what is near, and who is responsible."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, Router, get
from litestar.params import Parameter, QueryParameter

from fusioncmd import api, limits
from fusioncmd.api import places as asked
from fusioncmd.places.place import PEOPLE_MAX
from fusioncmd.places.sight import KINDS_MAX
from fusioncmd.track.datum import to_wgs84
from gateways.console.alarm_shapes import Datum
from gateways.console.http.asking import Asked, as_json, desk_of, session_of
from gateways.console.http.looking import Code
from gateways.console.place_shapes import (
    Responsible,
    ShownPlaces,
    ShownSight,
    places_shown,
    responsible,
    sight_shown,
)

FOUND_MAX = 20  # people whose phones hold one that is looked for
Latitude = Annotated[float, Parameter(ge=-90, le=90)]
Longitude = Annotated[float, Parameter(ge=-180, le=180)]
Limit = Annotated[int, Parameter(ge=1, le=asked.PAGE_MAX)]
Kind = Annotated[str, Parameter(max_length=32)]


@get("/places/sight")
async def sight(
    request: Asked, south: Latitude, west: Longitude, north: Latitude, east: Longitude, node: Code = "",
    kinds: Annotated[list[str] | None, QueryParameter(name="kind", max_items=KINDS_MAX)] = None, limit: Limit = 200,
    datum: Datum = "wgs84",
) -> Response[ShownSight]:  # fmt: skip
    """Those in a box of a map of that `datum`: each of them or, where they are more than `limit`, how many there are
    where. `kind`, as often as is wanted: no others."""
    if datum == "gcj02":
        (south, west), (north, east) = to_wgs84(south, west), to_wgs84(north, east)
    box = max(south, -90.0), max(west, -180.0), min(north, 90.0), min(east, 180.0)
    found = await desk_of(request).ask(asked.PlacesInSight(*box, node, tuple(kinds or ()), limit), session_of(request))
    return as_json(sight_shown(found, datum))


@get("/places")
async def places(
    request: Asked, node: Code = "",
    text: Annotated[str, QueryParameter(name="query", max_length=asked.TEXT_CHARS_MAX)] = "",
    kind: Kind = "", limit: Limit = 50, datum: Datum = "wgs84",
) -> Response[ShownPlaces]:  # fmt: skip
    """By id, name, address, or who is responsible."""
    found = await desk_of(request).ask(asked.Places(node, text, kind, "", limit), session_of(request))
    return as_json(places_shown(found, datum))


@get("/places/near")
async def near(
    request: Asked, lat: Latitude, lon: Longitude, within_km: Annotated[float, Parameter(gt=0, le=asked.KM_MAX)] = 3.0,
    node: Code = "", kind: Kind = "", limit: Limit = 50, datum: Datum = "wgs84",
) -> Response[ShownPlaces]:  # fmt: skip
    """Within so much of a point (WGS 84), the nearest first."""
    found = await desk_of(request).ask(asked.NearPlaces((lat, lon), within_km, node, kind, limit), session_of(request))
    return as_json(places_shown(found, datum))


@get("/places/people")
async def people(
    request: Asked,
    who: Annotated[list[Annotated[str, Parameter(min_length=1, max_length=limits.NAME_CHARS_MAX)]],
                   Parameter(min_items=1, max_items=PEOPLE_MAX)],
) -> Response[list[Responsible]]:  # fmt: skip
    """Who is meant by what a place has of those who are responsible: ids of the roster, or phones."""
    questions = [api.Find(one, limit=FOUND_MAX) for one in who]
    found = await desk_of(request).ask_all(questions, session_of(request))
    return as_json([responsible(one, reply.people) for one, reply in zip(who, found, strict=True)])


ROUTES = Router("/", route_handlers=[sight, places, near, people], tags=["places"])
