"""What a gateway heeds of the trust stream: keys that have ended. What stood on them is given to nobody new.

Who shows such an order keeps showing it: only a cancel ends it on a terminal, and a cancel needs a key that is good.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from fusioncmd import ids
from fusioncmd.bus.port import TRUST, Bus, Stored, Tail
from fusioncmd.errors import Problem
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.notices import REVOCATION, Notices
from gateways.responder.board import Board

log = structlog.get_logger("gateway")


class Heeding:
    """`notices` takes further readers, until `read`. `clock` gives seconds since 1970."""

    def __init__(self, judge: Judge, board: Board, clock: Callable[[], float]) -> None:
        self._judge, self._board, self._clock = judge, board, clock
        self.notices = Notices()
        self.notices.on(REVOCATION, self._end)

    async def read(self, bus: Bus) -> Tail:
        """All that is stored now, and from then on each that comes. To be awaited before the first order is read."""
        tail = await bus.tail(TRUST, self.fold, filters=self.notices.filters)
        await tail.caught_up()
        return tail

    def fold(self, stored: Stored) -> None:
        """One that proves nothing changes nothing, and keeps no other out."""
        try:
            self.notices.fold(stored)
        except Problem as problem:
            log.error("gateway.notice_refused", subject=stored.subject, seq=stored.seq, problem=problem.en)

    def _end(self, stored: Stored) -> None:
        if not self._judge.revocations.add(stored.data):
            return
        log.warning("gateway.key_ended", subject=stored.subject)
        for order in self._board.rejudge(self._judge.has_ended, int(self._clock() * 1000)):
            log.warning("gateway.order_fallen", order=ids.to_text(order.id), issuer=order.issuer)
