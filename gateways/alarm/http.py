"""Alarms by HTTP: CAP that is pushed, signed hooks, departments. 202: it is on disk, or was said just before."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import structlog
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.enums import MediaType
from litestar.exceptions import HTTPException

from fusioncmd.alarm import cap
from fusioncmd.errors import BadInput, Forbidden, NotFound, Problem
from gateways.alarm.departments import Departments
from gateways.alarm.desk import Desk
from gateways.console.shapes import TooLarge, status_of, trouble_of

log = structlog.get_logger("alarm")
Asked = Request[Any, Any, Any]


def _desk(request: Asked) -> Desk:
    return request.app.state.desk  # type: ignore[no-any-return]


@post("/alarms/cap/{name:str}", status_code=202)
async def cap_pushed(request: Asked) -> dict[str, int]:
    """One alert of CAP 1.2 or 1.1, from who shows the token of that source."""
    desk = _desk(request)
    source = desk.cap_source(request.path_params["name"])
    shown = request.headers.get("authorization", "")
    if not source.token or not hmac.compare_digest(shown.encode(), f"Bearer {source.token}".encode()):
        raise Forbidden("The token of this source is not shown.", "未出示该来源的令牌。")
    return {"alarms": await desk.cap(source, await request.body())}


@post("/alarms/hook/{name:str}", status_code=202)
async def hooked(request: Asked) -> dict[str, int]:
    """One alarm as JSON, signed with the key of that hook."""
    desk = _desk(request)
    header = request.headers.get("fusion-signature", "")
    return {"alarms": await desk.hook(request.path_params["name"], header, await request.body())}


@post("/departments/{name:str}/alarm", status_code=202)
async def department_says(request: Asked) -> dict[str, int]:
    """One alert of CAP or one alarm as JSON, of a department without NATS, which shows its token."""
    return {"alarms": await _department(request).alarm(request.path_params["name"], await request.body())}


@post("/departments/{name:str}/answer")
async def department_answers(request: Asked) -> Response[bytes]:
    """What its duty desk answers to an order."""
    reply = await _department(request).answer(request.path_params["name"], await request.body())
    status = 400 if reply.get("refused") else 202
    return Response(msgspec.json.encode(reply), status_code=status, media_type=MediaType.JSON)


@get("/departments/{name:str}/feed.atom", media_type="application/atom+xml", sync_to_thread=False)
def department_feed(request: Asked) -> bytes:
    """What leaves to a department that fetches: the newest alerts."""
    return _department(request).atom(request.path_params["name"])


@get("/departments/{name:str}/cap/{file:str}", media_type="application/cap+xml", sync_to_thread=False)
def department_alert(request: Asked) -> bytes:
    """One of them."""
    ident = request.path_params["file"].removesuffix(".xml")
    return _department(request).feed.alert(request.path_params["name"], ident)


def _department(request: Asked) -> Departments:
    known: Departments = request.app.state.departments
    known.check(request.path_params["name"], request.headers.get("authorization", ""))
    return known


@get("/health")
async def health(request: Asked) -> dict[str, int]:
    return _desk(request).counters()


def make_app(desk: Desk, departments: Departments, running: Callable[[], Any]) -> Litestar:
    """`running` is an asynchronous context that lasts as long as the application."""

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with running():
            yield

    return Litestar(
        [cap_pushed, hooked, department_says, department_answers, department_feed, department_alert, health],
        state=State({"desk": desk, "departments": departments}, deep_copy=False),
        lifespan=[lifespan],
        exception_handlers={Problem: _problem, HTTPException: _refused},
        request_max_body_size=cap.XML_BYTES_MAX,
        openapi_config=None,
        logging_config=None,
    )  # fmt: skip


def _problem(_: Asked, problem: Problem) -> Response[bytes]:
    status = 401 if isinstance(problem, Forbidden) else 422 if isinstance(problem, NotFound) else status_of(problem)
    return Response(trouble_of(problem), status_code=status, media_type=MediaType.JSON)


def _refused(_: Asked, error: HTTPException) -> Response[bytes]:
    """What Litestar refuses by itself."""
    if error.status_code >= 500:
        log.error("alarm.question_failed", error=repr(error))
    problem = BadInput(f"It is not taken: {error.detail[:200]}.", f"未予受理：{error.detail[:200]}。")
    if error.status_code == 413:
        problem = TooLarge(f"It is longer than {cap.XML_BYTES_MAX} bytes.", f"内容超过 {cap.XML_BYTES_MAX} 字节。")
    return Response(trouble_of(problem), status_code=error.status_code, media_type=MediaType.JSON)
