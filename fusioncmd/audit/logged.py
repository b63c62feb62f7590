"""Decisions written to the process's log: for a process that was given no audit."""

from __future__ import annotations

import structlog

from fusioncmd.audit.entries import Entry

log = structlog.get_logger("decisions")


class Logged:
    """A `Recorder`."""

    async def record(self, entry: Entry) -> None:
        self.note(entry)

    def note(self, entry: Entry) -> None:
        log.info(
            f"decision.{entry.deed}", at_ms=entry.at_ms, actor=entry.actor, about=entry.about, refused=entry.refused,
            **entry.details,
        )  # fmt: skip
