"""Where a commander's browser joins talkgroups, and the pass that it shows there; temporary talkgroups, and what was
said."""

from __future__ import annotations

import time
from typing import Annotated, TypeVar

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.params import Parameter, QueryParameter

from fusioncmd import tickets
from fusioncmd.api.talkgroups import EndTalkgroup, MakeTalkgroup, Talkgroups, TalkgroupsReply
from fusioncmd.api.voice import Bursts, BurstsReply, Recording, TalkPass
from fusioncmd.errors import BadInput
from fusioncmd.voice.bounds import FOUND_MAX, MISSED_S_MAX
from gateways.console.http.asking import Asked, as_json, desk_of, reply, session_of

Limit = Annotated[int, Parameter(ge=1, le=FOUND_MAX)]
Where = Annotated[str, QueryParameter(name="group", max_length=48)]


@get("/talk")
async def where(request: Asked) -> dict[str, str]:
    """`at`: `:PORT` of this host, or a URL; empty where this tier has no talkgroups for browsers."""
    return {"at": str(request.app.state.talk)}


@post("/talk", status_code=200)
async def talk_pass(request: Asked) -> Response[dict[str, str]]:
    """A bearer token of whoever is logged in, for the next minute."""
    made = await desk_of(request).ask(TalkPass(), session_of(request))
    return as_json({"bearer": tickets.to_text(made.talk_pass)})


@get("/talk/groups")
async def groups(request: Asked) -> Response[TalkgroupsReply]:
    """Temporary talkgroups that have not ended, of the asker's place or with members there."""
    return await reply(request, Talkgroups())


@post("/talk/groups", status_code=201)
async def make_group(request: Asked, data: MakeTalkgroup) -> Response[TalkgroupsReply]:
    """A temporary talkgroup: radios of its members are called into it, pages offer it."""
    return await reply(request, data, 201)


@delete("/talk/groups/{group:str}", status_code=200)
async def end_group(request: Asked, group: str) -> Response[TalkgroupsReply]:
    """`<code>.<name>`; calls of radios in it end."""
    place, _, name = group.partition(".")
    return await reply(request, question_of({"place": place, "name": name}, EndTalkgroup))


@get("/talk/bursts")
async def bursts(request: Asked, group: Where, limit: Limit = 50) -> Response[BurstsReply]:
    """What was said in a talkgroup, `<code>` or `<code>.<name>`, on the last day, the newest first."""
    until_ms = int(time.time() * 1_000)
    asked = {"from_ms": until_ms - MISSED_S_MAX * 1_000, "until_ms": until_ms, "limit": limit, "where": group}
    return await reply(request, question_of(asked, Bursts))


@get("/talk/bursts/{burst:str}", media_type="audio/ogg")
async def recording(request: Asked, burst: str) -> Response[bytes]:
    """One of them: Ogg Opus. Who hears it is in the audit."""
    found = await desk_of(request).ask(question_of({"id": burst}, Recording), session_of(request))
    return Response(found.ogg, media_type="audio/ogg", headers={"Cache-Control": "private, max-age=3600"})


Q = TypeVar("Q")


def question_of(asked: dict[str, object], kind: type[Q]) -> Q:
    """BadInput for what is none."""
    try:
        return msgspec.convert(asked, kind)
    except msgspec.ValidationError as error:
        raise BadInput(f"Not valid: {error}.", f"请求无效：{error}。") from None


ROUTES = Router(
    "/", route_handlers=[where, talk_pass, groups, make_group, end_group, bursts, recording], tags=["talk"],
)  # fmt: skip
