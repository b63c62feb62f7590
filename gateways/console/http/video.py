"""Video at the console: what is live, what is shown to everybody below, and roll calls with their reports."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, Router, delete, get, post
from litestar.params import Parameter, QueryParameter

from fusioncmd.api import video as asked
from fusioncmd.cli.roll_csv import roll_csv
from fusioncmd.video.bounds import ROLLS_MAX
from fusioncmd.video.roll import RollCall
from fusioncmd.video.still import STILL_S_MIN
from gateways.console.http.asking import Asked, desk_of, reply, session_of
from gateways.console.http.looking import Code
from gateways.console.http.talk import question_of
from gateways.console.shapes import RollForm, ShowForm, TurnForm

Roll = Annotated[str, Parameter(pattern=r"^[0-9A-Z]{26}$")]


@get("/video")
async def video(request: Asked, node: Code = "") -> Response[asked.VideoReply]:
    """Live sources of a place and below; what is shown, which roll is called, and who is called at the own place."""
    return await reply(request, asked.Video(node))


@get("/video/still")
async def still(
    request: Asked, source: Annotated[str, QueryParameter(max_length=64)],
    every_s: Annotated[int, Parameter(ge=STILL_S_MIN, le=600)] = 10,
) -> Response[asked.StillReply]:  # fmt: skip
    """The last still of a source over a thin link (WebP, base64), `<code>.<name>`; while it is asked for, a new one
    each `every_s`."""
    return await reply(request, question_of({"source": source, "every_s": every_s}, asked.AskStill))


@post("/video/show", status_code=200)
async def show(request: Asked, data: ShowForm) -> Response[asked.Shown]:
    """Put a source before everybody below the node, until it is taken away."""
    return await reply(request, asked.ShowSource(data.source))


@delete("/video/show", status_code=200)
async def hide(request: Asked) -> Response[asked.Hidden]:
    return await reply(request, asked.HideSource())


@get("/video/rolls")
async def rolls(
    request: Asked, limit: Annotated[int, Parameter(ge=1, le=ROLLS_MAX)] = 20
) -> Response[asked.RollsReply]:
    """The newest first."""
    return await reply(request, asked.Rolls(limit))


@post("/video/rolls", status_code=201)
async def begin(request: Asked, data: RollForm) -> Response[RollCall]:
    """Call places one after the other: those named, or as many towns as are drawn."""
    question = asked.BeginRoll(data.places, data.count, data.within, data.seed, data.wait_s, data.hold_s)
    return await reply(request, question, 201)


@post("/video/rolls/{roll:str}/turn", status_code=200)
async def turn(request: Asked, roll: Roll, data: TurnForm) -> Response[RollCall]:
    """What is said of the place that is called."""
    return await reply(request, asked.TurnRoll(data.act, roll, data.place))


@get("/video/rolls/{roll:str}")
async def report(request: Asked, roll: Roll) -> Response[RollCall]:
    """Who was present, and when."""
    return await reply(request, asked.RollReport(roll))


@get("/video/rolls/{roll:str}/report.csv")
async def report_csv(request: Asked, roll: Roll) -> Response[str]:
    """The same, one line for each place; UTF-8 with a byte order mark."""
    found = await desk_of(request).ask(asked.RollReport(roll), session_of(request))
    places = desk_of(request).places
    head = {"Content-Disposition": f'attachment; filename="roll-{roll}.csv"', "Cache-Control": "no-store"}
    return Response(roll_csv(found, places), media_type="text/csv; charset=utf-8", headers=head)


ROUTES = Router("/", route_handlers=[video, still, show, hide, rolls, begin, turn, report, report_csv], tags=["video"])
