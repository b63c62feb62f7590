"""Decisions into the node's log: what stands in for the audit where none is kept."""

from __future__ import annotations

import structlog

from fusioncmd.audit.entries import Entry

log = structlog.get_logger("node")


class LogRecorder:
    """Implements `audit.entries.Recorder`."""

    async def record(self, entry: Entry) -> None:
        self.note(entry)

    def note(self, entry: Entry) -> None:
        tell = log.warning if entry.refused else log.info
        tell(f"node.{entry.deed}", actor=entry.actor, about=entry.about, refused=entry.refused, **entry.details)
