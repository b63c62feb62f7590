"""What was decided, in the node's log."""

from __future__ import annotations

import structlog
from msgspec import to_builtins

from fusioncmd.audit.entries import Entry

log = structlog.get_logger("node")


class Logged:
    """A `Recorder` that keeps nothing beyond the log."""

    async def record(self, entry: Entry) -> None:
        self.note(entry)

    def note(self, entry: Entry) -> None:
        _, actor, deed, about, refused, details = to_builtins(entry)
        log.info("node.decided", actor=actor, deed=deed, about=about, refused=refused, **details)
