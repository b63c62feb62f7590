"""What experts answer to the orders by which they are called: it is looked for as long as those are open."""

from __future__ import annotations

import asyncio

import structlog

from fusioncmd.alarm.book import Book
from fusioncmd.alarm.decided import Decided
from fusioncmd.errors import Problem
from tiers.alarm_beside import AlarmBeside
from tiers.alarm_playbooks import AlarmPlaybooks
from tiers.desk import Desk
from tiers.playbook_file import PlaybookFile

log = structlog.get_logger("alarms")

LOOK_S = 1.0  # between two looks


class ExpertCalls:
    def __init__(
        self, desk: Desk, book: Book, file: PlaybookFile, beside: AlarmBeside, playbooks: AlarmPlaybooks
    ) -> None:
        self._desk, self._book, self._file, self._beside, self._playbooks = desk, book, file, beside, playbooks

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            for calls, drawn in list(self._book.called.items()):
                try:
                    if not await self._look(calls, drawn):
                        self._book.called.pop(calls, None)
                except Problem as problem:  # the bus is down, or nobody is left
                    log.warning("alarms.experts_not_heard", problem=problem.en)

    async def _look(self, calls: bytes, drawn: Decided) -> bool:
        """Whether to look again."""
        ledger = self._desk.ledger.book
        called = ledger.orders.get(calls)
        known, playbook = self._book.alarms.get(drawn.alarm), self._file.named(drawn.playbook)
        if called is None or known is None or playbook is None or ledger.state(called, self._desk.now_ms) != "open":
            return False
        made = await self._beside.answered(playbook, known, drawn)
        if made is not None:
            await self._playbooks.decide(
                known, playbook, made.what, drawn.order, made.words, draw=made.draw, calls=made.calls
            )
        return True
