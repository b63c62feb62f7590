"""Digests of segments in the audit: one entry a minute for many of them, with the digest of their digests.

Which were in which entry lies beside the index, in `audited`: a line for each entry, written after it. Who has a
segment and that line can show that the audit has its digest.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import msgspec
import structlog
from msgspec import Struct

from fusioncmd.audit.entries import Entry, Recorder
from fusioncmd.errors import Problem
from fusioncmd.video.keeping_bounds import BATCH_MAX
from fusioncmd.video.kept import Segment, root_of
from tiers.kept_store import KeptStore
from tiers.recordings import store as append

log = structlog.get_logger("node")
FILE = "audited"
HOURS = 3  # that are looked at: a recorder that was down mends what it kept when it starts


class Batch(Struct, frozen=True):
    root: str
    members: tuple[tuple[str, str], ...]


_batch = msgspec.json.Decoder(Batch)


class KeptAudit:
    """Of what this node recorded; `clock` gives seconds since 1970."""

    def __init__(self, store: KeptStore, recorder: Recorder, clock: Callable[[], float]) -> None:
        self._store, self._recorder, self._clock = store, recorder, clock

    async def run_once(self) -> None:
        """What is in the index and in no entry yet. What cannot be read or written now is looked at again."""
        try:
            await self._run_once()
        except (Problem, OSError) as problem:
            log.warning("keep.not_audited", problem=str(problem))

    async def _run_once(self) -> None:
        for hour in await asyncio.to_thread(lambda: self._store.hours()[-HOURS:]):
            due = await asyncio.to_thread(self._due, hour)
            for at in range(0, len(due), BATCH_MAX):
                batch = Batch(root_of(due[at : at + BATCH_MAX]), tuple(due[at : at + BATCH_MAX]))
                details = {
                    "what": "kept", "segments": str(len(batch.members)), "first": batch.members[0][0],
                    "last": batch.members[-1][0],
                }  # fmt: skip
                now_ms = int(self._clock() * 1_000)
                await self._recorder.record(Entry(now_ms, "recorder", "video", batch.root, details=details))
                await asyncio.to_thread(self._write, hour, batch)

    def batch_of(self, ident: str) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Nothing, where it is in none yet."""
        for batch in self._batches(ident[:10]):
            if any(one == ident for one, _ in batch.members):
                return batch.root, batch.members
        return "", ()

    def _due(self, hour: str) -> list[tuple[str, str]]:
        done = {ident for batch in self._batches(hour) for ident, _ in batch.members}
        return [
            (row.id, row.sha256)
            for row in self._store.rows(hour)
            if isinstance(row, Segment) and row.id not in done
        ]  # fmt: skip

    def _write(self, hour: str, batch: Batch) -> None:
        append(self._store.folder / hour / FILE, b"\n" + msgspec.json.encode(batch) + b"\n", os.O_APPEND)

    def _batches(self, hour: str) -> list[Batch]:
        try:
            lines = (self._store.folder / hour / FILE).read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            try:
                found.append(_batch.decode(line))
            except msgspec.MsgspecError:
                continue  # cut off when the machine was
        return found
