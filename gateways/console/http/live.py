"""Live tallies as server-sent events (HTML, 9.2): who comes back says what they heard last, and hears what is new."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated

from litestar import Router, get
from litestar.params import Parameter
from litestar.response import Stream

from fusioncmd import ids
from gateways.console import bounds
from gateways.console.http.asking import Asked, nodes_of, session_of, watching_of
from gateways.console.watching import Event, Watcher

COMMENT = b": here\n\n"  # proxies close what is silent


@get("/orders/{order:str}/live")
async def live(
    request: Asked, order: str, node: Annotated[list[str] | None, Parameter(max_items=100)] = None
) -> Stream:
    """`tally` of each `node`, whenever it changes, at most twice a second; `trouble` when the node does not answer;
    `ended` with the session. At most 32 places in one stream."""
    heard = request.headers.get("last-event-id", "")[:16]
    stack = AsyncExitStack()
    watching = watching_of(request).watch(session_of(request), ids.from_text(order), nodes_of(node), heard)
    watcher = await stack.enter_async_context(watching)
    return Stream(
        _said(watcher, stack),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _said(watcher: Watcher, stack: AsyncExitStack) -> AsyncIterator[bytes]:
    async with stack:
        yield b"retry: 1000\n\n"
        while True:
            event = await watcher.next(bounds.STREAM_SAYS_S)
            yield COMMENT if event is None else _line(event)
            if event is not None and event.kind == "ended":
                return


def _line(event: Event) -> bytes:
    ident = f"id: {event.ident}\n" if event.ident else ""
    return f"event: {event.kind}\n{ident}data: ".encode() + event.data + b"\n\n"


ROUTES = Router("/", route_handlers=[live], tags=["live"])
