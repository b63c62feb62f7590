"""Copies at another tier than the source: what recorders below kept is fetched by the one above, as links are idle.

Both ends. Rows go into the index of copies after their segments are here, so a fetch that was cut off is begun where
it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path as FilePath
from typing import TypeVar

import structlog

from fusioncmd.bus.port import Bus
from fusioncmd.bus.saying import Saying
from fusioncmd.codes import Path, parse
from fusioncmd.errors import BadMessage
from fusioncmd.video import copying, kept, subjects
from fusioncmd.video.copying import AskBytes, AskRows, Bytes, Here, Pace, Rows, encode, nearest
from fusioncmd.video.kept import Segment
from tiers.kept_serving import bytes_of, rows_from
from tiers.kept_store import KeptStore, folder_of_copies
from tiers.kept_thin import ThinCopies, read_cursor, write_cursor

log = structlog.get_logger("keep")
HERE_S, GONE_S = 10.0, 35.0
IDLE_S = 5.0  # nothing new below: asked again so often
BELOW_MAX = 512  # recorders that are known; more are passed over
PRUNE_EVERY = 64  # copies
ANSWERING_MAX = 16  # questions at once; the one above has THIN_WINDOW at most
T = TypeVar("T", Rows, Bytes)


class Copies:
    """Of the node at `node`, whose own recordings are in `store`; copies of each below take at most `bytes_max`, and
    `bytes_s_max` of its link."""

    def __init__(
        self, bus: Bus, saying: Saying, node: Path, data: FilePath, store: KeptStore, clock: Callable[[], float],
        bytes_max: int, days_max: int, bytes_s_max: float = copying.BYTES_S_MAX,
    ) -> None:  # fmt: skip
        self._bus, self._saying, self._node, self._data, self._store = bus, saying, node, data, store
        self._bytes_s_max = bytes_s_max
        self._clock, self._bytes_max, self._days_max = clock, bytes_max, days_max
        self._below: dict[str, float] = {}  # by code: when its recorder was heard
        self._thin: set[str] = set()  # those over a thin link
        self._asked: dict[int, asyncio.Future[Rows | Bytes]] = {}
        self._numbers = itertools.count(time.time_ns() // 1_000_000)
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._new = asyncio.Event()  # a recorder is heard that was not before
        self.fetched = 0  # segments

    async def run(self) -> None:
        """Until cancelled."""
        await self._bus.hear(subjects.kept_ask(self._node), self._hear_ask)
        for depth in range(1, 6 - self._node.tier):
            await self._bus.hear(f"fc.kept.{self._node.dotted}{'.*' * depth}.said", self._hear_said)
        try:
            while True:
                self._saying.say(subjects.kept_said(self._node), encode(Here(self._node.code)))
                await self._follow()
                self._new.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(HERE_S):
                        await self._new.wait()
        finally:
            for task in (*self._fetching.values(), *self._answering):
                task.cancel()

    async def _follow(self) -> None:
        now_s = time.monotonic()
        self._below = {code: at_s for code, at_s in self._below.items() if now_s - at_s < GONE_S}
        wanted = nearest(self._node.code, set(self._below))
        for code in [code for code, task in self._fetching.items() if code not in wanted or task.done()]:
            task = self._fetching.pop(code)
            task.cancel()
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                log.error("keep.copying_failed", node=code, problem=str(error))
        for code in wanted:
            if code not in self._fetching:
                self._fetching[code] = asyncio.create_task(self._fetch_all(parse(code)), name=f"copies-{code}")

    def _hear_said(self, subject: str, data: bytes) -> None:
        try:
            said = copying.decode(data)
        except BadMessage:
            return
        if isinstance(said, Here):
            if subject == subjects.kept_said(parse(said.code)) and len(self._below) < BELOW_MAX:
                if said.code not in self._below:
                    self._new.set()
                self._below[said.code] = time.monotonic()
                (self._thin.add if said.thin else self._thin.discard)(said.code)
        elif isinstance(said, Rows | Bytes) and (told := self._asked.get(said.number)) is not None and not told.done():
            told.set_result(said)

    def _hear_ask(self, subject: str, data: bytes) -> None:
        """What is too much is lost, and asked again."""
        if len(self._answering) < ANSWERING_MAX:
            task = asyncio.create_task(self._answer(data))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _answer(self, data: bytes) -> None:
        try:
            asked = copying.decode(data)
        except BadMessage:
            return
        said: Rows | Bytes
        if isinstance(asked, AskRows):
            said = await asyncio.to_thread(rows_from, self._store, asked)
        elif isinstance(asked, AskBytes):
            said = await asyncio.to_thread(bytes_of, self._store, asked)
        else:
            return
        self._saying.say(subjects.kept_said(self._node), encode(said))

    async def _fetch_all(self, below: Path) -> None:
        """Of one recorder, for as long as it is there."""
        folder = folder_of_copies(self._data, below.code)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        store = KeptStore(self._data, folder, self._clock, self._bytes_max, self._days_max)
        if below.code in self._thin:
            ask = partial(self._asked_of, below, answer_s=copying.THIN_ANSWER_S)
            return await ThinCopies(below, store, ask, self._data, self._clock, self._numbers).run()
        pace, cursor = Pace(self._bytes_s_max), folder / "cursor"
        hour, offset = read_cursor(cursor)
        await asyncio.to_thread(store.prune)  # also where the last try failed for want of room
        while True:
            said = await self._ask(below, AskRows(next(self._numbers), hour, offset), Rows, pace)
            if said is None or not said.data:
                if said is not None and (said.hour, said.offset) != (hour, offset):
                    hour, offset = said.hour, said.offset
                    continue
                await asyncio.sleep(IDLE_S)
                continue
            taken: list[kept.Row] = []
            for row in kept.rows(said.data):
                if isinstance(row, Segment):
                    if not row.node.startswith(below.code) or row.origin != below.code:
                        continue  # not its to tell
                    await self._fetch(below, row, store, pace)
                elif not isinstance(row, kept.Shed) and not row.node.startswith(below.code):
                    continue
                if not isinstance(row, kept.Shed):  # it went there, not here
                    taken.append(row)
            for row in taken:  # all at once: what fails before is asked for again, and in the index once
                await asyncio.to_thread(store.append, row)
            hour, offset = said.hour, said.offset
            await asyncio.to_thread(write_cursor, cursor, hour, offset)

    async def _fetch(self, below: Path, row: Segment, store: KeptStore, pace: Pace) -> None:
        """Here when it returns, unless it is there no more, is not what it was, or this node kept that time itself."""
        file = await asyncio.to_thread(store.place, row.id, row.codec)
        if file.exists() or row.bytes > copying.SEGMENT_BYTES_MAX or await asyncio.to_thread(self._has, row):
            return
        partial = file.with_suffix(".partial")
        with partial.open("ab") as opened:
            while opened.tell() < row.bytes:
                said = await self._ask(below, AskBytes(next(self._numbers), row.id, opened.tell()), Bytes, pace)
                if said is None:
                    continue  # the link is cut; it goes on from here
                if not said.data:
                    break
                opened.write(said.data)
            opened.flush()
            await asyncio.to_thread(os.fsync, opened.fileno())
        digest = await asyncio.to_thread(lambda: hashlib.sha256(partial.read_bytes()).hexdigest())
        if digest != row.sha256:
            partial.unlink()
            log.warning("keep.copy_is_another", segment=row.id, node=below.code)
            return
        partial.replace(file)
        self.fetched += 1
        if self.fetched % PRUNE_EVERY == 0:
            await asyncio.to_thread(store.prune)

    def _has(self, row: Segment) -> bool:
        mine = [
            one for one in self._store.between(row.begin_ms, row.end_ms)
            if isinstance(one, kept.Shed) or (one.node, one.source) == (row.node, row.source)
        ]  # fmt: skip
        return [each.cause for each in kept.stretches(mine, row.begin_ms, row.end_ms)] == [""]

    async def _ask(self, below: Path, question: AskRows | AskBytes, kind: type[T], pace: Pace) -> T | None:
        """None where no answer came."""
        began_s = time.monotonic()
        said = await self._asked_of(below, question, copying.ANSWER_S)
        if said is None:
            pace.lost()
            return None
        pace.answered((time.monotonic() - began_s) * 1_000)
        if not isinstance(said, kind):
            return None
        await asyncio.sleep(pace.wait_s(len(said.data)))
        return said

    async def _asked_of(self, below: Path, question: AskRows | AskBytes, answer_s: float) -> Rows | Bytes | None:
        """None where no answer came in time."""
        told: asyncio.Future[Rows | Bytes] = asyncio.get_running_loop().create_future()
        self._asked[question.number] = told
        self._saying.say(subjects.kept_ask(below), encode(question))
        try:
            async with asyncio.timeout(answer_s):
                return await told
        except TimeoutError:
            return None
        finally:
            del self._asked[question.number]
