"""A recorder that writes decisions into the process's log: for programs that have no audit of their own."""

from __future__ import annotations

import structlog
from msgspec import structs

from fusioncmd.audit.entries import Entry

log = structlog.get_logger("audit")


class Logged:
    """Implements `entries.Recorder`."""

    async def record(self, entry: Entry) -> None:
        self.note(entry)

    def note(self, entry: Entry) -> None:
        log.info("audit.entry", **structs.asdict(entry))
