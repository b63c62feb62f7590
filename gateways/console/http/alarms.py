"""Alarms at the console: what came and where each stands, the second look, and playbooks tried on what is past."""

from __future__ import annotations

import time
from typing import Annotated

from litestar import Response, Router, get, post
from litestar.params import Parameter

from fusioncmd import ids
from fusioncmd.alarm.book import Standing
from fusioncmd.api import alarms as asked
from fusioncmd.track.datum import to_wgs84
from gateways.console.alarm_shapes import Datum, DryForm, LookForm, ShownAlarms, alarms_shown
from gateways.console.bounds import ALARMS_SHOWN_MAX
from gateways.console.http.asking import Asked, as_json, desk_of, reply, session_of
from gateways.console.http.looking import Code

Limit = Annotated[int, Parameter(ge=1, le=ALARMS_SHOWN_MAX)]


@get("/alarms")
async def alarms(
    request: Asked, node: Code = "", standing: Standing | None = None, limit: Limit = 100, datum: Datum = "wgs84",
    heard: Annotated[str, Parameter(max_length=16)] = "",
) -> Response[ShownAlarms]:  # fmt: skip
    """Those of a place, below and above it, the newest first. `heard`, the `ident` of the reply before: the lines come
    only where something is new."""
    found = await desk_of(request).ask(asked.Alarms(node, standing, limit), session_of(request))
    return as_json(alarms_shown(found, datum, int(time.time() * 1_000), heard))


@get("/alarms/{alarm:str}")
async def alarm(request: Asked, alarm: str) -> Response[asked.AlarmReply]:
    """One of them, all that was decided about it, and the order that each playbook would make of it now."""
    return await reply(request, asked.OneAlarm(ids.from_text(alarm)))


@get("/alarms/{alarm:str}/still")
async def still(request: Asked, alarm: str) -> Response[asked.AlarmStillReply]:
    """The picture on which a camera's alarm was seen (WebP, base64)."""
    return await reply(request, asked.AlarmStill(ids.from_text(alarm)))


@post("/alarms/{alarm:str}/look", status_code=200)
async def look(request: Asked, alarm: str, data: LookForm) -> Response[asked.AlarmReply]:
    """The second look: it is so, or it is nothing."""
    return await reply(request, asked.LookAtAlarm(ids.from_text(alarm), data.confirm, data.words))


@post("/alarms/dry", status_code=200)
async def dry(request: Asked, data: DryForm) -> Response[asked.DryReply]:
    """What playbooks would have done about past alarms; nothing is stored or issued."""
    return await reply(request, asked.DryPlaybooks(data.file.encode(), data.since_ms, data.limit))


@get("/ground")
async def ground(
    lat: Annotated[float, Parameter(ge=-90, le=90)], lon: Annotated[float, Parameter(ge=-180, le=180)],
    datum: Datum = "wgs84",
) -> Response[tuple[float, float]]:  # fmt: skip
    """Where a point that was touched on a map of that `datum` is, in WGS 84, to six decimals."""
    at = to_wgs84(lat, lon) if datum == "gcj02" else (lat, lon)
    return as_json((round(at[0], 6), round(at[1], 6)))


ROUTES = Router("/", route_handlers=[alarms, alarm, still, look, dry, ground], tags=["alarms"])
