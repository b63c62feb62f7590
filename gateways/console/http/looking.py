"""Looking: tallies, people, reports, the audit, and the tree of places."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import Response, Router, get
from litestar.enums import MediaType
from litestar.params import Parameter, QueryParameter

from fusioncmd import api, ids, limits
from fusioncmd.api.calling import Standing
from fusioncmd.api.course import PAST_MAX
from fusioncmd.audit.entries import Deed
from gateways.console.http.asking import Asked, as_json, desk_of, reply, session_of
from gateways.console.shapes import Place

PeopleLimit = Annotated[int, Parameter(ge=1, le=limits.WHO_PAGE_MAX)]
ReportsLimit = Annotated[int, Parameter(ge=1, le=limits.REPORTS_PAGE_MAX)]
AuditLimit = Annotated[int, Parameter(ge=1, le=limits.AUDIT_REPLY_ENTRIES_MAX)]
Millis = Annotated[int, Parameter(ge=0)]
Searched = Annotated[str, QueryParameter(name="query", max_length=limits.AUDIT_FIELD_CHARS_MAX)]
Words = Annotated[str, QueryParameter(name="query", max_length=limits.NAME_CHARS_MAX)]
Code = Annotated[str, Parameter(pattern=r"^(|[0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})$")]


@get("/orders/{order:str}/tally")
async def tally(request: Asked, order: str, node: Code = "") -> Response[api.TallyReply]:
    """The counts of a place (without one: as much of the node's tree as is the asker's) and of those right below."""
    return await reply(request, api.Tally(ids.from_text(order), node))


@get("/orders/{order:str}/people")
async def who(
    request: Asked, order: str, standing: Standing = "targeted", node: Code = "", answer: int | None = None,
    after: int = -1, limit: PeopleLimit = 100,
) -> Response[api.People]:  # fmt: skip
    """People of one standing, by number; the `after` of the reply is that of the next page."""
    return await reply(request, api.Who(ids.from_text(order), standing, node, answer, after, limit))


@get("/orders/{order:str}/reports")
async def reports(
    request: Asked, order: str, node: Code = "", after: str = "", limit: ReportsLimit = 200
) -> Response[api.ReportsReply]:
    """What people wrote, oldest first, from behind the report `after` on."""
    behind = ids.from_text(after) if after else None
    return await reply(request, api.Reports(ids.from_text(order), node, limit, behind))


@get("/orders/{order:str}/reports/{report:str}/picture", media_type="image/jpeg")
async def picture(request: Asked, order: str, report: str) -> Response[bytes]:
    """The picture of a report: a JPEG as the terminal sent it, which a browser is told to take for nothing else."""
    question = api.Picture(ids.from_text(order), ids.from_text(report))
    found = await desk_of(request).ask(question, session_of(request))
    head = {"Cache-Control": "private, max-age=3600", "Content-Disposition": "inline"}
    return Response(found.data, media_type="image/jpeg", headers=head)


@get("/people")
async def people(
    request: Asked, text: Words = "", node: Code = "",
    role: Annotated[str, Parameter(max_length=limits.ROLE_CHARS_MAX)] = "", limit: PeopleLimit = 100,
) -> Response[api.People]:  # fmt: skip
    """By id, part of a name or of a phone number, with a role, within a place."""
    return await reply(request, api.Find(text, node, role or None, limit))


@get("/roles")
async def roles(
    request: Asked, node: Code = "",
    text: Annotated[str, QueryParameter(name="query", max_length=limits.ROLE_CHARS_MAX)] = "",
) -> Response[api.RolesReply]:  # fmt: skip
    """What people at a place do, the most frequent role first; with `query`, those that hold it."""
    return await reply(request, api.Roles(node, text))


@get("/orders/{order:str}/course")
async def course(
    request: Asked, order: str, node: Code = "", past: Annotated[int, Parameter(ge=0, le=PAST_MAX)] = 0
) -> Response[api.CourseReply]:
    """How many had received and answered after how long, and the same of `past` earlier orders of its mode."""
    return await reply(request, api.Course(ids.from_text(order), node, past))


@get("/orders/{order:str}/ladder")
async def ladder(request: Asked, order: str, node: Code = "") -> Response[api.LadderReply]:
    """How it climbs its ladder: the steps that have begun, in counts of the place, and those to come."""
    return await reply(request, api.Ladder(ids.from_text(order), node))


@get("/audit/entries")
async def audit_entries(
    request: Asked, deed: Deed | Literal[""] = "", text: Searched = "", from_ms: Millis = 0, until_ms: Millis = 1 << 53,
    refused: bool = False, before: Annotated[int, Parameter(ge=1)] | None = None, limit: AuditLimit = 100,
) -> Response[api.AuditFound]:  # fmt: skip
    """What was decided, the newest first; `before` of the reply asks for what is older."""
    question = api.AuditFind(
        deed=deed, query=text, from_ms=from_ms, until_ms=until_ms, refused=refused, before=before, limit=limit
    )
    return await reply(request, question)


@get("/audit/proof")
async def audit_proof(request: Asked, anew: bool = False) -> Response[api.AuditProved]:
    """Whether the chain of pages holds, in the node's own word; asked again, how far it has come."""
    return await reply(request, api.AuditProve(anew))


@get("/audit")
async def audit(
    request: Asked, after: Annotated[int, Parameter(ge=0)] = 0, limit: AuditLimit = 200
) -> Response[api.AuditReply]:
    """Whole pages of what was decided, the oldest first, from behind `after` on."""
    return await reply(request, api.Audit(after, limit))


@get("/divisions")
async def divisions(request: Asked, node: Code = "") -> Response[list[Place]]:
    """The places right below one (without one: the province itself)."""
    places = desk_of(request).places
    below = places.children(places.find(node)) if node else [places.root]
    return as_json([Place(path.code, places.name(path)) for path in below])


@get("/divisions.csv", media_type=MediaType.TEXT)
async def all_divisions(request: Asked) -> Response[str]:
    """The whole tree as `code,name` lines in code order: 28,745 in Guangdong. No name holds a comma or a quote."""
    head = {"Cache-Control": "private, max-age=3600"}
    return Response(request.app.state.divisions_csv, media_type="text/csv; charset=utf-8", headers=head)


ROUTES = Router(
    "/",
    route_handlers=[
        tally, who, reports, picture, people, roles, course, ladder, audit_entries, audit_proof, audit, divisions,
        all_divisions,
    ],
    tags=["looking"],
)  # fmt: skip
