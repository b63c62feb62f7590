"""Experts at the console: who there is, draws with their steps, and the record that anybody replays."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, Router, get, post
from litestar.params import Parameter, QueryParameter

from fusioncmd import ids
from fusioncmd.api import experts as asked
from fusioncmd.experts.draw import NAME_CHARS_MAX
from fusioncmd.experts.expert import State
from fusioncmd.experts.record import published
from gateways.console.alarm_shapes import DrawForm, NoteForm, StateForm
from gateways.console.http.asking import Asked, desk_of, reply, session_of
from gateways.console.http.looking import Code

Limit = Annotated[int, Parameter(ge=1, le=asked.PAGE_MAX)]
Words = Annotated[str, QueryParameter(name="query", max_length=128)]
Degrees = Annotated[float | None, Parameter(ge=-180, le=180)]


@get("/experts")
async def experts(
    request: Asked, node: Code = "", text: Words = "", field: Annotated[str, Parameter(max_length=NAME_CHARS_MAX)] = "",
    in_state: Annotated[State | None, QueryParameter(name="state")] = None, lat: Degrees = None, lon: Degrees = None,
    within_km: Annotated[float, Parameter(gt=0, le=5_000)] = 100.0,
    after: Annotated[str, Parameter(max_length=NAME_CHARS_MAX)] = "", limit: Limit = 100,
) -> Response[asked.ExpertsReply]:  # fmt: skip
    """Of a place and below; with `lat` and `lon` (WGS 84), those within `within_km`, the nearest first."""
    at = None if lat is None or lon is None else (max(-90.0, min(90.0, lat)), lon)
    return await reply(request, asked.Experts(node, text, field, in_state, at, within_km, after, limit))


@post("/experts/{expert:str}/state", status_code=200)
async def set_state(request: Asked, expert: str, data: StateForm) -> Response[asked.ExpertsReply]:
    return await reply(request, asked.SetExpert(expert, data.state))


@get("/draws")
async def draws(request: Asked, limit: Limit = 20) -> Response[asked.DrawsReply]:
    """The newest first."""
    return await reply(request, asked.Draws(limit))


@post("/draws", status_code=201)
async def draw(request: Asked, data: DrawForm) -> Response[asked.DrawReply]:
    """Experts and an official, by the seed that was committed before; asked again with the same id, the same draw."""
    return await reply(request, data.asked, 201)


@get("/draws/{draw:str}")
async def one(request: Asked, draw: str) -> Response[asked.DrawReply]:
    return await reply(request, asked.OneDraw(ids.from_text(draw)))


@post("/draws/{draw:str}/notes", status_code=200)
async def note(request: Asked, draw: str, data: NoteForm) -> Response[asked.DrawReply]:
    """What an expert did; whoever declines is followed by the next in order."""
    return await reply(request, asked.NoteDraw(ids.from_text(draw), data.expert, data.what, data.words))


@get("/draws/{draw:str}/record.json")
async def exported(request: Asked, draw: str) -> Response[bytes]:
    """What replays it, as `fusioncmd experts draws DRAW --out` writes it."""
    found = (await desk_of(request).ask(asked.OneDraw(ids.from_text(draw)), session_of(request))).record
    body = msgspec.json.encode(published(found))
    head = {"Content-Disposition": f'attachment; filename="draw-{ids.to_text(found.id)}.json"'}
    return Response(body, media_type="application/json", headers=head | {"Cache-Control": "no-store"})


ROUTES = Router("/", route_handlers=[experts, set_state, draws, draw, one, note, exported], tags=["experts"])
