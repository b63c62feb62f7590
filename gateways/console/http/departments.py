"""The exchange with departments at the console: on one page, what leaves to each and what enters from it."""

from __future__ import annotations

from litestar import Response, Router, get

from fusioncmd.api import departments as asked
from gateways.console.http.asking import Asked, reply


@get("/departments")
async def departments(request: Asked) -> Response[asked.DepartmentsReply]:
    """All of the node's, subject by subject."""
    return await reply(request, asked.Departments())


ROUTES = Router("/", route_handlers=[departments], tags=["departments"])
