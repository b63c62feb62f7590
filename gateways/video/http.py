"""The signalling of browsers by HTTP, as WHIP has it (RFC 9725): an SDP offer is POSTed, its answer comes back, and the
session's own address is DELETEd, or POSTed to with the next token. Pages come from another port: CORS is open, because
nothing here hangs on a cookie.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from litestar import Litestar, Request, Response, delete, get, post
from litestar.config.cors import CORSConfig
from litestar.enums import MediaType
from litestar.exceptions import HTTPException

from fusioncmd.errors import BadInput, BadMessage, BadTicket, Problem
from gateways.console.shapes import status_of, trouble_of
from gateways.video import bounds
from gateways.video.talking import Talking
from gateways.video.who import Doorman, Guest

log = structlog.get_logger("video")
SDP = "application/sdp"
Asked = Request[Any, Any, Any]


def make_app(talking: Talking, doorman: Doorman, running: Callable[[], Any]) -> Litestar:
    """`running` is an asynchronous context that lasts as long as the application."""

    def guest_of(request: Asked) -> Guest:
        return doorman.admit(request.headers.get("authorization", ""), time.time())

    @post("/talk/{where:str}", status_code=201)
    async def join(request: Asked) -> Response[str]:
        """Into a talkgroup, `<code>` or `<code>.<group>`."""
        guest = guest_of(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != SDP:
            raise BadMessage(f"Only {SDP} is taken here.", f"此处只接受 {SDP}。")
        try:
            offer = (await request.body()).decode()
        except UnicodeDecodeError:
            raise BadMessage("The SDP offer is not UTF-8.", "SDP 邀约不是 UTF-8。") from None
        browser, answer = await talking.open(guest, request.path_params["where"], offer)
        return Response(answer, media_type=SDP, headers={"Location": f"/session/{browser.ident}"})

    @post("/session/{ident:str}", status_code=204)
    async def stay(request: Asked) -> None:
        """Shown before its token ends, the next one keeps a session."""
        talking.stay(request.path_params["ident"], guest_of(request))

    @delete("/session/{ident:str}", status_code=200)
    async def leave(request: Asked) -> None:
        talking.end(talking.find(request.path_params["ident"], guest_of(request)))

    @get("/health")
    async def health() -> dict[str, int]:
        return {"browsers": len(talking.browsers), "refused": talking.refused}

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with running():
            yield

    return Litestar(
        [join, stay, leave, health],
        lifespan=[lifespan],
        cors_config=CORSConfig(
            allow_origins=["*"], allow_methods=["POST", "DELETE"], allow_headers=["authorization", "content-type"],
            expose_headers=["location"],
        ),
        exception_handlers={Problem: _problem, HTTPException: _refused},
        request_max_body_size=bounds.OFFER_BYTES_MAX,
        openapi_config=None,
        logging_config=None,
    )  # fmt: skip


def _problem(_: Asked, problem: Problem) -> Response[bytes]:
    status = 401 if isinstance(problem, BadTicket) else status_of(problem)
    return Response(trouble_of(problem), status_code=status, media_type=MediaType.JSON)


def _refused(_: Asked, error: HTTPException) -> Response[bytes]:
    """What Litestar refuses by itself."""
    if error.status_code >= 500:
        log.error("video.question_failed", error=repr(error))
    problem = BadInput(f"It is not taken: {error.detail[:200]}.", f"未予受理：{error.detail[:200]}。")
    return Response(trouble_of(problem), status_code=error.status_code, media_type=MediaType.JSON)
