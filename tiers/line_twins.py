"""What a node's stand-ins are told: answers to one count for the order that it stands for, and it ends when that does.

Once the link is back that order comes by the exchange. From then on what people answered to the stand-in, before and
after, goes into this node's receipts of the order itself, and by the exchange to every tier.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from pyroaring import BitMap

from fusioncmd import subjects
from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path
from fusioncmd.exchange.evidence import ANSWERS_AT, RECEIVED_AT, REPORTED_AT, SENT_AT
from fusioncmd.lastline import twins
from fusioncmd.messages import ANSWERED, RECEIVED, REPORTED, SENT, Mark, Order, Receipts, encode
from fusioncmd.roster.numbers import town_of
from tiers.desk import Desk
from tiers.line_hearing import GATEWAY

_STAGES = {SENT_AT: SENT, RECEIVED_AT: RECEIVED, REPORTED_AT: REPORTED}
REPORTS_AT_ONCE = 64


class Twins:
    def __init__(self, bus: Bus, desk: Desk) -> None:
        self._bus, self._desk = bus, desk
        self._told: dict[tuple[bytes, bytes], int] = {}  # pair → version of the stand-in's evidence that was told

    def pairs(self) -> Iterator[tuple[Order, Order]]:
        """The stand-ins of this node, and the orders that they stand for, as far as those have come."""
        orders = self._desk.ledger.book.orders
        own = [o for o in orders.values() if twins.is_stand_in(o.id) and o.node == self._desk.node.code]
        if not own:
            return
        of = {twins.short_of(o.id): o for o in orders.values() if not twins.is_stand_in(o.id)}
        for order in own:
            other = of.get(twins.short_of(order.id))
            if other is not None and twins.are_one(order, other):
                yield order, other

    def over(self) -> list[tuple[Order, Order]]:
        """Stand-ins that are open although what they stand for is cancelled, replaced or revoked; and that."""
        book, now_ms = self._desk.ledger.book, self._desk.now_ms
        ended = ("cancelled", "replaced", "revoked")
        return [
            (order, other) for order, other in self.pairs()
            if order.msg_type == "alert" and book.state(order, now_ms) == "open" and book.state(other, now_ms) in ended
        ]  # fmt: skip

    async def tell(self) -> None:
        """Evidence of stand-ins becomes evidence of the orders themselves; on disk, or `Unavailable`."""
        for order, other in list(self.pairs()):
            accounts = self._desk.ledger.accounts
            ours, theirs = accounts[order.id], accounts[other.id]
            if self._told.get((order.id, other.id)) == ours.marks.version:
                continue
            version = ours.marks.version
            marks = tuple(self._marks(other, ours.marks.rungs(), theirs.marks.rungs()))
            if marks:
                await self._bus.store(subjects.receipt(GATEWAY), encode(Receipts(GATEWAY, marks)))
            missing = [report for ident, report in ours.reports.items() if ident not in theirs.reports]
            for report in missing[:REPORTS_AT_ONCE]:
                town = Path(self._desk.roster.towns[town_of(report.number)])
                moved = msgspec.structs.replace(report, order=other.id)
                await self._bus.store(subjects.report(town), encode(moved))
            if len(missing) <= REPORTS_AT_ONCE:
                self._told[order.id, other.id] = version

    @staticmethod
    def _marks(other: Order, ours: list[BitMap], theirs: list[BitMap]) -> Iterator[Mark]:
        for at, (said, known) in enumerate(zip(ours, theirs, strict=True)):
            fresh = said - known
            if fresh and at < ANSWERS_AT + len(other.answers):
                stage = _STAGES.get(at, ANSWERED)
                yield Mark(other.id, stage, at - ANSWERS_AT if stage == ANSWERED else None, fresh.serialize())
