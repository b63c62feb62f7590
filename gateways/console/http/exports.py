"""An order after the fact, as files: who was meant and what they did (CSV), and a summary of it (PDF, JSON)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from litestar import Response, Router, get
from litestar.response import Stream

from fusioncmd import api, ids, limits
from fusioncmd.cli.rows import csv_head, csv_lines
from gateways.console import bounds
from gateways.console.after import After, after_action
from gateways.console.http.asking import Asked, as_json, desk_of, session_of
from gateways.console.http.looking import Code


@get("/orders/{order:str}/people.csv")
async def people_csv(request: Asked, order: str, node: Code = "") -> Stream:
    """One line for each person who is meant, with the highest rung and the answer; UTF-8 with a byte order mark."""
    ident, desk, session = ids.from_text(order), desk_of(request), session_of(request)

    async def page(after: int) -> api.People:
        return await desk.ask(api.Who(ident, "targeted", node, None, after, limits.WHO_PAGE_MAX), session)

    first = await page(-1)  # what is refused is refused with a status, and not in the middle of a file

    async def lines() -> AsyncIterator[bytes]:
        yield csv_head().encode()
        found = first
        while True:
            yield csv_lines(found.people).encode()
            if found.after is None:
                return
            found = await page(found.after)

    return Stream(lines(), media_type="text/csv; charset=utf-8", headers=_file(order, "csv"))


@get("/orders/{order:str}/after")
async def after(request: Asked, order: str, node: Code = "") -> Response[After]:
    """How it went: percentiles of the place and of each right below it, the slowest first; who never answered."""
    return as_json(await _after(request, order, node))


@get("/orders/{order:str}/after.pdf")
async def after_pdf(request: Asked, order: str, node: Code = "", lang: str = "zh") -> Response[bytes]:
    """The same on paper."""
    found = await _after(request, order, node)
    data = await asyncio.to_thread(_on_paper, found, lang != "en")  # tens of pages take a while
    return Response(data, media_type="application/pdf", headers=_file(order, "pdf"))


def _on_paper(found: After, chinese: bool) -> bytes:
    from gateways.console.pdf import pdf_of  # a third of the console's start, for who prints

    return pdf_of(found, chinese)


async def _after(request: Asked, order: str, node: str) -> After:
    ident, desk, session = ids.from_text(order), desk_of(request), session_of(request)
    tally = await desk.ask(api.Tally(ident, node), session)
    silent = await desk.ask(api.Who(ident, "waiting", node, None, -1, bounds.SILENT_SHOWN_MAX), session)
    said = await desk.ask(api.Reports(ident, node, bounds.REPORTS_SHOWN_MAX), session)
    orders = await desk.ask(api.Orders(limits.ORDERS_PAGE_MAX), session)
    course = await desk.ask(api.Course(ident, node), session)
    return after_action(tally, orders.lines, silent, said, course)


def _file(order: str, kind: str) -> dict[str, str]:
    """The id is checked by now: letters and digits alone."""
    return {"Content-Disposition": f'attachment; filename="{order}.{kind}"', "Cache-Control": "no-store"}


ROUTES = Router("/", route_handlers=[people_csv, after, after_pdf], tags=["exports"])
