"""The signalling of browsers by HTTP: WHIP to publish (RFC 9725), WHEP to watch (draft-ietf-wish-whep), and the same
for talkgroups: an SDP offer is POSTed, its answer comes back, and the session's own address is PATCHed with candidates,
DELETEd, or POSTed to with the next token. Pages come from another port: CORS is open, because nothing here hangs on a
cookie.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from litestar import Litestar, Request, Response, delete, get, patch, post, route
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.enums import HttpMethod, MediaType
from litestar.exceptions import HTTPException
from litestar.params import FromQuery

from fusioncmd.errors import BadInput, BadMessage, BadTicket, Problem
from gateways.console.shapes import TooLarge, encoded, status_of, trouble_of
from gateways.video import bounds
from gateways.video.calling import Calling, Now
from gateways.video.forwarding import Forwarding
from gateways.video.listing import Row, rows
from gateways.video.missed import MissedDesk
from gateways.video.negotiation import NoCommonCodec, NoRestart
from gateways.video.publisher import About, about
from gateways.video.talking import Talking
from gateways.video.who import Doorman, Guest

log = structlog.get_logger("video")
SDP, FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"
ACCEPTS = {"Accept-Post": SDP, "Accept-Patch": FRAGMENT}
Asked = Request[Any, Any, Any]


class Missing(BadInput):
    """It must be said of which ICE session a fragment is."""


class Stale(BadInput):
    """It is of another ICE session."""


STATUSES = ((BadTicket, 401), (NoCommonCodec, 406), (NoRestart, 422), (Missing, 428), (Stale, 412))


def _guest(request: Asked) -> Guest:
    doorman: Doorman = request.app.state.doorman
    return doorman.admit(request.headers.get("authorization", ""), time.time())


def _talking(request: Asked) -> Talking:
    return request.app.state.talking  # type: ignore[no-any-return]


def _forwarding(request: Asked) -> Forwarding:
    return request.app.state.forwarding  # type: ignore[no-any-return]


def _holder(request: Asked) -> Talking | Forwarding:
    """Where a session is."""
    talking = _talking(request)
    return talking if request.path_params["ident"] in talking.browsers else _forwarding(request)


@post("/talk/{where:str}", status_code=201)
async def join(request: Asked) -> Response[str]:
    """Into a talkgroup, `<code>` or `<code>.<group>`."""
    guest = _guest(request)
    browser, answer = await _talking(request).open(guest, request.path_params["where"], await _text(request, SDP))
    return _opened(browser.ident, answer)


@post("/whip/{where:str}", status_code=201)
async def publish(request: Asked) -> Response[str]:
    """Video of the own place, `<code>`."""
    guest, where = _guest(request), request.path_params["where"]
    one, answer = await _forwarding(request).publish(guest, where, await _text(request, SDP), _about(request, guest))
    return _opened(one.ident, answer)


@post("/whep/{where:str}", status_code=201)
async def watch(request: Asked) -> Response[str]:
    """A source, `<code>.<source>`."""
    guest, where = _guest(request), request.path_params["where"]
    one, answer = await _forwarding(request).watch(guest, where, await _text(request, SDP))
    return _opened(one.ident, answer)


@get("/sources")
async def listed(request: Asked) -> list[Row]:
    """What this guest may watch."""
    return rows(_forwarding(request), _guest(request).caller)


@get("/missed")
async def missed(request: Asked, where: FromQuery[str] = "", since_ms: FromQuery[int] = 0) -> Response[bytes]:
    """Temporary talkgroups of a responder, and bursts of the last day that they missed in the talkgroup `where`."""
    desk: MissedDesk = request.app.state.missed
    reply = await desk.listed(_guest(request), request.headers.get("authorization", ""), where, since_ms)
    return Response(encoded(reply), media_type=MediaType.JSON)


@get("/missed/{ident:str}")
async def recording(request: Asked) -> Response[bytes]:
    """One of them: Ogg Opus."""
    desk: MissedDesk = request.app.state.missed
    ident = str(request.path_params["ident"])
    ogg = await desk.heard(_guest(request), request.headers.get("authorization", ""), ident)
    return Response(ogg, media_type="audio/ogg", headers={"Cache-Control": "private, max-age=3600"})


@get("/now")
async def now(request: Asked) -> Now:
    """What this guest may watch, and whether a roll calls their place."""
    calling: Calling = request.app.state.calling
    return calling.now(_forwarding(request), _guest(request).caller)


@post("/session/{ident:str}", status_code=204)
async def stay(request: Asked) -> None:
    """Shown before its token ends, the next one keeps a session."""
    _holder(request).stay(request.path_params["ident"], _guest(request))


@patch("/session/{ident:str}", status_code=204)
async def trickle(request: Asked) -> None:
    """More candidates of the browser. ICE is not restarted."""
    ident = request.path_params["ident"]
    one = _holder(request).find(ident, _guest(request))
    text = await _text(request, FRAGMENT)
    match request.headers.get("if-match", ""):
        case "":
            raise Missing("If-Match is missing.", "缺少 If-Match。")
        case "*":
            raise NoRestart()
        case tag if tag != _tag(ident):
            raise Stale("If-Match names another ICE session.", "If-Match 指向另一 ICE 会话。")
    await one.session.trickle(text)


@delete("/session/{ident:str}", status_code=200)
async def leave(request: Asked) -> None:
    ident, guest = request.path_params["ident"], _guest(request)
    talking, forwarding = _talking(request), _forwarding(request)
    if ident in talking.browsers:
        talking.end(talking.find(ident, guest))
    elif not any(ended.was(ident, guest.caller) for ended in (talking.ended, forwarding.ended)):
        forwarding.end(forwarding.find(ident, guest))


@route(
    ["/whip/{where:str}", "/whep/{where:str}", "/talk/{where:str}", "/session/{ident:str}"],
    http_method=[HttpMethod.OPTIONS], status_code=204,
)  # fmt: skip
async def options() -> Response[None]:
    return Response(None, headers=ACCEPTS)


@get("/health")
async def health(request: Asked) -> dict[str, int]:
    talking = _talking(request)
    return {"browsers": len(talking.browsers), "refused": talking.refused, **_forwarding(request).counters()}


def make_app(
    talking: Talking,
    forwarding: Forwarding,
    calling: Calling,
    asked: MissedDesk,
    doorman: Doorman,
    running: Callable[[], Any],
) -> Litestar:
    """`running` is an asynchronous context that lasts as long as the application."""

    held = {"talking": talking, "forwarding": forwarding, "calling": calling, "missed": asked, "doorman": doorman}

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with running():
            yield

    return Litestar(
        [options, join, publish, watch, listed, now, missed, recording, stay, trickle, leave, health],
        state=State(held, deep_copy=False),
        lifespan=[lifespan],
        cors_config=CORSConfig(
            allow_origins=["*"], allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["authorization", "content-type", "if-match"],
            expose_headers=["location", "etag", "accept-post", "accept-patch"],
        ),
        exception_handlers={Problem: _problem, HTTPException: _refused},
        request_max_body_size=bounds.OFFER_BYTES_MAX,
        openapi_config=None,
        logging_config=None,
    )  # fmt: skip


def _tag(ident: str) -> str:
    """Of the one ICE session that a session has."""
    return f'"{ident[:16]}"'


def _opened(ident: str, answer: str) -> Response[str]:
    headers = {"Location": f"/session/{ident}", "ETag": _tag(ident), **ACCEPTS}
    return Response(answer, media_type=SDP, headers=headers)


async def _text(request: Asked, kind: str) -> str:
    """The body, of the media type `kind`. Raises BadMessage."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != kind:
        raise BadMessage(f"Only {kind} is taken here.", f"此处只接受 {kind}。")
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError:
        raise BadMessage("The SDP is not UTF-8.", "SDP 不是 UTF-8。") from None


