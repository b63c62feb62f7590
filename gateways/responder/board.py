"""The orders that a gateway process knows: who each is meant for, and whom it told. Pure; time is an argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from pyroaring import BitMap

from fusioncmd import ids, limits
from fusioncmd.lastline import twins
from fusioncmd.messages import RECEIVED, Order
from fusioncmd.orders import Book
from fusioncmd.trust.chains import Chain
from fusioncmd.trust.seals import Author, Before
from gateways.responder import replies
from gateways.responder.early import Early

log = structlog.get_logger("board")

ORDERS_KEPT_MIN = 256  # below so many, nothing is forgotten
ENDED_KEPT_MS = limits.ORDER_OPEN_S_MAX * 1000


@dataclass(slots=True, eq=False)
class Posted:
    """One order here: the frame that is written to each terminal, whom it is meant for, and who was told by us."""

    order: Order
    frame: bytes
    audience: BitMap
    authors: tuple[Author, ...] = ()  # who signed and approved it
    told: BitMap = field(default_factory=BitMap)
    grounds: tuple[Chain, ...] = ()  # the keys that it stands on
    judged_as_of_ms: int = 0
    reports_ms: dict[int, int] = field(default_factory=dict)  # of who reported: until when their pace is used up
    parts_ms: dict[int, int] = field(default_factory=dict)  # the same, of parts of pictures
    twin: Posted | None = None  # came before, and is the same to people (lastline/twins.py)


class Board:
    def __init__(self) -> None:
        self._book = Book()
        self._forget_beyond = ORDERS_KEPT_MIN
        self.early = Early()
        self.posted: dict[bytes, Posted] = {}
        self.open: list[Posted] = []  # what a terminal that connects is due, oldest first
        self._first: dict[bytes, Posted] = {}  # of two that are one, which came first; by short id

    @property
    def orders(self) -> dict[bytes, Order]:
        return self._book.orders

    def before(self, order: Order) -> Before | None:
        """What an update replaces, where that is known."""
        posted = self.posted.get(order.refs or b"")
        return None if posted is None else Before(posted.order, posted.authors)

    def meant_by_alert(self, order: Order) -> BitMap:
        """Whom the alert meant that an update or cancel goes back to; nobody where that is not known."""
        posted = self.posted.get(self._book.alert(order).id)
        return BitMap() if posted is None else posted.audience

    def post(
        self, order: Order, sealed: bytes, audience: BitMap, now_ms: int, authors: tuple[Author, ...] = ()
    ) -> Posted | None:
        """An order that is believed, sealed as it came, and, of an alert, whom it means; None when it is here already.

        `Untrusted` for one that is not what may follow its alert.
        """
        if order.id in self.posted:
            return None
        self._book.check_follows(order)
        self._book.add(order)
        alert = self._book.alert(order)
        if alert is not order:
            audience = self.posted[alert.id].audience
        elif order.msg_type != "alert":  # shown to nobody rather than to somebody outside
            log.error("board.no_alert", order=ids.to_text(order.id))
            audience = BitMap()
        posted = self.posted[order.id] = Posted(order, replies.deliver(sealed), audience, authors)
        first = self._first.setdefault(twins.short_of(order.id), posted)
        if twins.are_one(first.order, order):
            posted.twin = first
        self.open = [p for p in self.open if p.order.id != order.refs]
        if order.msg_type != "cancel" and self._book.state(order, now_ms) == "open":
            self.open.append(posted)
            self.open.sort(key=lambda p: p.order.id)
        if self._book.fallen:  # what this one refers to may be open again, or not
            self.refresh(now_ms)
        if len(self.posted) > self._forget_beyond:
            self._forget(min(order.issued_ms, now_ms))
        return posted

    def let_fall(self, ident: bytes) -> None:
        """The order counts no longer, whether it is posted already or will be."""
        self._book.fallen.add(ident)

    def rejudge(self, has_ended: Callable[[tuple[Chain, ...], int], bool], now_ms: int) -> list[Order]:
        """After a revocation: what stands on a key that had ended is given to nobody new; the orders that fell."""
        fell = [
            posted.order for ident, posted in self.posted.items()
            if ident not in self._book.fallen and has_ended(posted.grounds, posted.judged_as_of_ms)
        ]  # fmt: skip
        for order in fell:
            self.let_fall(order.id)
        self.refresh(now_ms)
        return fell

    def _forget(self, now_ms: int) -> None:
        """Let go of chains of orders that ended long ago, whole: no terminal shows them, and nothing can follow them.

        `now_ms` is the stream's time: in a stream that is read from its beginning, what follows an old order comes.
        """
        ends_ms: dict[bytes, int] = {}
        alert_of = {order.id: self._book.alert(order).id for order in self._book.orders.values()}
        for order in self._book.orders.values():
            ends_ms[alert_of[order.id]] = max(order.expires_ms, ends_ms.get(alert_of[order.id], 0))
        kept = [p for p in self.posted.values() if now_ms < ends_ms[alert_of[p.order.id]] + ENDED_KEPT_MS]
        self.posted = {posted.order.id: posted for posted in kept}
        self.open = [posted for posted in self.open if posted.order.id in self.posted]
        self._first = {short: posted for short, posted in self._first.items() if posted.order.id in self.posted}
        fallen, self._book = self._book.fallen, Book()
        self._book.fallen = fallen & self.posted.keys()
        for posted in kept:
            self._book.add(posted.order)
        self._forget_beyond = max(ORDERS_KEPT_MIN, 2 * len(kept))

    def refresh(self, now_ms: int) -> None:
        """Which orders are open, after time went by."""
        self.open = [self.posted[order.id] for order in self._book.deliverable(now_ms)]

    def is_deliverable(self, posted: Posted, now_ms: int) -> bool:
        """A cancel always is, however late it comes: somebody may still show what it ends."""
        if posted.order.id in self._book.fallen:
            return False
        return posted.order.msg_type == "cancel" or self._book.state(posted.order, now_ms) == "open"

    def recipients(self, posted: Posted, connected: BitMap) -> BitMap:
        """Who gets a new order now: those it is meant for; a cancel only goes to whoever was told what it ends."""
        meant = posted.audience & connected
        if posted.order.msg_type == "cancel":
            meant &= BitMap.union(*(self.posted[o.id].told for o in self._book.chain(posted.order)[1:]), BitMap())
        elif (twin := posted.twin) is not None and twin in self.open:
            meant -= twin.audience
        return meant - posted.told

    def _by_twin(self, posted: Posted, number: int) -> bool:
        """Whether the person has, or is given, the order that is the same and came first."""
        return posted.twin is not None and posted.twin in self.open and number in posted.twin.audience

    def due_on_connect(self, number: int, held: tuple[bytes, ...], now_ms: int) -> tuple[list[Posted], list[Posted]]:
        """For a terminal that has `held`: what it has to be sent, and what it thereby says it received."""
        for ident in held:
            if ident not in self.posted:
                self.early.keep(ident, RECEIVED, None, number, now_ms)
        received = [posted for ident in held if (posted := self.posted.get(ident)) and number in posted.audience]
        due = [p for p in self.open if number in p.audience and p.order.id not in held and not self._by_twin(p, number)]
        for posted in received:
            cancel = self._book.ending(posted.order.id)
            if cancel is not None and cancel.id not in held and self.posted[cancel.id] not in due:
                due.append(self.posted[cancel.id])
        return due, received
