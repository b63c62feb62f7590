"""Orders: composed by the node, signed where the commander's key is, issued or put before a second commander."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, Router, delete, get, post
from litestar.params import Parameter

from fusioncmd import api, ids, limits
from gateways.console.http.asking import Asked, as_json, desk_of, reply, session_of
from gateways.console.shapes import Composed, DraftForm, PreviewForm, SealedForm, bytes_of, draft_of

Limit = Annotated[int, Parameter(ge=1, le=limits.ORDERS_PAGE_MAX)]


@get("/orders")
async def orders(request: Asked, limit: Limit = 50, open_only: bool = False) -> Response[api.OrdersReply]:
    """The newest first."""
    return await reply(request, api.Orders(limit, open_only))


@get("/orders/{order:str}")
async def order_line(request: Asked, order: str) -> Response[api.OrderLine]:
    """One order, its state, and how many are meant and have answered."""
    found = await desk_of(request).ask(api.Tally(ids.from_text(order)), session_of(request))
    return as_json(found.line)


@post("/compose", status_code=200)
async def compose(request: Asked, data: DraftForm) -> Response[Composed]:
    """The bytes of the order that the draft would be, for its commander to sign. Nothing is stored."""
    done = await desk_of(request).ask(api.Compose(draft_of(data)), session_of(request))
    return as_json(Composed(done.body))


@post("/preview", status_code=200)
async def preview(request: Asked, data: PreviewForm) -> Response[api.PreviewReply]:
    """Whom a new order would mean, how many of them are reachable, and whether it needs two commanders."""
    return await reply(request, api.Preview(data.audience, data.status))


@post("/orders", status_code=201)
async def issue(request: Asked, data: SealedForm) -> Response[api.Issued]:
    """A composed order, signed; on disk when the reply is sent. `SecondNeeded` (400): propose it."""
    return await reply(request, api.Issue(bytes_of(data.sealed), data.until_ms), 201)


@get("/proposals")
async def proposals(request: Asked) -> Response[api.ProposalsReply]:
    """What waits for a second commander, oldest first."""
    return await reply(request, api.Proposals())


@post("/proposals", status_code=201)
async def propose(request: Asked, data: SealedForm) -> Response[api.Proposal]:
    """Keep a signed order until a second commander approves it: they add their signature, and issue it."""
    return await reply(request, api.Propose(bytes_of(data.sealed), data.until_ms), 201)


@delete("/proposals/{order:str}", status_code=200)
async def withdraw(request: Asked, order: str) -> Response[api.Withdrawn]:
    """It is not to be issued any more."""
    return await reply(request, api.Withdraw(ids.from_text(order)))


ROUTES = Router(
    "/",
    route_handlers=[orders, order_line, compose, preview, issue, proposals, propose, withdraw],
    tags=["orders"],
)
