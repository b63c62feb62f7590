"""The node's audit: what is decided is put into signed pages, each after the one before, and is on disk when told so.

One task writes. What waits goes into one page, so many decisions cost one write; who records waits for that page, and
notes wait a little for each other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from fusioncmd import limits
from fusioncmd.audit.entries import Entry
from fusioncmd.audit.head_file import HeadFile
from fusioncmd.audit.waiting import Item, Waiting
from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path
from fusioncmd.errors import StorageFull, Unavailable
from fusioncmd.trust.chains import Anchors
from fusioncmd.trust.grants import Credential
from tiers.audit_pages import Pages, Written
from tiers.audit_tip import Trouble

log = structlog.get_logger("node")
Told = asyncio.Future[None]


class Recording:
    """Implements `Recorder`. `own` gives the node's key that is in use, whose holder is `name`; `clock` gives seconds
    since 1970."""

    def __init__(
        self,
        bus: Bus,
        node: Path,
        own: Callable[[], Credential],
        anchors: Anchors,
        clock: Callable[[], float],
        kept: HeadFile,
    ) -> None:
        self.name, self._clock = own().grant.holder, clock
        self._pages = Pages(bus, node, own, anchors, kept, self._tell)
        self._waiting: Waiting[Told] = Waiting(self.name, clock())
        self._unsure: tuple[Written, list[Item[Told]]] | None = None
        self._head_due_s = 0.0
        self._wake, self._urgent = asyncio.Event(), asyncio.Event()
        self._problems: dict[str, tuple[str, str]] = {}
        self._finishing = False
        self._may_sign = asyncio.Event()
        self.check_room: Callable[[], None] = lambda: None  # raises StorageFull where not one page fits on the disk

    def sign(self) -> None:
        """From now on: it is known which of the node's keys is good. What was decided until then waits."""
        self._may_sign.set()

    @property
    def said(self) -> tuple[tuple[str, str], ...]:
        """For health."""
        shed = self._waiting.shed
        en, zh = "notes beyond the audit's bounds were shed; the audit says of which kind", "条记录超出审计上限被舍弃"
        return (*self._problems.values(), *([(f"{shed} {en}", f"{shed} {zh}，审计注明其种类")] if shed else []))

    @property
    def problems(self) -> tuple[str, ...]:
        """The same in English."""
        return tuple(en for en, _ in self.said)

    @property
    def now_ms(self) -> int:
        return int(self._clock() * 1000)

    def note(self, entry: Entry) -> None:
        self._waiting.note(entry, self._clock())
        self._wake.set()
        if self._waiting.urgent:
            self._urgent.set()

    async def record(self, entry: Entry) -> None:
        self.check_room()
        await self._put(entry, stays=False)

    async def record_after(self, entry: Entry) -> None:
        try:
            await self._put(entry, stays=True)
        except Unavailable as problem:
            log.error("audit.is_behind", deed=entry.deed, about=entry.about, problem=problem.en)

    async def _put(self, entry: Entry, stays: bool) -> None:
        if len(self._waiting) >= 2 * limits.AUDIT_WAITING_MAX:
            if stays:
                self.note(entry)
            raise Unavailable("The audit does not keep up; try again.", "审计写入积压，请稍后重试。")
        told: Told = asyncio.get_running_loop().create_future()
        self._waiting.put(entry, told, stays)
        self._urgent.set()
        self._wake.set()
        await told

    @asynccontextmanager
    async def running(self, failed: Callable[[], None]) -> AsyncIterator[None]:
        """Writes while the block runs; after it, what waits is written and the head signed, if the bus lets us.
        `failed` is called when writing ends by a mistake of ours, which is raised after the block."""

        def ended(writing: asyncio.Task[None]) -> None:
            self._finishing = True
            self._refuse_records(Unavailable("The audit is not written any more.", "审计已停止写入。"))
            if not writing.cancelled() and writing.exception() is not None:
                failed()

        self._finishing = False
        writing = asyncio.create_task(self._write_all(), name="audit")
        writing.add_done_callback(ended)
        try:
            yield
            self._finishing = True
            self._urgent.set()
            self._wake.set()
            await asyncio.wait({writing}, timeout=limits.PUBLISH_ACK_S_MAX if self._may_sign.is_set() else 0)
        finally:
            writing.cancel()
            await asyncio.wait({writing})
        if writing.cancelled():
            log.error("audit.not_finished", entries=len(self._waiting))
        else:
            writing.result()

    async def _write_all(self) -> None:
        await self._begin()
        await self._may_sign.wait()
        while not self._finishing or self._waiting or self._unsure is not None:
            await self._until_due()
            if self._waiting or self._unsure is not None:
                await self._gather()
                await self._write_page()
            if asyncio.get_running_loop().time() >= self._head_due_s:
                await self._sign_head()
        await self._sign_head()

    async def _begin(self) -> None:
        while True:
            try:
                await self._pages.begin()
                self._problems.pop("tip", None)
                return
            except Unavailable as problem:
                self._trouble("tip", f"The audit cannot be read: {problem.en}", f"审计无法读取：{problem.zh}")
                await asyncio.sleep(limits.AUDIT_RETRY_S)

    async def _until_due(self) -> None:
        """Until something waits, or the time has come to sign a head."""
        if not self._waiting and self._unsure is None and not self._finishing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._head_due_s if self._pages.head_is_due else None):
                    await self._wake.wait()
        self._wake.clear()

    async def _gather(self) -> None:
        """Notes wait for each other, and not when somebody waits for an entry."""
        if not self._waiting.urgent and self._unsure is None and not self._finishing:
            await self._urgent_within(limits.AUDIT_NOTES_WAIT_MS / 1000)
        self._urgent.clear()

    async def _urgent_within(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._urgent.wait()

    async def _write_page(self) -> None:
        if self._unsure is None:
            items = self._waiting.page(self.now_ms)
            self._unsure = self._pages.write([item.entry for item in items], self.now_ms), items
        written, items = self._unsure
        try:
            stored = await self._pages.store(written)
        except Unavailable as problem:
            self._failed(problem)
            await self._urgent_within(limits.AUDIT_RETRY_S)  # whoever records gets an answer of that moment
            return
        self._unsure = None
        self._problems.pop("write", None)
        if not stored:
            self._waiting.back(items)
            return
        for item in items:
            if item.told is not None and not item.told.done():
                item.told.set_result(None)

    def _failed(self, problem: Unavailable) -> None:
        """Whoever waits is told. Where there is no room, the page is made anew later, without what was not done."""
        assert self._unsure is not None
        written, items = self._unsure
        if isinstance(problem, StorageFull):
            self._unsure, self._pages.given_up = None, written.data
            self._waiting.back(items)
        for item in items:
            if item.told is not None and not item.told.done():
                item.told.set_exception(problem)
        self._refuse_records(problem)
        en = f"The audit cannot be written, so nothing can be decided: {problem.en}"
        self._trouble("write", en, f"审计无法写入，暂不能作出任何决定：{problem.zh}")

    def _refuse_records(self, problem: Unavailable) -> None:
        for told in self._waiting.give_up():
            if not told.done():
                told.set_exception(problem)

    async def _sign_head(self) -> None:
        if not self._pages.head_is_due:
            return
        self._head_due_s = asyncio.get_running_loop().time() + limits.AUDIT_HEAD_EVERY_S
        try:
            await self._pages.sign_head(self.now_ms)
            self._problems.pop("head", None)
            if await self._pages.room_left():
                self._problems.pop("room", None)
            else:
                en = "The audit's stream is nearly full: when it is, nothing can be decided"
                self._trouble("room", en, "审计存储即将写满：写满后不能作出任何决定")
        except Unavailable as problem:
            en, zh = f"The head of the audit cannot be stored: {problem.en}", f"审计摘要无法保存：{problem.zh}"
            self._trouble("head", en, zh)

    def _tell(self, trouble: Trouble) -> None:
        see = "(see `fusioncmd audit verify`)"
        self._trouble(trouble.kind, f"{trouble.en} {see}", f"{trouble.zh}（见 fusioncmd audit verify）")
        details = {"pages": str(self._pages.tip.pages), "seq": str(self._pages.last_seq)}
        self.note(Entry(self.now_ms, self.name, "node", "audit", trouble.kind, details))

    def _trouble(self, kind: str, en: str, zh: str) -> None:
        if self._problems.get(kind) != (en, zh):
            log.error("audit.trouble", kind=kind, problem=en)
        self._problems[kind] = en, zh
