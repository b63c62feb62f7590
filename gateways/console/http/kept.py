"""Video that was recorded: what there is and what is missing, and one source from a time to a time as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, cast

from litestar import Response, Router, get
from litestar.params import Parameter
from litestar.response import Stream

from fusioncmd.api.kept import Footage, FootageCut, FootageReply
from fusioncmd.errors import BadInput
from fusioncmd.video.keeping_bounds import FOUND_MAX
from gateways.console.cuts import Cuts, range_of, said_of
from gateways.console.http.asking import Asked, desk_of, reply, session_of
from gateways.console.http.looking import Code

Millis = Annotated[int, Parameter(ge=0, le=1 << 53)]
Limit = Annotated[int, Parameter(ge=1, le=FOUND_MAX)]
Name = Annotated[str, Parameter(max_length=32)]
KINDS = {"mp4": "video/mp4", "webm": "video/webm"}
PIECE_BYTES = 256 * 1024


@get("/kept")
async def footage(
    request: Asked, from_ms: Millis, until_ms: Millis, node: Code = "", source: Name = "", limit: Limit = 100
) -> Response[FootageReply]:
    """Source by source, what was kept and what is missing, and why."""
    return await reply(request, Footage(from_ms, until_ms, node, source, limit))


@get("/kept/{node:str}/{source:str}/video")
async def video(request: Asked, node: Code, source: Name, from_ms: Millis, until_ms: Millis) -> Response[Any]:
    """From `from_ms` until before `until_ms`, also in ranges (RFC 9110, 14). The headers `Fusioncmd-Begins` and
    `Fusioncmd-Missing` say when it begins and what is missing."""

    async def ask(question: Any) -> Any:
        return await desk_of(request).ask(question, session_of(request))

    if not node or not source:
        raise BadInput("A video is of one source of one place.", "须指定地点与视频源。")
    cuts = cast(Cuts, request.app.state.cuts)
    file, made = await cuts.file(ask, FootageCut(node, source, from_ms, until_ms))
    size = file.stat().st_size
    wanted = range_of(request.headers.get("range", ""), size)
    begin, end = wanted or (0, size - 1)
    headers = said_of(made) | {
        "Accept-Ranges": "bytes", "Content-Length": str(end - begin + 1), "Cache-Control": "no-store",
        "Content-Disposition": f'inline; filename="{node}.{source}-{from_ms}.{made.suffix}"',
    }  # fmt: skip
    if wanted:
        headers["Content-Range"] = f"bytes {begin}-{end}/{size}"
    return Stream(
        _pieces(file, begin, end), media_type=KINDS[made.suffix], headers=headers, status_code=206 if wanted else 200
    )  # fmt: skip


async def _pieces(file: Path, begin: int, end: int) -> AsyncIterator[bytes]:
    with file.open("rb") as opened:
        opened.seek(begin)
        while begin <= end and (piece := opened.read(min(PIECE_BYTES, end - begin + 1))):
            begin += len(piece)
            yield piece


ROUTES = Router("/", route_handlers=[footage, video], tags=["video"])
