"""Reading the streams: every message is folded once, in order, and one that is bad silences nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256

import structlog

from fusioncmd import ids, subjects
from fusioncmd.audit.entries import Recorder, refusal_entry
from fusioncmd.bus.port import ACCOUNT, CALL, RECEIPT, REPORT, ROSTER, TRUST, Bus, Stored, StreamSpec
from fusioncmd.canary import unpack
from fusioncmd.errors import Problem, Unavailable
from fusioncmd.killpoint import reach
from fusioncmd.roster.directory import Roster
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.seals import claimed
from tiers.ledger import Ledger
from tiers.roster_burst import RosterBurst

log = structlog.get_logger("node")


ROSTER_BURST_S = 1.0  # changes of the roster within it are one entry of the audit


class Folding:
    """Folds into `roster` and `ledger`; `bad_messages` counts what could not be read. What was refused, and changes of
    the roster since the start, go to the audit, in the name of the node."""

    def __init__(
        self, bus: Bus, roster: Roster, ledger: Ledger, judge: Judge, recorder: Recorder, name: str
    ) -> None:  # fmt: skip
        self._bus, self._roster, self._ledger, self._judge = bus, roster, ledger, judge
        self._recorder, self._name = recorder, name
        self._burst, self._roster_known = RosterBurst(), 0  # the last message of the roster that was there at the start
        self.bad_messages = 0
        self.begun_anew: set[str] = set()  # streams that are others than those that were folded before
        self.fold_trust: Callable[[Stored], None] = lambda _: None
        self.trust_filters: tuple[str, ...] = ()  # devices are there too, and read one by one
        self.slice_changed: Callable[[str], None] = lambda _: None
        self.canary_read: Callable[[int], None] = lambda _: None
        self.fold_account: Callable[[Stored], None] = lambda _: None

    async def read_everything(self) -> None:
        """Returns when all that is stored was handled; what comes is, from then on."""
        self._roster_known = await self._last_of(ROSTER)
        tails = [await self._bus.tail(ROSTER, self._guarded(ROSTER, self._fold_roster))]
        for stream, fold in (
            (TRUST, self.fold_trust),
            (ACCOUNT, self.fold_account),
            (CALL, self._fold_call),
            (RECEIPT, self._fold_receipts),
            (REPORT, self._ledger.fold_report),
        ):
            if stream is RECEIPT:
                await tails[0].caught_up()  # a course is counted by place
            start = await self._start_of(stream)
            filters = self.trust_filters if stream is TRUST else ()
            tails.append(await self._bus.tail(stream, self._guarded(stream, fold), from_seq=start, filters=filters))
            await tails[-1].caught_up()  # whom to believe, then orders, then what is said of them
        for tail in tails:
            await tail.caught_up()

    async def _start_of(self, stream: StreamSpec) -> int:
        if stream.name not in self._ledger.handled:  # kept nowhere else
            return 1
        handled = self._ledger.handled[stream.name]
        last = await self._last_of(stream)
        if last < handled:  # another stream than the one that was folded: begin at its beginning
            log.warning("node.stream_is_new", stream=stream.name, last=last, handled=handled)
            handled = self._ledger.handled[stream.name] = 0
            self.begun_anew.add(stream.name)
        return handled + 1

    async def _last_of(self, stream: StreamSpec) -> int:
        while True:
            try:
                return (await self._bus.edge(stream)).last
            except Unavailable:
                await asyncio.sleep(0.3)

    def fold_coming(self, stored: Stored) -> None:
        """A message that came by a link and is on disk: as if it had been read from its stream."""
        kind = stored.subject.split(".")[1]
        if kind in ("call", "audience"):
            self._fold_call(stored)
        elif kind == "roster":
            self._fold_roster(stored)
        elif kind == "report":
            self._ledger.fold_report(stored)
        else:
            self.fold_trust(stored)

    def _guarded(self, stream: StreamSpec, fold: Callable[[Stored], object]) -> Callable[[Stored], None]:
        def handle(stored: Stored) -> None:
            try:
                fold(stored)
            except Untrusted as problem:
                self._refuse(stored, problem)
            except Problem as problem:  # a message that is not what it should be; the stream keeps it
                self._pass_over(stream, stored, problem)
            except Exception as error:  # noqa: BLE001  # a mistake of ours: one message must not silence a tier
                self._pass_over(stream, stored, Problem(repr(error), repr(error)))

        return handle

    def _refuse(self, stored: Stored, problem: Untrusted) -> None:
        """Something that somebody put on the bus, and that proves nothing."""
        if self._judge.is_news(stored.data, problem):
            log.error("node.order_refused", subject=stored.subject, seq=stored.seq, reason=problem.reason)
            details = {"subject": stored.subject, "seq": str(stored.seq), "sha256": sha256(stored.data).hexdigest()}
            self._recorder.note(refusal_entry(self._judge.now_ms, self._name, _about(stored), problem, details))

    def _pass_over(self, stream: StreamSpec, stored: Stored, problem: Problem) -> None:
        why = problem.en
        self.bad_messages += 1
        self._ledger.keep(stream.name, stored.seq)
        log.error("node.bad_message", subject=stored.subject, seq=stored.seq, problem=why)
        details = {"seq": str(stored.seq), "why": why}
        self._recorder.note(refusal_entry(self._judge.now_ms, self._name, stored.subject, problem, details))

    def _fold_roster(self, stored: Stored) -> None:
        path = subjects.path_of(stored.subject)
        before = self._roster.edition(path.code)
        self._roster.put(stored.subject, stored.data)
        edition = self._roster.edition(path.code)
        if edition != before:
            self.slice_changed(path.code)
        if stored.seq > self._roster_known and edition != before:
            people = len(self._roster.members(path)) if path in self._roster.divisions else 0
            if self._burst.put(path.code, edition, people):
                asyncio.get_running_loop().call_later(ROSTER_BURST_S, self.note_roster)

    def note_roster(self) -> None:
        """What changed in the roster since it was noted last."""
        entry = self._burst.entry(self._judge.now_ms, self._name)
        if entry is not None:
            self._recorder.note(entry)

    def _fold_call(self, stored: Stored) -> None:
        if stored.subject == subjects.CANARY:
            self.canary_read(unpack(stored.data).number)
            return
        order = self._ledger.fold_call(stored)
        if order is not None:
            log.info("node.order", order=order.id.hex(), msg_type=order.msg_type, status=order.status)

    def _fold_receipts(self, stored: Stored) -> None:
        self._ledger.fold_receipts(stored)
        reach("node.receipts_folded")


def _about(stored: Stored) -> str:
    """The id of an order that is none, where it has one."""
    try:
        return ids.to_text(claimed(stored.data)[0].id)
    except Untrusted:
        return stored.subject
