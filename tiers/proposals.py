"""Orders that wait for a second commander: kept on the bus, so that they outlive the node, and for an hour at most.

A proposal is judged as an order is that shall be issued; what is wrong with it is told to who proposes, and not to who
would have approved it. What the stream gives back is judged again: whoever can write there proposes nothing. What was
withdrawn is not issued any more, whoever has signed it. Each key has its share of the places, so that one fills none of
another's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from pyroaring import BitMap

from fusioncmd import api, limits, subjects
from fusioncmd.access import Actor, lies_within
from fusioncmd.audit.entries import Entry, Recorder
from fusioncmd.bus.port import Bus, Stored
from fusioncmd.errors import BadOrder, Conflict, NotFound, Unavailable
from fusioncmd.ids import ID_BYTES, time_ms, to_text
from fusioncmd.messages import Order
from fusioncmd.orders import CLOCK_APART_MS_MAX
from fusioncmd.trust import shares
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.refusals import SecondNeeded, refusal
from fusioncmd.trust.seals import claimed
from fusioncmd.trust.shares import Takers
from tiers.issuing import Issuing, check_late

MARK_BYTES = 16
ENDED_BYTES_MAX = MARK_BYTES * limits.CHAIN_GRANTS_MAX  # of a proposal that is none any more: whose share it took


class Proposals:
    """Every proposal is one that `issuing` would take with a second signature."""

    def __init__(
        self, bus: Bus, issuing: Issuing, judge: Judge, recorder: Recorder, reachable: Callable[[], BitMap]
    ) -> None:
        self._bus, self._issuing, self._judge, self._recorder = bus, issuing, judge, recorder
        self._reachable = reachable
        self._waiting: dict[bytes, bytes] = {}  # order → as it was signed
        self._withdrawn: dict[
            bytes, Takers
        ] = {}  # of the last two hours; those that were issued go with the next sweep
        self._one_at_a_time, self._deciding = asyncio.Lock(), asyncio.Lock()

    def fold(self, stored: Stored) -> None:
        """A message of the trust stream; `Untrusted` for a proposal that nobody signed who may."""
        if not stored.subject.startswith(subjects.PROPOSAL_ALL[:-1]):
            return
        if len(stored.data) <= ENDED_BYTES_MAX and len(stored.data) % MARK_BYTES == 0:
            ident = _order_at(stored.subject)
            self._waiting.pop(ident, None)
            if self._may_still_come(ident):
                self._withdrawn[ident] = _marks_in(stored.data)
            return
        order = claimed(stored.data)[0]
        if self._left_s(order) <= 0:
            return
        self._judge.fresh(stored.data)
        if subjects.proposal(order.id) != stored.subject:
            raise refusal("subject")
        if len(self._waiting) < limits.PROPOSALS_MAX and not self._has_its_share(self._takers(stored.data)):
            self._waiting.setdefault(order.id, stored.data)

    async def propose(self, request: api.Propose, who: Actor) -> api.Proposal:
        async with self._one_at_a_time:
            order = claimed(request.sealed)[0]
            self._sweep()
            known = self._waiting.get(order.id)
            if known is None:
                check_late(request.until_ms, self._judge.now_ms)
                await self._keep(order, request.sealed)
            elif known != request.sealed:
                raise Conflict("There is another proposal of that number.", "该编号已用于另一条待批指令。")
        return self._line(order, request.sealed)

    async def _keep(self, order: Order, sealed: bytes) -> None:
        try:
            self._issuing.check(order, sealed)
        except SecondNeeded:
            pass  # as it should be
        else:
            raise BadOrder("It needs no second person: issue it.", "该指令无需第二人批准，可直接下达。")
        self._check_not_withdrawn(order.id)
        self._check_share(self._takers(sealed))
        if len(self._waiting) >= limits.PROPOSALS_MAX:
            raise Conflict(
                f"{limits.PROPOSALS_MAX} orders wait for a second person already; approve or withdraw some.",
                f"已有 {limits.PROPOSALS_MAX} 条指令待批，请先批准或撤回。",
            )
        await self._recorder.record(self._entry(order, order.issuer))
        await self._bus.store(subjects.proposal(order.id), sealed)
        self._waiting[order.id] = sealed

    def _check_share(self, author: Takers) -> None:
        own_max, branch_max = limits.WITHDRAWN_PER_KEY_MAX, limits.WITHDRAWN_PER_BRANCH_MAX
        taken = self._withdrawn.values()
        if len(taken) >= limits.WITHDRAWN_MAX or shares.is_full(author, taken, own_max, branch_max):
            raise Conflict("Too many orders were withdrawn within two hours.", "两小时内撤回的指令过多。")
        if self._has_its_share(author):
            own, branch = limits.PROPOSALS_PER_KEY_MAX, limits.PROPOSALS_PER_BRANCH_MAX
            raise Conflict(
                f"{own} orders of this key, or {branch} of those that were granted with it, wait for a second person "
                "already; approve or withdraw some.",
                f"该密钥已有 {own} 条（或同一授权下已有 {branch} 条）指令待批，请先批准或撤回。",
            )

    def _has_its_share(self, author: Takers) -> bool:
        taken = (self._takers(sealed) for sealed in self._waiting.values())
        return shares.is_full(author, taken, limits.PROPOSALS_PER_KEY_MAX, limits.PROPOSALS_PER_BRANCH_MAX)

    def _takers(self, sealed: bytes) -> Takers:
        return shares.takers(self._judge.signers(sealed)[0])

    async def proposals(self, _: api.Proposals, who: Actor) -> api.ProposalsReply:
        """Those that are for the place of who asks, and below."""
        self._sweep()
        waiting = [(claimed(sealed)[0], sealed) for _, sealed in sorted(self._waiting.items())]
        return api.ProposalsReply(tuple(self._line(*one) for one in waiting if lies_within(who, one[0].audience)))

    async def withdraw(self, request: api.Withdraw, who: Actor) -> api.Withdrawn:
        """When it returns, the order is issued no more; `NotFound` when it was, or waits no longer."""
        async with self._deciding:
            return await self._withdraw(request, who)

    async def _withdraw(self, request: api.Withdraw, who: Actor) -> api.Withdrawn:
        self._sweep()
        sealed = self._waiting.get(request.order)
        if sealed is None or not lies_within(who, claimed(sealed)[0].audience):
            raise NotFound(
                f"No order {to_text(request.order)} waits for a second person.",
                f"没有待批指令 {to_text(request.order)}。",
            )
        order = claimed(sealed)[0]
        await self._recorder.record(self._entry(order, who.name, withdrawn="yes"))
        await self._end(order.id)
        self._withdrawn[order.id] = self._takers(sealed)
        return api.Withdrawn(order)

    async def issue(self, request: api.Issue, who: Actor) -> Order:
        """As `Issuing.issue`; what waited until now waits no longer."""
        async with self._deciding:
            self._sweep()
            with self._issuing.noting(request, who.name):
                self._check_not_withdrawn(claimed(request.sealed)[0].id)
                order = await self._issuing.issue(request, who.name)
        if order.id in self._waiting:
            with contextlib.suppress(Unavailable):  # it is issued, which ends it as well (`_sweep`)
                await self._end(order.id)
        return order

    async def _end(self, ident: bytes) -> None:
        ended = b"".join(self._takers(self._waiting[ident]))
        await self._bus.store(subjects.proposal(ident), ended)
        self._waiting.pop(ident, None)

    def _sweep(self) -> None:
        """What is issued waits no longer, even if nobody lived to say so; nor what is an hour old."""
        for ident, sealed in list(self._waiting.items()):
            if self._issuing.is_issued(ident) or self._left_s(claimed(sealed)[0]) <= 0 or self._has_ended(sealed):
                del self._waiting[ident]
        for ident in list(self._withdrawn):
            if self._issuing.is_issued(ident) or not self._may_still_come(ident):
                del self._withdrawn[ident]

    def _has_ended(self, sealed: bytes) -> bool:
        """A key of it was revoked: nobody can approve it any more."""
        ends = self._judge.revocations.since_ms
        return any(ends(chain) is not None for chain in self._judge.signers(sealed))

    def _check_not_withdrawn(self, ident: bytes) -> None:
        if ident in self._withdrawn:
            raise Conflict(
                f"Order {to_text(ident)} was withdrawn; who still wants it composes it anew.",
                f"指令 {to_text(ident)} 已撤回；如仍需下达，请重新拟制。",
            )

    def _may_still_come(self, ident: bytes) -> bool:
        """Whether an order of that number could still be issued: later it is too old for every node."""
        return self._judge.now_ms - time_ms(ident) <= limits.ISSUE_APPROVED_S_MAX * 1000 + CLOCK_APART_MS_MAX

    def _left_s(self, order: Order) -> int:
        open_s = min(limits.PROPOSAL_S_MAX, order.open_s)
        return (order.issued_ms + open_s * 1000 - self._judge.now_ms) // 1000

    def _line(self, order: Order, sealed: bytes) -> api.Proposal:
        try:
            meant = self._issuing.meant(order)
        except NotFound:  # a role that nobody has any more; the order can still be read, and withdrawn
            meant = BitMap()
        reachable = len(meant & self._reachable())
        return api.Proposal(order, sealed, len(meant), reachable, self._left_s(order))

    def _entry(self, order: Order, actor: str, **details: str) -> Entry:
        about = {"status": order.status, "msg_type": order.msg_type, "place": order.node}
        return Entry(self._judge.now_ms, actor, "proposal", to_text(order.id), details=about | details)


def _marks_in(data: bytes) -> Takers:
    """Whose share it took; nobody's, when a version wrote it that did not ask."""
    return tuple(data[at : at + MARK_BYTES] for at in range(0, len(data), MARK_BYTES)) or (data,)


def _order_at(subject: str) -> bytes:
    """The number of the order that a proposal's subject names; `Untrusted` where it names none."""
    try:
        ident = bytes.fromhex(subject.rpartition(".")[2])
    except ValueError:
        ident = b""
    if subjects.proposal(ident) != subject or len(ident) != ID_BYTES:
        raise refusal("subject")
    return ident