def _about(request: Asked, guest: Guest) -> About:
    """What somebody says of their video by the query `title`, `lat` and `lon`. Raises BadInput."""
    asked = request.query_params
    try:
        place = [float(asked[name]) for name in ("lat", "lon")] if "lat" in asked or "lon" in asked else None
    except (KeyError, ValueError):
        raise BadInput("lat and lon are two numbers, in degrees.", "lat 和 lon 须为两个数字（度）。") from None
    return about(str(asked.get("title") or guest.caller.name), place)


def _problem(_: Asked, problem: Problem) -> Response[bytes]:
    status = next((number for kind, number in STATUSES if isinstance(problem, kind)), None) or status_of(problem)
    return Response(trouble_of(problem), status_code=status, media_type=MediaType.JSON)


def _refused(_: Asked, error: HTTPException) -> Response[bytes]:
    """What Litestar refuses by itself."""
    if error.status_code >= 500:
        log.error("video.question_failed", error=repr(error))
    problem = BadInput(f"It is not taken: {error.detail[:200]}.", f"未予受理：{error.detail[:200]}。")
    if error.status_code == 413:
        most = bounds.OFFER_BYTES_MAX
        problem = TooLarge(f"It is longer than {most} bytes.", f"内容超过 {most} 字节。")
    return Response(trouble_of(problem), status_code=error.status_code, media_type=MediaType.JSON)
