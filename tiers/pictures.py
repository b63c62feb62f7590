"""Pictures of reports, read from their stream when somebody asks: the node keeps none in memory."""

from __future__ import annotations

from fusioncmd import subjects
from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path
from fusioncmd.errors import NotFound
from fusioncmd.messages import PicturePart, Report, decode


async def picture_of(bus: Bus, report: Report, town: Path) -> bytes:
    """The file, of all its parts, which came from somebody of `town`.

    `NotFound` when one is not there any more, or belongs to another order.
    """
    parts: list[bytes] = []
    for n in range(report.parts):
        stored = await bus.last(subjects.picture_part(town, report.number, report.id, n))
        part = None if stored is None else decode(PicturePart, stored.data)
        if part is None or (part.order, part.part) != (report.order, n):
            raise NotFound("The picture is not kept any more.", "照片已不再保留。")
        parts.append(part.data)
    if not parts:
        raise NotFound("That report has no picture.", "该报告没有照片。")
    return b"".join(parts)
