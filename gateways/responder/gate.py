"""Between the bus and the board: an order that is believed passes, with the audience that was stated for it. Pure.

Audiences come first and wait here, as bytes: which of them is true is known when their order has come.
"""

from __future__ import annotations

import structlog

from fusioncmd import ids, limits, subjects
from fusioncmd.bus.port import Stored
from fusioncmd.errors import BadMessage
from fusioncmd.messages import Audience, decode
from fusioncmd.tally import bitmap_from
from fusioncmd.trust.judge import AUDIENCES_HELD_MAX, Judge
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.seals import check_second
from gateways.responder.board import Board, Posted

log = structlog.get_logger("gateway")

AUDIENCES_WAITING_MAX = 1_024  # orders that have not come; shed, the oldest first


class Gate:
    def __init__(self, judge: Judge, board: Board) -> None:
        self._judge, self._board = judge, board
        self._said: dict[bytes, list[Audience]] = {}

    def fold(self, stored: Stored, now_ms: int) -> Posted | None:
        """An audience or an order from the stream; the order, posted, when it is one that was not known.

        None as well for an order that proves nothing: it is shown to nobody, nothing can follow it, and it is counted.
        """
        try:
            return self._fold(stored, now_ms)
        except Untrusted as problem:
            if self._judge.is_news(stored.data, problem):
                log.error("gateway.order_refused", subject=stored.subject, seq=stored.seq, reason=problem.reason)
        except BadMessage as problem:
            log.error("gateway.bad_message", subject=stored.subject, seq=stored.seq, problem=problem.en)
        return None

    def _fold(self, stored: Stored, now_ms: int) -> Posted | None:
        if stored.subject.startswith(subjects.AUDIENCE_ALL[:-1]):
            self._expect(decode(Audience, stored.data))
            return None
        judged = self._judge.order(stored, self._board.orders, self._said_of)
        if judged is None:
            return None
        meant = bitmap_from(judged.numbers) if judged.numbers else self._board.meant_by_alert(judged.order)
        before, above = self._board.before(judged.order), limits.SECOND_PERSON_PEOPLE_MAX
        check_second(judged.order, judged.authors, len(meant), before, above)
        if judged.fallen:
            log.warning("gateway.order_fallen", order=ids.to_text(judged.order.id))
            self._board.let_fall(judged.order.id)
        posted = self._board.post(judged.order, judged.sealed, meant, now_ms, judged.authors)
        self._said.pop(judged.order.id, None)
        if posted is not None:
            posted.grounds = judged.grounds
            posted.judged_as_of_ms = max(judged.order.issued_ms, judged.accepted_ms)
        return posted

    def _said_of(self, ident: bytes) -> list[Audience]:
        return self._said.get(ident, [])

    def _expect(self, audience: Audience) -> None:
        if audience.order in self._board.posted:
            return
        said = self._said.setdefault(audience.order, [])
        if audience not in said:
            said.append(audience)
            del said[:-AUDIENCES_HELD_MAX]
        if len(self._said) > AUDIENCES_WAITING_MAX:
            del self._said[next(iter(self._said))]
