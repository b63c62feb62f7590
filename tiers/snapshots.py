"""The ledger, written to disk; and what the streams may forget because of that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog

from fusioncmd.bus.port import RECEIPT, REPORT, Bus
from fusioncmd.errors import Unavailable
from tiers.ledger import Ledger
from tiers.ledger_files import LedgerFiles, images
from tiers.problems import Said

log = structlog.get_logger("node")


class Snapshots:
    """`troubles` is told in both languages, under "ledger", while the ledger cannot be written."""

    def __init__(self, bus: Bus, ledger: Ledger, files: LedgerFiles, troubles: dict[str, Said]) -> None:
        self._bus, self._ledger, self._files, self._troubles = bus, ledger, files, troubles
        self._covered = dict(ledger.handled)  # what the head on disk says

    def begin_anew(self, streams: Iterable[str]) -> None:
        """Those `streams` are other ones than the head on disk speaks of."""
        self._covered.update(dict.fromkeys(streams, 0))

    async def write(self) -> bool:
        """Write what changed, then let the streams forget what the snapshot *before* already held.

        False when a stream went back behind what was handled of it."""
        handled = dict(self._ledger.handled)
        if handled == self._covered and not self._ledger.dirty:
            return True
        made = images(self._ledger)
        try:
            await asyncio.to_thread(self._files.save, made, handled, dict(self._ledger.keep_from))
            for stream in (RECEIPT, REPORT):
                if (await self._bus.edge(stream)).last < handled[stream.name]:
                    log.error("node.stream_went_back", stream=stream.name, handled=handled[stream.name])
                    return False
                below = self._covered[stream.name] + 1
                await self._bus.forget(stream, min(below, self._ledger.keep_from.get(stream.name, below)))
            self._covered = handled
            self._troubles.pop("ledger", None)
        except (OSError, Unavailable) as error:
            self._ledger.dirty.update(ident for ident, _ in made)
            self._troubles["ledger"] = f"The ledger was not written: {error}", f"账本未写入：{error}"
            log.error("node.snapshot_failed", error=str(error))
        return True
