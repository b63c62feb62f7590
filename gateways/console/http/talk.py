"""Where a commander's browser joins talkgroups, and the pass that it shows there."""

from __future__ import annotations

from litestar import Response, Router, get, post

from fusioncmd import tickets
from fusioncmd.api.voice import TalkPass
from gateways.console.http.asking import Asked, as_json, desk_of, session_of


@get("/talk")
async def where(request: Asked) -> dict[str, str]:
    """`at`: `:PORT` of this host, or a URL; empty where this tier has no talkgroups for browsers."""
    return {"at": str(request.app.state.talk)}


@post("/talk", status_code=200)
async def talk_pass(request: Asked) -> Response[dict[str, str]]:
    """A bearer token of whoever is logged in, for the next minute."""
    made = await desk_of(request).ask(TalkPass(), session_of(request))
    return as_json({"bearer": tickets.to_text(made.talk_pass)})


ROUTES = Router("/", route_handlers=[where, talk_pass], tags=["talk"])
