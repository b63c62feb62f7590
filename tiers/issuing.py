"""Issuing: what is signed is what is stored, and an order is on disk before anyone is told of it.

Two questions make an order. `compose` writes it down, for its commander to sign; `issue` takes it signed, judges it,
says under the node's own key whom it means, and stores first that and then the order. Before both, the audit has it: it
may tell of an order that was not issued then, but none is issued that it does not tell of. An actual order to many is
issued only with a second commander's signature.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from pyroaring import BitMap

from fusioncmd import api, ids, limits, subjects
from fusioncmd.audit.entries import Entry, Recorder, order_entry
from fusioncmd.audit.refused import refused_order
from fusioncmd.bus.port import Bus, Stored
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, BadMessage, BadOrder, Conflict, NotFound, StorageFull
from fusioncmd.killpoint import reach
from fusioncmd.messages import Audience, Order, decode, encode
from fusioncmd.orders import address, compose, draft_of
from fusioncmd.roster.directory import Roster
from fusioncmd.trust import seals, witnesses
from fusioncmd.trust.chains import Chain
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.seals import claimed
from tiers.ledger import Ledger

UNSURE_MAX = 64


class Issuing:
    """`own` is the node's key; `judge` knows the roots and the time. An actual order to more than `second_above` people
    needs a second commander."""

    def __init__(
        self, bus: Bus, node: Path, roster: Roster, ledger: Ledger, judge: Judge, own: Credential, recorder: Recorder,
        second_above: int,
    ) -> None:  # fmt: skip
        self._bus, self._node, self._roster, self._ledger = bus, node, roster, ledger
        self._judge, self._recorder, self.second_above = judge, recorder, second_above
        self.own_key: Callable[[], Credential] = lambda: own  # `Unavailable` while there is none that is good
        self.check_room: Callable[[], None] = lambda: None  # raises where the disk is full
        self.told: Callable[[Order], None] = lambda _: None  # of each that is issued
        self._one_at_a_time = asyncio.Lock()
        self._unsure: dict[bytes, bytes] = {}  # sealed orders of which it is not known whether they are stored

    def compose(self, draft: api.Draft, place: Path) -> Order:
        """The order that its commander is to sign, in the name of `place` unless the draft names one. Asked again, one
        that may be stored is the very same."""
        self.own_key()
        order = self._ledger.book.orders.get(draft.id)
        if order is None and (unsure := self._unsure.get(draft.id)) is not None:
            order = claimed(unsure)[0]
        if order is None:
            order = compose(draft, self._ledger.book, Path(draft.node) if draft.node else place, self._judge.now_ms)
            self.check_within(order.node, *order.audience.nodes)
            self._check_desks(order)
        return order

    async def issue(self, request: api.Issue, asked_by: str) -> Order:
        """Store the audience, store the order, and only then say so. The same order again: the same answer."""
        async with self._one_at_a_time:
            order, body = claimed(request.sealed)
            known = self._ledger.book.orders.get(order.id)
            if known is None:
                check_late(request.until_ms, self._judge.now_ms)
                await self._issue(request.sealed, order, body, asked_by)
            elif known != order:
                raise _another()
        return order

    @contextlib.contextmanager
    def noting(self, request: api.Issue, asked_by: str) -> Iterator[None]:
        """What is refused meanwhile is noted, with its reason."""
        try:
            yield
        except (BadInput, Conflict, NotFound) as problem:
            self._recorder.note(refused_order(self._judge.now_ms, asked_by, request.sealed, problem))
            raise

    async def _issue(self, sealed: bytes, order: Order, body: bytes, asked_by: str) -> None:
        # A store whose reply was lost may have stored: asked again, the very same order is stored, and no other.
        unsure = self._unsure.get(order.id)
        approvers = self.check(order, sealed).approvals if unsure is None else ()
        if unsure is not None and unsure != sealed:
            raise _another()
        subject, (numbers, people) = subjects.call(address(order.audience)), self._numbers(order)
        if unsure is None:
            said = {"asked_by": asked_by} | ({"people": str(people)} if people else {})
            await self._write_down(order, approvers, said)
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
        self.told(order)

    def check(self, order: Order, sealed: bytes) -> seals.Verified:
        """A new order: by whom it may be signed, of now, and what this node would compose; `SecondNeeded` when nothing
        is missing but the second commander."""
        verified = self._judge.fresh(sealed)
        if order.msg_type != "cancel":
            self.check_room()
        old_s = limits.ISSUE_APPROVED_S_MAX if verified.approvals else limits.ISSUE_S_MAX
        if self._judge.now_ms - order.issued_ms > old_s * 1000:
            raise BadOrder("The order was composed too long ago; issue it anew.", "指令拟制过久，请重新下达。")
        self.check_within(order.node, *order.audience.nodes)
        self._check_desks(order)
        if compose(draft_of(order), self._ledger.book, Path(order.node), order.issued_ms) != order:
            raise BadOrder("The order is not as the node would compose it.", "指令与节点拟制的不一致。")
        people = len(self.meant(order))
        if not people and order.msg_type == "alert":
            raise BadOrder("Nobody is meant: the audience is empty.", "对象为空：没有符合条件的人员。")
        seals.check_second(order, verified.authors, people, self._ledger.before(order), self.second_above)
        return verified

    def is_issued(self, ident: bytes) -> bool:
        return ident in self._ledger.book.orders

    def meant(self, order: Order) -> BitMap:
        """Whom an alert means now; what follows it means the same."""
        if order.msg_type == "alert":
            return self._roster.resolve(order.audience)
        return self._ledger.meant_by_alert(order)

    def _numbers(self, order: Order) -> tuple[bytes, int]:
        """Whom an alert means now, and how many; what follows it names nobody."""
        if order.msg_type != "alert":
            return b"", 0
        meant = self.meant(order)
        meant.run_optimize()
        return meant.serialize(), len(meant)

    async def _write_down(self, order: Order, approvers: tuple[Chain, ...], said: dict[str, str]) -> None:
        for approver in approvers:
            await self._recorder.record(self._approval(order, approver.leaf.holder))
        await self._recorder.record(order_entry(self._judge.now_ms, order.issuer, order, said))

    def _approval(self, order: Order, by: str) -> Entry:
        about = {"status": order.status, "msg_type": order.msg_type, "place": order.node, "issuer": order.issuer}
        return Entry(self._judge.now_ms, by, "approval", ids.to_text(order.id), details=about)

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

    def _check_desks(self, order: Order) -> None:
        """Departments hang on the node that hands them orders."""
        for desk in order.audience.desks:
            if desk.partition(".")[0] != self._node.code:
                raise BadOrder(f"{desk} is no department of {self._node}.", f"{desk} 不是 {self._node} 的部门。")


def check_late(until_ms: int | None, now_ms: int) -> None:
    """Who asked waits no longer, and must not find it done afterwards."""
    if until_ms is not None and now_ms > until_ms:
        raise BadOrder("The request came too late; nothing was issued.", "请求到达过迟，未下达。")


def _another() -> Conflict:
    return Conflict("There is another order of that number.", "该编号已用于另一条指令。")
