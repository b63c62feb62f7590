"""Copies over a thin link: the index comes by itself, of the last day at first; segments when somebody wishes for them.

Some questions are on their way at once, each for little, so that the link is full and whatever goes before still goes.
A fetch that was cut off, by the link or by a restart of either end, goes on at the byte where it was.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path as FilePath

import structlog

from fusioncmd.api.kept import Fetched, Wish
from fusioncmd.codes import Path
from fusioncmd.video import copying, kept
from fusioncmd.video.copying import AskBytes, AskRows, Bytes, Rows
from fusioncmd.video.kept import Segment, Shed
from fusioncmd.voice.recorded import hour_of
from tiers import kept_wishes
from tiers.kept_store import KeptStore, folder_of

log = structlog.get_logger("keep")
IDLE_S = 2.0  # wishes are looked at so often; that costs the link nothing
ROWS_S, ROWS_S_MAX = 60.0, 900.0  # the index is asked for so often, twice as seldom each time where nothing was new
Ask = Callable[[AskRows | AskBytes], Awaitable[Rows | Bytes | None]]


class ThinCopies:
    """Of the recorder at `below`, into `store`."""

    def __init__(
        self, below: Path, store: KeptStore, ask: Ask, data: FilePath, clock: Callable[[], float],
        numbers: Iterator[int],
    ) -> None:  # fmt: skip
        self._below, self._store, self._ask = below, store, ask
        self._folder, self._clock, self._numbers = folder_of(data), clock, numbers
        self._cursor = store.folder / "cursor"
        self._begin = store.folder / "begin"  # the first hour of which the index was fetched
        self._rows_s, self._every_s = 0.0, ROWS_S  # when the index is asked for next

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.to_thread(self._store.prune)
        seen = -1
        while True:
            if (changed := kept_wishes.changed(self._folder)) != seen:
                seen, self._rows_s, self._every_s = changed, 0.0, ROWS_S
            wished = await asyncio.to_thread(kept_wishes.wishes, self._folder)
            mine = [one for one in wished if one.node.startswith(self._below.code)]
            if time.monotonic() >= self._rows_s:
                await self._rows(mine)
            elif not await self._one(mine):
                await asyncio.sleep(IDLE_S)

    async def _rows(self, wished: list[Wish]) -> None:
        """The next rows of the index below; and when to ask again: at once while there are many."""
        hour, offset = await asyncio.to_thread(self._from_where, wished)
        said = await self._ask(AskRows(next(self._numbers), hour, offset))
        self._rows_s = time.monotonic() + self._every_s
        if not isinstance(said, Rows):
            return
        await asyncio.to_thread(self._take, said)
        await asyncio.to_thread(write_cursor, self._cursor, said.hour, said.offset)
        if said.hour != hour or len(said.data) > copying.PIECE_BYTES_MAX // 2:
            self._rows_s = 0.0
        self._every_s = ROWS_S if said.data else min(ROWS_S_MAX, self._every_s * 2)

    def _from_where(self, wished: list[Wish]) -> tuple[str, int]:
        """The last day, at first; again from an earlier hour on when a wish is of before."""
        hour, offset = read_cursor(self._cursor)
        begin = self._begin.read_text("ascii") if self._begin.exists() else ""
        now_ms = int(self._clock() * 1_000)
        first = hour_of(max(0, min([now_ms - copying.THIN_ROWS_MS, *(one.from_ms for one in wished)])))
        if not begin or first < begin:
            self._begin.write_text(first, "ascii")
            if not begin or hour > first:
                return first, 0
        return hour or first, offset

    def _take(self, said: Rows) -> None:
        known: dict[str, set[kept.Row]] = {}
        for row in kept.rows(said.data):
            if isinstance(row, Segment) and row.origin != self._below.code:
                continue  # not its to tell
            if not isinstance(row, Shed) and not row.node.startswith(self._below.code):
                continue
            hour = kept.hour_of_row(row)
            if hour not in known:
                known[hour] = set(self._store.rows(hour))
            if isinstance(row, Shed) and any(
                isinstance(one, Segment) and one.id == row.id and self._store.file(one).exists() for one in known[hour]
            ):
                continue  # it went there, not here
            if row not in known[hour]:
                known[hour].add(row)
                self._store.append(row)

    async def _one(self, wished: list[Wish]) -> bool:
        """One segment of the first wish that is not all here. Whether there was one."""
        for wish in wished:
            segments = await asyncio.to_thread(self._segments, wish)
            left = [one for one in segments if not self._store.file(one).exists()]
            if not left:
                await asyncio.to_thread(self._tell, wish, segments, 0)
                continue
            await self._fetch(wish, left[0], segments)
            return True
        return False

    def _segments(self, wish: Wish) -> list[Segment]:
        """That can be had."""
        rows = list(self._store.between(wish.from_ms, wish.until_ms))
        gone = {row.id for row in rows if isinstance(row, Shed)}
        found = {
            row.id: row for row in rows
            if isinstance(row, Segment) and (row.node, row.source) == (wish.node, wish.source)
            and row.begin_ms < wish.until_ms and wish.from_ms < row.end_ms and row.id not in gone
            and row.bytes <= copying.SEGMENT_BYTES_MAX
        }  # fmt: skip
        return [one for _, one in sorted(found.items())]

    async def _fetch(self, wish: Wish, row: Segment, segments: list[Segment]) -> None:
        """Until it is here, the link is cut, or other things are wished: it goes on from there."""
        file = await asyncio.to_thread(self._store.place, row.id, row.codec)
        partial, wished = file.with_suffix(".partial"), kept_wishes.changed(self._folder)
        most = copying.THIN_IDLE_BYTES if wish.idle else copying.THIN_PIECE_BYTES
        asked: deque[asyncio.Future[Rows | Bytes | None]] = deque()
        with partial.open("ab") as opened:
            next_at = opened.tell()
            try:
                while opened.tell() < row.bytes:
                    while len(asked) < copying.THIN_WINDOW and next_at < row.bytes:
                        size = min(most, row.bytes - next_at)
                        question = AskBytes(next(self._numbers), row.id, next_at, size, wish.idle)
                        asked.append(asyncio.ensure_future(self._ask(question)))
                        next_at += size
                    size = min(most, row.bytes - opened.tell())
                    said = await asked.popleft()
                    if not isinstance(said, Bytes) or kept_wishes.changed(self._folder) != wished:
                        return
                    if len(said.data) != size:
                        return await asyncio.to_thread(self._gone, row, partial)
                    opened.write(said.data)
                    opened.flush()
                    await asyncio.to_thread(self._tell, wish, segments, opened.tell())
            finally:
                for one in asked:
                    one.cancel()
            await asyncio.to_thread(os.fsync, opened.fileno())
        await asyncio.to_thread(self._keep, row, partial, file)
        await asyncio.to_thread(self._tell, wish, segments, 0)

    def _gone(self, row: Segment, partial: FilePath) -> None:
        """It cannot be had."""
        partial.unlink(missing_ok=True)
        self._store.append(Shed(row.id, int(self._clock() * 1_000), "bytes"))

    def _keep(self, row: Segment, partial: FilePath, file: FilePath) -> None:
        if hashlib.sha256(partial.read_bytes()).hexdigest() != row.sha256:
            log.warning("keep.copy_is_another", segment=row.id, node=self._below.code)
            return self._gone(row, partial)
        partial.replace(file)
        self._store.prune()

    def _tell(self, wish: Wish, segments: list[Segment], part: int) -> None:
        """How far a wish is; `part`: bytes of the segment that is being fetched."""
        here = [one for one in segments if self._store.file(one).exists()]
        size = sum(one.bytes for one in here) + part
        now = Fetched(len(segments), len(here), sum(one.bytes for one in segments), size)
        held = kept_wishes.fetched(self._folder)
        if held.get(wish.key) != now:
            keys = {one.key for one in kept_wishes.wishes(self._folder)}
            held = {key: one for key, one in held.items() if key in keys} | {wish.key: now}
            kept_wishes.write(self._folder, held)


def read_cursor(file: FilePath) -> tuple[str, int]:
    try:
        hour, offset = json.loads(file.read_text("utf-8"))
        return str(hour), int(offset)
    except (OSError, ValueError):
        return "", 0


def write_cursor(file: FilePath, hour: str, offset: int) -> None:
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps([hour, offset]), "utf-8")
    os.replace(partial, file)
