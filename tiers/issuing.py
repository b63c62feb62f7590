"""Issuing: what is signed is what is stored, and an order is on disk before anyone is told of it.

Two questions make an order. `compose` writes it down, for its commander to sign; `issue` takes it signed, judges it,
says under the node's own key whom it means, and stores first that and then the order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fusioncmd import api, ids, limits, subjects
from fusioncmd.bus.port import Bus, Stored
from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage, BadOrder, Conflict, StorageFull
from fusioncmd.killpoint import reach
from fusioncmd.messages import Audience, Order, decode, encode
from fusioncmd.orders import address, compose, draft_of
from fusioncmd.roster.directory import Roster
from fusioncmd.trust import witnesses
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.seals import claimed
from tiers.ledger import Ledger

UNSURE_MAX = 64


class Issuing:
    """`own` is the node's key; `judge` knows the roots and the time."""

    def __init__(self, bus: Bus, node: Path, roster: Roster, ledger: Ledger, judge: Judge, own: Credential) -> None:
        self._bus, self._node, self._roster, self._ledger = bus, node, roster, ledger
        self._judge = judge
        self.own_key: Callable[[], Credential] = lambda: own  # `Unavailable` while there is none that is good
        self._one_at_a_time = asyncio.Lock()
        self._unsure: dict[bytes, bytes] = {}  # sealed orders of which it is not known whether they are stored

    def compose(self, draft: api.Draft) -> api.Composed:
        """The order that its commander is to sign. Asked again, one that may be stored is the very same."""
        self.own_key()
        order = self._ledger.book.orders.get(draft.id)
        if order is None and (unsure := self._unsure.get(draft.id)) is not None:
            order = claimed(unsure)[0]
        if order is None:
            order = compose(
                draft, self._ledger.book, Path(draft.node) if draft.node else self._node, self._judge.now_ms
            )
            self.check_within(order.node, *order.audience.nodes)
        return api.Composed(encode(order))

    async def issue(self, request: api.Issue) -> Order:
        """Store the audience, store the order, and only then say so. The same order again: the same answer."""
        async with self._one_at_a_time:
            order, body = claimed(request.sealed)
            known = self._ledger.book.orders.get(order.id)
            if known is None:
                if request.until_ms is not None and self._judge.now_ms > request.until_ms:
                    raise BadOrder("The request came too late; nothing was issued.", "请求到达过迟，未下达。")
                await self._issue(request.sealed, order, body)
            elif known != order:
                raise _another()
        return order

    async def _issue(self, sealed: bytes, order: Order, body: bytes) -> None:
        # A store whose reply was lost may have stored: asked again, the very same order is stored, and no other.
        unsure = self._unsure.get(order.id)
        if unsure is None:
            self._check(order, sealed)
        elif unsure != sealed:
            raise _another()
        subject, numbers = subjects.call(address(order.audience)), self._numbers(order)
        while len(self._unsure) >= UNSURE_MAX:
            del self._unsure[next(iter(self._unsure))]
        self._unsure[order.id] = sealed
        try:
            audience = await self._store_audience(order, body, numbers)
            reach("node.audience_stored")
            await self._bus.store(subject, sealed)
        except StorageFull:  # surely not stored: asked again, when there is room, it is an order of that time
            if unsure is None:
                del self._unsure[order.id]
            raise
        # Folded at once, so that the reply already counts; sequence 0, because the tail has not come to it yet.
        self._ledger.fold_call(audience)
        self._ledger.fold_call(Stored(subject, sealed, 0))
        del self._unsure[order.id]
        reach("node.order_stored")

    def _check(self, order: Order, sealed: bytes) -> None:
        """A new order: by whom it may be signed, of now, and what this node would compose."""
        verified = self._judge.fresh(sealed)
        old_s = limits.ISSUE_APPROVED_S_MAX if verified.approvals else limits.ISSUE_S_MAX
        if self._judge.now_ms - order.issued_ms > old_s * 1000:
            raise BadOrder("The order was composed too long ago; issue it anew.", "指令拟制过久，请重新下达。")
        self.check_within(order.node, *order.audience.nodes)
        if compose(draft_of(order), self._ledger.book, Path(order.node), order.issued_ms) != order:
            raise BadOrder("The order is not as the node would compose it.", "指令与节点拟制的不一致。")

    def _numbers(self, order: Order) -> bytes:
        """Whom an alert means now; what follows it means the same, and names nobody."""
        if order.msg_type != "alert":
            return b""
        meant = self._roster.resolve(order.audience)
        if not meant:
            raise BadOrder("Nobody is meant: the audience is empty.", "对象为空：没有符合条件的人员。")
        meant.run_optimize()
        return meant.serialize()

    async def _store_audience(self, order: Order, body: bytes, numbers: bytes) -> Stored:
        """Once per order: whom it means is decided by the first that is on disk, whatever the roster says later."""
        subject = subjects.audience(ids.to_text(order.id))
        data = encode(Audience(order.id, numbers, witnesses.accept(body, numbers, self.own_key(), self._judge.now_ms)))
        try:
            await self._bus.store(subject, data, expect_last=0)
        except Conflict:
            first = await self._bus.last(subject)
            if first is not None and self._is_ours(body, first.data):
                return Stored(subject, first.data, 0)
            await self._bus.store(subject, data)  # what is there is of other bytes: composed again, or put there
        return Stored(subject, data, 0)

    def _is_ours(self, body: bytes, data: bytes) -> bool:
        try:
            return self._judge.accepted_ms(body, decode(Audience, data)) is not None
        except BadMessage:
            return False

    def check_within(self, *places: str) -> None:
        if not all(self._node.covers(Path(code)) for code in places):
            raise BadOrder(f"This node commands {self._node} and below.", f"本节点仅可指挥 {self._node} 及以下。")


def _another() -> Conflict:
    return Conflict("There is another order of that number.", "该编号已用于另一条指令。")
