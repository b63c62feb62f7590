"""From a request to the node and back: whose session it carries, what is asked, and the reply as JSON."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.enums import MediaType

from fusioncmd import api, limits
from fusioncmd.errors import BadInput, Problem
from gateways.console import bounds
from gateways.console.desk import Desk
from gateways.console.shapes import bytes_of, encoded
from gateways.console.watching import Watching

R = TypeVar("R")
Asked = Request[Any, Any, Any]
COOKIE = "fusioncmd_session"
COOKIE_S = limits.LOGIN_SHOWN_S_MAX  # longer than the session: who shows an expired one is set apart from strangers


def desk_of(request: Asked) -> Desk:
    return cast(Desk, request.app.state.desk)


def watching_of(request: Asked) -> Watching:
    return cast(Watching, request.app.state.watching)


def session_of(request: Asked) -> bytes:
    """Empty when none is shown."""
    text = request.cookies.get(COOKIE, "")
    try:
        return bytes_of(text) if len(text) <= limits.SESSION_BYTES_MAX * 4 // 3 + 4 else b""
    except Problem:
        return b""


def session_cookie(request: Asked, value: str, age_s: int = COOKIE_S) -> Cookie:
    """Out of reach for scripts, and for other sites. Only `--proxied`, behind TLS, can it be kept to TLS as well."""
    return Cookie(
        key=COOKIE, value=value, max_age=age_s, path="/api", httponly=True, samesite="strict",
        secure=bool(request.app.state.proxied),
    )  # fmt: skip


async def reply(request: Asked, question: api.Question[R], status: int = 200) -> Response[R]:
    """What the node says to who shows the request's session."""
    return as_json(await desk_of(request).ask(question, session_of(request)), status)


def as_json(value: R, status: int = 200) -> Response[R]:
    return Response(cast(R, encoded(value)), media_type=MediaType.JSON, status_code=status)


def nodes_of(node: list[str] | None) -> tuple[str, ...]:
    """The places that are watched, each once; none given: as much of the node's tree as is the asker's."""
    nodes = tuple(dict.fromkeys(node or [""]))
    if len(nodes) > bounds.WATCHED_NODES_MAX:
        raise BadInput(
            f"At most {bounds.WATCHED_NODES_MAX} places are watched at once.",
            f"同时查看的地点最多 {bounds.WATCHED_NODES_MAX} 个。",
        )
    return nodes
