"""The application: routes below /api, the pages, and every failure as one sentence in two languages.

Cross-site requests: the cookie is SameSite=Strict; what changes anything is JSON, which no form sends, and comes from
the page's own origin. Nothing is compressed beside what the pages' build compressed: a secret could be guessed by size.
"""

from __future__ import annotations

import asyncio
import io
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from csv import writer
from typing import Any
from urllib.parse import urlsplit

import structlog
from litestar import Litestar, Response, Router
from litestar.datastructures import State
from litestar.enums import MediaType
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from fusioncmd import __version__
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadInput, BadMessage, Forbidden, NotFound, Problem
from fusioncmd.pages import source_of
from gateways.console import bounds
from gateways.console.cuts import Cuts
from gateways.console.desk import Desk
from gateways.console.http import (
    alarms,
    departments,
    experts,
    exports,
    kept,
    live,
    looking,
    orders,
    pages,
    places,
    sessions,
    talk,
    tracks,
    video,
)
from gateways.console.http.asking import Asked
from gateways.console.shapes import TooLarge, status_of, trouble_of
from gateways.console.watching import Watching

log = structlog.get_logger("console")
SAFE = ("GET", "HEAD", "OPTIONS")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; connect-src 'self'%s; worker-src 'self' blob:; font-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def make_app(
    desk: Desk, watching: Watching, read: Callable[[], Mapping[str, bytes]], proxied: bool, talk_at: str = ""
) -> Litestar:
    """`read` gives the built pages by path, may be none yet; `talk_at`: where talkgroups are (`:PORT` or a URL)."""

    cuts = Cuts()

    @asynccontextmanager
    async def watch(_: Litestar) -> AsyncIterator[None]:
        task = asyncio.create_task(watching.run())
        task.add_done_callback(_stop_if_it_failed)
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            cuts.close()

    parts = sessions, orders, looking, live, exports, talk, video, kept, tracks, alarms, experts, places, departments
    routes = [part.ROUTES for part in parts]
    policy = HEADERS["Content-Security-Policy"] % (talk_at and f" {source_of(talk_at)}")
    return Litestar(
        [Router("/api", route_handlers=routes, before_request=_check_origin, cache_control=None), *pages.routes(read)],
        state=State(
            {
                "desk": desk,
                "watching": watching,
                "proxied": proxied,
                "talk": talk_at,
                "cuts": cuts,
                "divisions_csv": csv_of(desk.places),
            }
        ),
        lifespan=[watch],
        exception_handlers={Problem: _problem, HTTPException: _refused, Exception: _failed},
        request_max_body_size=bounds.BODY_BYTES_MAX,
        response_headers=HEADERS | {"Content-Security-Policy": policy},
        openapi_config=OpenAPIConfig(
            "fusioncmd", __version__, path="/schema", render_plugins=[JsonRenderPlugin(path="/openapi.json")]
        ),
        logging_config=None,
    )


def _stop_if_it_failed(task: asyncio.Task[None]) -> None:
    """By a mistake of ours no stream moves any more: a console that is started again is better than old figures."""
    if not task.cancelled() and task.exception() is not None:
        log.error("console.watching_failed", error=repr(task.exception()))
        signal.raise_signal(signal.SIGTERM)


def csv_of(places: Divisions) -> str:
    """Every place as `code,name`."""
    text = io.StringIO()
    writer(text, lineterminator="\n").writerows(places.names.items())
    return text.getvalue()


def _check_origin(request: Asked) -> None:
    """Before every question: whatever changes anything comes from a page of ours, and is JSON."""
    if request.method in SAFE:
        return
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden("This comes from another site.", "请求来自其他网站。")
    if int(request.headers.get("content-length") or 0) > bounds.BODY_BYTES_MAX:
        raise _too_large()
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != MediaType.JSON and (kind or request.headers.get("content-length", "0") != "0"):
        raise BadMessage(f"Only JSON is taken here, not {kind[:40]!r}.", f"此处只接受 JSON，不接受“{kind[:40]}”。")


def _problem(_: Asked, problem: Problem) -> Response[bytes]:
    return Response(trouble_of(problem), status_code=status_of(problem), media_type=MediaType.JSON)


def _refused(request: Asked, error: HTTPException) -> Response[bytes]:
    """What Litestar refuses by itself: no such route, a body that is no such form, or is too large."""
    if error.status_code == 413:
        return _with(413, _too_large())
    if error.status_code == 404:
        return _with(404, NotFound("There is nothing here.", "没有该页面。"))
    if error.status_code == 405:
        return _with(405, BadInput("That cannot be done here.", "此处不支持该操作。"))
    if error.status_code >= 500:
        return _failed(request, error)
    why = _detail(error)
    return _with(error.status_code, BadMessage(f"Not valid: {why}.", f"请求无效：{why}。"))


def _detail(error: HTTPException) -> str:
    extra: Any = error.extra
    if isinstance(extra, list) and extra and isinstance(extra[0], dict):
        return ": ".join(str(extra[0][name]) for name in ("key", "message") if name in extra[0])[:200]
    return error.detail[:200].rstrip(".")


def _failed(request: Asked, error: Exception) -> Response[bytes]:
    log.error("console.question_failed", path=request.url.path, error=repr(error))
    return _with(500, Problem("The console failed over it; its log says how.", "指挥台处理失败，详见其日志。"))


def _too_large() -> Problem:
    most = bounds.BODY_BYTES_MAX // 1024
    return TooLarge(f"That is too large: at most {most} KB are taken here.", f"内容过大：此处最多接受 {most} KB。")


def _with(status: int, problem: Problem) -> Response[bytes]:
    return Response(trouble_of(problem), status_code=status, media_type=MediaType.JSON)
