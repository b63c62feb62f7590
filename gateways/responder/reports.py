"""Reports on their way to disk: each one message, a bounded number at a time, confirmed when stored.

Whoever has a ticket could write without end, and the stream is everybody's. So each person has a pace of their own, for
each order: what comes faster is given back, and their terminal keeps it.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

from fusioncmd import limits, subjects, terminal
from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path
from fusioncmd.errors import Unavailable
from fusioncmd.messages import Report, encode

log = structlog.get_logger("reports")


class Teller(Protocol):
    def refuse(self, number: int, code: str, order: bytes, report: bytes | None) -> None: ...

    def stored_report(self, number: int, order: bytes, report: bytes) -> None: ...


class ReportBox:
    def __init__(self, bus: Bus, teller: Teller) -> None:
        self._bus, self._teller = bus, teller
        self._stores: set[asyncio.Task[None]] = set()

    def take(self, said: terminal.SendReport, number: int, town: str, now_ms: int, used_ms: dict[int, int]) -> None:
        """Store it, or tell the terminal to keep it and send it again. `used_ms` says of who reported on the order
        until when their pace is used up."""
        after_ms = max(used_ms.get(number, 0), now_ms) + limits.REPORT_EVERY_S * 1000
        too_fast = after_ms - now_ms > limits.REPORTS_BURST_MAX * limits.REPORT_EVERY_S * 1000
        if too_fast or len(self._stores) >= limits.REPORTS_IN_FLIGHT_MAX:
            self._teller.refuse(number, "busy", said.order, said.report)
            return
        used_ms[number] = after_ms
        report = Report(said.report, said.order, number, now_ms, said.text, said.lat, said.lon)
        task = asyncio.create_task(self._store(report, subjects.report(Path(town))))
        self._stores.add(task)
        task.add_done_callback(self._stores.discard)

    async def drain(self, wait_s: float) -> None:
        if self._stores:
            await asyncio.wait(self._stores, timeout=wait_s)

    async def _store(self, report: Report, subject: str) -> None:
        try:
            await self._bus.store(subject, encode(report))
        except Unavailable as error:
            log.warning("reports.not_stored", error=error.en)
            self._teller.refuse(report.number, "not_stored", report.order, report.id)
        else:
            self._teller.stored_report(report.number, report.order, report.id)
