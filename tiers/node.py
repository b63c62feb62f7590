"""A tier node: folds the streams into roster and ledger, keeps the ledger on disk, and serves the desk.

The shell around `Desk`, `Ledger` and `Roster`: it owns the bus, the clock and the disk, and nothing else.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog

from fusioncmd import __version__, api, codes, envelope, limits, subjects
from fusioncmd.bus.port import CALL, RECEIPT, REPORT, ROSTER, Bus, Stored, StreamSpec
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BusDown, NoReply, NotReady, Problem, Unavailable
from fusioncmd.killpoint import reach
from fusioncmd.messages import Presence, decode
from fusioncmd.reachable import Reachable
from fusioncmd.roster.directory import Roster
from fusioncmd.trust import ring
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.refusals import Untrusted
from tiers.desk import Desk
from tiers.ledger_files import LedgerFiles, images
from tiers.problems import problems_of

log = structlog.get_logger("node")

_NOT_STORED = NoReply(
    "The node's NATS server does not take it now; is its disk full?", "节点的 NATS 服务器暂不接收，磁盘是否已满？"
)


class Node:
    def __init__(
        self, bus: Bus, node: codes.Path, divisions: Divisions, data: Path,
        snapshot_every_s: float = limits.SNAPSHOT_EVERY_S, listen_s: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        """The keys are in `data`; `clock` gives seconds since 1970."""
        self._snapshot_every_s, self._listen_s = snapshot_every_s, listen_s
        self.ready = False  # everything that is stored has been folded
        self._started_s, self._clock = time.monotonic(), clock
        self._ready_s = 0.0
        self._bus, self._data = bus, data
        self._files = LedgerFiles(data / "ledger")
        keys = ring.folder_of(data)
        self._judge = Judge(ring.anchors(keys), clock)
        self._ledger = self._files.load(self._judge)
        self._roster = Roster(divisions)
        self._reachable = Reachable()
        self._covered = dict(self._ledger.handled)  # what the head on disk says
        self._problems: dict[str, str] = {}
        self._bad_messages = 0
        self.desk = Desk(bus, node, self._roster, self._ledger, self._reachable, self._judge, ring.node_key(keys))
        self.desk.problems = self._lagging
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Until `stop`. Health is told from the first moment, the rest once all is read and gateways were listened to
        for `listen_s`: half a tally, or a province that looks unreachable, is worse than none."""
        await self._ensure_streams()
        await self._serve()
        await self._bus.hear(subjects.PRESENCE_ALL, self._hear_presence)
        listening = asyncio.create_task(asyncio.sleep(self._listen_s))
        await self._read_everything()
        await listening
        self.ready = True
        self._ready_s = time.monotonic() - self._started_s
        log.info("node.ready", node=str(self.desk.node), people=self._roster.people, seconds=round(self._ready_s, 3))
        while not self._stop.is_set():
            try:
                async with asyncio.timeout(self._snapshot_every_s):
                    await self._stop.wait()
            except TimeoutError:
                await self.snapshot()
        await self.snapshot()

    def stop(self) -> None:
        self._stop.set()

    async def snapshot(self) -> None:
        """Write what changed, then let the streams forget what the snapshot *before* already held."""
        handled = dict(self._ledger.handled)
        if handled == self._covered and not self._ledger.dirty:
            return
        made = images(self._ledger)
        try:
            await asyncio.to_thread(self._files.save, made, handled, dict(self._ledger.keep_from))
            for stream in (RECEIPT, REPORT):
                if (await self._bus.edge(stream)).last < handled[stream.name]:
                    log.error("node.stream_went_back", stream=stream.name, handled=handled[stream.name])
                    self.stop()  # and be started again: what it holds now has to be read from its beginning
                    return
                below = self._covered[stream.name] + 1
                await self._bus.forget(stream, min(below, self._ledger.keep_from.get(stream.name, below)))
            self._covered = handled
            self._problems.pop("ledger", None)
        except (OSError, Unavailable) as error:
            self._ledger.dirty.update(ident for ident, _ in made)
            self._problems["ledger"] = f"The ledger was not written: {error}"
            log.error("node.snapshot_failed", error=str(error))

    async def _ensure_streams(self) -> None:
        while True:
            try:
                return await self._bus.ensure_streams()
            except Unavailable as error:
                log.warning("node.waits_for_bus", error=error.en)
                await asyncio.sleep(0.3)

    async def _read_everything(self) -> None:
        tails = [await self._bus.tail(ROSTER, self._guarded(ROSTER, self._fold_roster))]
        for stream, fold in (
            (CALL, self._fold_call),
            (RECEIPT, self._fold_receipts),
            (REPORT, self._ledger.fold_report),
        ):
            start = await self._start_of(stream)
            tails.append(await self._bus.tail(stream, self._guarded(stream, fold), from_seq=start))
            await tails[-1].caught_up()  # orders before what is said of them
        for tail in tails:
            await tail.caught_up()

    async def _start_of(self, stream: StreamSpec) -> int:
        handled = self._ledger.handled[stream.name]
        while True:
            try:
                last = (await self._bus.edge(stream)).last
                break
            except Unavailable:
                await asyncio.sleep(0.3)
        if last < handled:  # another stream than the one that was folded: begin at its beginning
            log.warning("node.stream_is_new", stream=stream.name, last=last, handled=handled)
            handled = self._ledger.handled[stream.name] = self._covered[stream.name] = 0
        return handled + 1

    def _guarded(self, stream: StreamSpec, fold: Callable[[Stored], object]) -> Callable[[Stored], None]:
        def handle(stored: Stored) -> None:
            try:
                fold(stored)
            except Untrusted as problem:
                self._refuse(stored, problem)
            except Problem as problem:  # a message that is not what it should be; the stream keeps it
                self._pass_over(stream, stored, problem.en)
            except Exception as error:  # noqa: BLE001  # a mistake of ours: one message must not silence a tier
                self._pass_over(stream, stored, repr(error))

        return handle

    def _refuse(self, stored: Stored, problem: Untrusted) -> None:
        """An order that somebody put on the bus, and that proves nothing."""
        if self._judge.is_news(stored.data, problem):
            log.error("node.order_refused", subject=stored.subject, seq=stored.seq, reason=problem.reason)

    def _pass_over(self, stream: StreamSpec, stored: Stored, why: str) -> None:
        self._bad_messages += 1
        self._ledger.keep(stream.name, stored.seq)
        log.error("node.bad_message", subject=stored.subject, seq=stored.seq, problem=why)

    def _fold_roster(self, stored: Stored) -> None:
        self._roster.put(stored.subject, stored.data)

    def _fold_call(self, stored: Stored) -> None:
        order = self._ledger.fold_call(stored)
        if order is not None:
            log.info("node.order", order=order.id.hex(), msg_type=order.msg_type, status=order.status)

    def _fold_receipts(self, stored: Stored) -> None:
        self._ledger.fold_receipts(stored)
        reach("node.receipts_folded")

    def _hear_presence(self, subject: str, data: bytes) -> None:
        try:
            self._reachable.hear(decode(Presence, data), self._clock())
        except Problem as problem:
            self._bad_messages += 1
            log.error("node.bad_message", subject=subject, problem=problem.en)

    async def _serve(self) -> None:
        answers: dict[type[Any], Callable[[Any], Awaitable[object]]] = {
            api.Health: self._health,
            api.Compose: self.desk.compose,
            api.Issue: self.desk.issue,
            api.Preview: self.desk.preview,
            api.Tally: self.desk.tally,
            api.Who: self.desk.who,
            api.Orders: self.desk.orders,
            api.Reports: self.desk.reports,
            api.Find: self.desk.find,
        }
        for kind, (verb, _) in api.VERBS.items():
            await self._bus.serve(subjects.api(verb), self._server(kind, answers[kind]))

    def _server(
        self, kind: type[Any], answer: Callable[[Any], Awaitable[object]]
    ) -> Callable[[bytes], Awaitable[bytes]]:
        async def serve(data: bytes) -> bytes:
            try:
                if not self.ready and kind is not api.Health:
                    raise NotReady("The node is still reading its streams; try again.", "节点仍在加载，请稍后重试。")
                return envelope.encode_reply(await answer(envelope.decode_request(kind, data)))
            except BusDown:
                return envelope.encode_problem(_NOT_STORED)
            except Problem as problem:
                return envelope.encode_problem(problem)
            except Exception as error:  # noqa: BLE001  # told, and logged, and the next question is answered
                log.error("node.question_failed", question=kind.__name__, error=repr(error))
                return envelope.encode_problem(
                    Problem(f"The node failed over it: {error!r}.", f"节点处理失败：{error!r}。")
                )

        return serve

    def _lagging(self) -> tuple[str, ...]:
        """Why figures may lag behind what people did."""
        found = [f"{name} cannot store receipts: answers wait there" for name in self._reachable.failing(self._clock())]
        free = shutil.disk_usage(self._data).free
        if free < limits.DISK_FREE_BYTES_MIN:
            found.append(f"Only {free // 2**20} MiB are free on the disk of {self._data}")
        return tuple(found)

    def _all_problems(self) -> tuple[str, ...]:
        refused = {"the node": self._judge.refused} | self._reachable.refused(self._clock())
        found = problems_of(self._files, self._ledger, self._bad_messages, refused)
        return (*self._lagging(), *self._problems.values(), *found)

    async def _health(self, _: api.Health) -> api.HealthReply:
        return api.HealthReply(
            node=self.desk.node.code,
            version=__version__,
            people=self._roster.people,
            towns=len(self._roster.divisions.towns),
            orders=len(self._ledger.book.orders),
            reachable=len(self.desk.reachable),
            gateways=tuple(self._reachable.gateways(self._clock())),
            ready_s=self._ready_s,
            caught_up=self.ready,
            now_ms=self.desk.now_ms,
            problems=self._all_problems(),
        )
