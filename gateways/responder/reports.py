"""Reports and pictures on their way to disk: each a message, a bounded number at a time, confirmed when stored.

Whoever has a ticket could write without end, and the streams are everybody's. So each person has a pace of their own,
for each order: what comes faster is given back, and their terminal keeps it. A picture comes in parts, each a message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from fusioncmd import limits, subjects, terminal
from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path
from fusioncmd.errors import Unavailable
from fusioncmd.messages import PicturePart, Report, encode
from gateways.responder import replies
from gateways.responder.board import Posted

log = structlog.get_logger("reports")

JPEG = b"\xff\xd8\xff"  # how each begins (ISO/IEC 10918-1, B.1.1.3)

Said = terminal.SendReport | terminal.SendPicture


class Teller(Protocol):
    def refuse(self, number: int, code: str, order: bytes, report: bytes | None) -> None: ...

    def say(self, number: int, frame: bytes) -> None: ...


class ReportBox:
    def __init__(self, bus: Bus, teller: Teller) -> None:
        self._bus, self._teller = bus, teller
        self.refuses: Callable[[], bool] = lambda: False  # where the room that is left is for orders and answers
        self._stores: set[asyncio.Task[None]] = set()

    def take(self, said: Said, number: int, town: str, now_ms: int, about: Posted) -> None:
        """Store it, or tell the terminal to keep it and send it again."""
        if isinstance(said, terminal.SendPicture) and said.part == 0 and not said.data.startswith(JPEG):
            self._teller.refuse(number, "not_a_picture", said.order, said.report)
        elif len(self._stores) >= limits.REPORTS_IN_FLIGHT_MAX or not _in_pace(said, number, now_ms, about):
            self._teller.refuse(number, "busy", said.order, said.report)
        elif self.refuses():
            log.warning("reports.refused")
            self._teller.refuse(number, "not_stored", said.order, said.report)
        else:
            task = asyncio.create_task(self._store(said, number, Path(town), now_ms))
            self._stores.add(task)
            task.add_done_callback(self._stores.discard)

    async def drain(self, wait_s: float) -> None:
        if self._stores:
            await asyncio.wait(self._stores, timeout=wait_s)

    async def _store(self, said: Said, number: int, town: Path, now_ms: int) -> None:
        message: Report | PicturePart
        if isinstance(said, terminal.SendReport):
            message = Report(said.report, said.order, number, now_ms, said.text, said.lat, said.lon, said.parts)
            subject, done = subjects.report(town), replies.stored(said.order, said.report)
        else:
            message = PicturePart(said.report, said.order, number, said.part, said.data)
            subject = subjects.picture_part(town, number, said.report, said.part)
            done = replies.part_stored(said.order, said.report, said.part)
        try:
            await self._bus.store(subject, encode(message))
        except Unavailable as error:
            log.warning("reports.not_stored", error=error.en)
            self._teller.refuse(number, "not_stored", said.order, said.report)
        else:
            self._teller.say(number, done)


def _in_pace(said: Said, number: int, now_ms: int, about: Posted) -> bool:
    """Whether this person may say one more about that order now; then it is counted."""
    if isinstance(said, terminal.SendReport):
        used_ms, every_ms, burst = about.reports_ms, limits.REPORT_EVERY_S * 1000, limits.REPORTS_BURST_MAX
    else:
        used_ms, every_ms, burst = about.parts_ms, limits.PICTURE_PART_EVERY_S * 1000, limits.PICTURE_PARTS_BURST_MAX
    after_ms = max(used_ms.get(number, 0), now_ms) + every_ms
    if after_ms - now_ms > burst * every_ms:
        return False
    used_ms[number] = after_ms
    return True
