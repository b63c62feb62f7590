"""Positions at the console: where units are, for the map, in the datum that the map is drawn in."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import Response, Router, get
from litestar.params import Parameter

from fusioncmd.api import tracks as asked
from fusioncmd.track.bounds import TOLD_MAX
from gateways.console.http.asking import Asked, as_json, desk_of, session_of
from gateways.console.http.looking import Code
from gateways.console.shapes import ShownTracks, shown_in


@get("/tracks")
async def tracks(
    request: Asked,
    node: Code = "",
    since: Annotated[int, Parameter(ge=0, lt=1 << 53)] = 0,
    after: Annotated[str, Parameter(max_length=64)] = "",
    limit: Annotated[int, Parameter(ge=1, le=TOLD_MAX)] = TOLD_MAX,
    datum: Literal["wgs84", "gcj02"] = "wgs84",
) -> Response[ShownTracks]:
    """Units of a place and below; `since` an edition: what is new. `shown`: where a map of that `datum` has each, and
    where it was before."""
    question = asked.Tracks(node, since=since, after=after, limit=limit, trails=True)
    found = await desk_of(request).ask(question, session_of(request))
    return as_json(shown_in(found, datum))


ROUTES = Router("/", route_handlers=[tracks], tags=["positions"])
