"""Reading the streams: every message is folded once, in order, and one that is bad silences nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from fusioncmd import subjects
from fusioncmd.bus.port import CALL, RECEIPT, REPORT, ROSTER, TRUST, Bus, Stored, StreamSpec
from fusioncmd.errors import Problem, Unavailable
from fusioncmd.killpoint import reach
from fusioncmd.roster.directory import Roster
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.refusals import Untrusted
from tiers.ledger import Ledger

log = structlog.get_logger("node")


class Folding:
    """Folds into `roster` and `ledger`; `bad_messages` counts what could not be read."""

    def __init__(self, bus: Bus, roster: Roster, ledger: Ledger, judge: Judge) -> None:
        self._bus, self._roster, self._ledger, self._judge = bus, roster, ledger, judge
        self.bad_messages = 0
        self.begun_anew: set[str] = set()  # streams that are others than those that were folded before
        self.fold_trust: Callable[[Stored], None] = lambda _: None

    async def read_everything(self) -> None:
        """Returns when all that is stored was handled; what comes is, from then on."""
        tails = [await self._bus.tail(ROSTER, self._guarded(ROSTER, self._fold_roster))]
        for stream, fold in (
            (TRUST, self.fold_trust),
            (CALL, self._fold_call),
            (RECEIPT, self._fold_receipts),
            (REPORT, self._ledger.fold_report),
        ):
            start = await self._start_of(stream)
            filters = subjects.TRUST_FOLDED if stream is TRUST else ()
            tails.append(await self._bus.tail(stream, self._guarded(stream, fold), from_seq=start, filters=filters))
            await tails[-1].caught_up()  # whom to believe, then orders, then what is said of them
        for tail in tails:
            await tail.caught_up()

    async def _start_of(self, stream: StreamSpec) -> int:
        if stream.name not in self._ledger.handled:  # kept nowhere else
            return 1
        handled = self._ledger.handled[stream.name]
        while True:
            try:
                last = (await self._bus.edge(stream)).last
                break
            except Unavailable:
                await asyncio.sleep(0.3)
        if last < handled:  # another stream than the one that was folded: begin at its beginning
            log.warning("node.stream_is_new", stream=stream.name, last=last, handled=handled)
            handled = self._ledger.handled[stream.name] = 0
            self.begun_anew.add(stream.name)
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
        """Something that somebody put on the bus, and that proves nothing."""
        if self._judge.is_news(stored.data, problem):
            log.error("node.order_refused", subject=stored.subject, seq=stored.seq, reason=problem.reason)

    def _pass_over(self, stream: StreamSpec, stored: Stored, why: str) -> None:
        self.bad_messages += 1
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
