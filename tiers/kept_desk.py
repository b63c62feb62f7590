"""What a node answers of video that was kept: found, fetched, pinned; which sources are kept; and its digests, which it
puts into the audit.

Another process records (`keep.py`). They share the folder `video`: the node says there what is wanted, and reads what
was kept, at this node and, as copies, at those below.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

import structlog

from fusioncmd.access import Actor
from fusioncmd.api import kept as asked
from fusioncmd.audit.entries import Entry, Recorder
from fusioncmd.codes import parse
from fusioncmd.errors import BadInput, Conflict, NotFound, StorageFull
from fusioncmd.video.keeping_bounds import AUDITED_S, CHOSEN_MAX, CUT_MS_MAX, FIND_MS_MAX, PART_BYTES_MAX, PINS_MAX
from fusioncmd.video.kept import Missing, Pin
from tiers import kept_wanted
from tiers.desk import Desk
from tiers.kept_audit import KeptAudit
from tiers.kept_fetching import FetchDesk
from tiers.kept_finding import Finding, lines_of
from tiers.kept_store import folder_of
from tiers.kept_wanted import Wanted
from tiers.serving import Answer

log = structlog.get_logger("node")
WANTED_S = 1.0  # the recorder is told so often which orders run
SAID_S = 30.0  # a recorder that was silent for longer is not there
FETCHED_S = 300.0  # who fetches the same again within it is noted once
FETCHED_MAX = 1_024  # of those that are known; beyond, each is noted
ANNOUNCED = ("actual", "exercise")


class KeptDesk:
    """`clock` gives seconds since 1970."""

    def __init__(self, desk: Desk, data: FilePath, recorder: Recorder, clock: Callable[[], float]) -> None:
        self._desk, self._recorder, self._clock = desk, recorder, clock
        self._folder = folder_of(data)
        self._finding = Finding(data, clock)
        self._audit = KeptAudit(self._finding.own, recorder, clock)
        self._wanted = kept_wanted.read(self._folder)
        self._fetching = FetchDesk(desk, data, recorder, clock)
        self._noted: dict[tuple[str, str, int, int], float] = {}  # who fetched what, and when

    def answers(self) -> dict[type[Any], Answer]:
        return {
            asked.Footage: self.footage, asked.FootageCut: self.cut, asked.FootagePart: self.part,
            asked.FootageProof: self.proof, asked.PinFootage: self.pin, asked.KeepFootage: self.keep,
            asked.FetchFootage: self._fetching.fetch,
        }  # fmt: skip

    async def run(self) -> None:
        """Until cancelled."""
        audited_s = self._clock()
        while True:
            if self._folder.is_dir():  # a recorder was here
                try:
                    self._want(self._wanted.chosen)
                except StorageFull as problem:
                    log.warning("kept.recorder_not_told", problem=problem.en)
                if abs(self._clock() - audited_s) >= AUDITED_S:
                    audited_s = self._clock()
                    await self._audit.run_once()
            await asyncio.sleep(WANTED_S)

    def problems(self) -> tuple[tuple[str, str], ...]:
        """For health."""
        found = kept_wanted.state(self._folder)
        if found is None:
            return ()
        if self._is_silent(found):
            silent_s = round(self._clock() - found.at_ms / 1_000)
            return ((f"The recorder of video has said nothing for {silent_s} s", f"录像程序已 {silent_s} 秒无响应"),)
        return found.problems

    async def footage(self, question: asked.Footage, who: Actor) -> asked.FootageReply:
        self._check_time(question.from_ms, question.until_ms, FIND_MS_MAX)
        place = self._place(question.node, who)
        rows = await asyncio.to_thread(self._finding.rows, question.from_ms, question.until_ms, place, question.source)
        pins = await asyncio.to_thread(self._finding.own.pins)
        lines = await asyncio.to_thread(lines_of, rows, question.from_ms, question.until_ms, pins, question.limit + 1)
        return asked.FootageReply(tuple(lines[: question.limit]), len(lines) > question.limit)

    async def cut(self, question: asked.FootageCut, who: Actor) -> asked.FootageSegments:
        self._check_time(question.from_ms, question.until_ms, CUT_MS_MAX)
        self._place(question.node, who)
        made = await asyncio.to_thread(
            self._finding.cut, question.from_ms, question.until_ms, question.node, question.source
        )
        source = f"{question.node}.{question.source}"
        if not made.segments:
            found = await asyncio.to_thread(
                self._finding.rows, question.from_ms, question.until_ms, question.node, question.source
            )
            if any(isinstance(row, Missing) and row.cause == "below" for rows in found.values() for row in rows):
                raise NotFound(
                    f"{source} was kept below, over a thin link. Have it fetched: video fetch.",
                    f"{source} 的录像在下级，链路带宽有限。请先调取：video fetch。",
                )
            raise NotFound(f"Nothing was kept of {source} at that time.", f"该时段没有 {source} 的录像。")
        details = {"what": "fetched", "from": str(question.from_ms), "until": str(question.until_ms)}
        self._note_once((who.name, source, question.from_ms, question.until_ms), details)
        return made

    async def part(self, question: asked.FootagePart, who: Actor) -> asked.FootageBytes:
        file, one = await asyncio.to_thread(self._finding.file, question.id)
        if not who.path.covers(parse(one.node)):  # as if there were none
            raise NotFound(f"There is no segment {question.id}.", f"没有录像片段 {question.id}。")
        data, total = await asyncio.to_thread(_read, file, question.offset)
        return asked.FootageBytes(data, total)

    async def proof(self, question: asked.FootageProof, who: Actor) -> asked.FootageProved:
        _, one = await asyncio.to_thread(self._finding.file, question.id)
        if not who.path.covers(parse(one.node)):
            raise NotFound(f"There is no segment {question.id}.", f"没有录像片段 {question.id}。")
        root, members = await asyncio.to_thread(self._audit.batch_of, question.id)
        return asked.FootageProved(root, members)

    async def pin(self, question: asked.PinFootage, who: Actor) -> asked.Pinned:
        """In the audit before it holds."""
        self._check_time(question.from_ms, question.until_ms, FIND_MS_MAX)
        self._place(question.node, who)
        held = await asyncio.to_thread(self._finding.own.pins)
        if question.on and len(held) >= PINS_MAX:
            raise Conflict(f"There are {PINS_MAX} pins already: unpin some.", f"锁定已达 {PINS_MAX} 条，请先解除一些。")
        now_ms = int(self._clock() * 1_000)
        one = Pin(question.node, question.source, question.from_ms, question.until_ms, question.on, who.name, now_ms)
        change = "pinned" if question.on else "unpinned"
        details = {"what": change, "from": str(one.begin_ms), "until": str(one.end_ms)}
        where = f"{one.node}.{one.source}" if one.source else one.node
        await self._recorder.record(self._entry(who.name, where, details))
        count, size = await asyncio.to_thread(self._pin, one)
        pins = [each for each in await asyncio.to_thread(self._finding.own.pins) if who.path.covers(parse(each.node))]
        return asked.Pinned(tuple(pins), count, size)

    async def keep(self, question: asked.KeepFootage, who: Actor) -> asked.Keeping:
        for what in question.what:
            self._place(what.partition(".")[0], who)
        if question.what:
            change = "kept always" if question.on else "kept in orders"
            for what in question.what:
                await self._recorder.record(self._entry(who.name, what, {"what": change}))
            chosen = dict.fromkeys([*self._wanted.chosen, *question.what])
            if not question.on:
                chosen = dict.fromkeys(one for one in self._wanted.chosen if one not in question.what)
            if len(chosen) > CHOSEN_MAX:
                raise BadInput(f"At most {CHOSEN_MAX} can be chosen.", f"最多选择 {CHOSEN_MAX} 项。")
            self._want(tuple(chosen))
        state = kept_wanted.state(self._folder)
        keeps = None if state is None or self._is_silent(state) else state.keeps
        mine = [one for one in self._wanted.chosen if who.path.covers(parse(one.partition(".")[0]))]
        own = who.path.code
        running = [one for one in self._wanted.running if one.startswith(own) or own.startswith(one)]
        return asked.Keeping(tuple(mine), tuple(running), keeps)

    def _want(self, chosen: tuple[str, ...]) -> None:
        """Says to the recorder what is to be kept."""
        now_ms, book = self._desk.now_ms, self._desk.ledger.book
        running = {
            place for order in book.orders.values()
            if order.status in ANNOUNCED and order.msg_type != "cancel" and book.state(order, now_ms) == "open"
            for place in order.audience.nodes
        }  # fmt: skip
        wanted = Wanted(chosen, tuple(sorted(running)))
        if wanted != self._wanted or not (self._folder / kept_wanted.FILE).exists():
            try:
                kept_wanted.write(self._folder, wanted)
            except OSError as error:
                raise StorageFull(f"It cannot be written: {error}.", f"无法写入：{error}。") from None
            self._wanted = wanted

    def _note_once(self, fetched: tuple[str, str, int, int], details: dict[str, str]) -> None:
        """A browser that reads a file in ranges fetches it once."""
        now_s = self._clock()
        self._noted = {one: at_s for one, at_s in self._noted.items() if 0 <= now_s - at_s < FETCHED_S}
        if fetched not in self._noted:
            self._recorder.note(self._entry(fetched[0], fetched[1], details))
            if len(self._noted) < FETCHED_MAX:
                self._noted[fetched] = now_s

    def _pin(self, one: Pin) -> tuple[int, int]:
        try:
            self._finding.own.pin(one)
        except OSError as error:
            raise StorageFull(f"It cannot be written: {error}.", f"无法写入：{error}。") from None
        found = self._finding.segments(one.begin_ms, one.end_ms, one.node, one.source)
        return len(found), sum(each.bytes for each in found)

    def _place(self, code: str, who: Actor) -> str:
        return self._desk.place(code, who).code

    def _check_time(self, from_ms: int, until_ms: int, span_ms_max: int) -> None:
        if not 0 < until_ms - from_ms <= span_ms_max:
            raise BadInput("The time ends before it begins, or is too long.", "结束时间早于开始时间，或时段过长。")

    def _is_silent(self, found: kept_wanted.State) -> bool:
        return abs(self._clock() - found.at_ms / 1_000) > SAID_S

    def _entry(self, actor: str, about: str, details: dict[str, str]) -> Entry:
        return Entry(int(self._clock() * 1_000), actor, "video", about, details=details)


def _read(file: FilePath, offset: int) -> tuple[bytes, int]:
    with file.open("rb") as opened:
        opened.seek(offset)
        return opened.read(PART_BYTES_MAX), file.stat().st_size
