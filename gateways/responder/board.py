"""The orders that a gateway process knows: who each is meant for, and whom it told. Pure; time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog
from pyroaring import BitMap

from fusioncmd import ids, subjects, terminal
from fusioncmd.bus.port import Stored
from fusioncmd.messages import Audience, Order, decode
from fusioncmd.orders import Book
from fusioncmd.tally import bitmap_from
from gateways.responder import websocket

log = structlog.get_logger("board")


@dataclass(slots=True)
class Posted:
    """One order here: the frame that is written to each terminal, whom it is meant for, and who was told by us."""

    order: Order
    frame: bytes
    audience: BitMap
    told: BitMap = field(default_factory=BitMap)


class Board:
    def __init__(self) -> None:
        self._book = Book()
        self._audiences: dict[bytes, BitMap] = {}
        self.posted: dict[bytes, Posted] = {}
        self.open: list[Posted] = []

    def fold(self, stored: Stored, now_ms: int) -> Posted | None:
        """An audience or an order from the stream; the order when it is one that was not known."""
        if stored.subject.startswith(subjects.AUDIENCE_ALL[:-1]):
            audience = decode(Audience, stored.data)
            self._audiences.setdefault(audience.order, bitmap_from(audience.numbers))
            return None
        order = decode(Order, stored.data)
        if not self._book.add(order):
            return None
        alert = self._book.alert(order)
        audience_of = self._audiences.get(alert.id)
        if audience_of is None:  # shown to nobody rather than to somebody outside
            log.error("board.no_audience", order=ids.to_text(order.id), alert=ids.to_text(alert.id))
            audience_of = BitMap()
        frame = websocket.frame(terminal.encode(terminal.Deliver(stored.data)))
        posted = self.posted[order.id] = Posted(order, frame, audience_of)
        self.refresh(now_ms)
        return posted

    def refresh(self, now_ms: int) -> None:
        """Which orders are open, after one came or time went by."""
        self.open = [self.posted[order.id] for order in self._book.deliverable(now_ms)]

    def is_deliverable(self, posted: Posted, now_ms: int) -> bool:
        if posted.order.msg_type == "cancel":
            return now_ms < posted.order.expires_ms
        return self._book.state(posted.order, now_ms) == "open"

    def recipients(self, posted: Posted, connected: BitMap) -> BitMap:
        """Who gets a new order now: those it is meant for; a cancel only goes to whoever was told what it ends."""
        meant = posted.audience & connected
        if posted.order.msg_type == "cancel":
            meant &= BitMap.union(*(self.posted[o.id].told for o in self._book.chain(posted.order)[1:]), BitMap())
        return meant - posted.told

    def due_on_connect(self, number: int, held: tuple[bytes, ...]) -> tuple[list[Posted], list[Posted]]:
        """For a terminal that shows `held`: what it has to be sent, and what it thereby says it received."""
        received = [posted for ident in held if (posted := self.posted.get(ident)) and number in posted.audience]
        due = [posted for posted in self.open if number in posted.audience and posted.order.id not in held]
        for posted in received:
            cancel = self._book.ending(posted.order.id)
            if cancel is not None and cancel.id not in held and self.posted[cancel.id] not in due:
                due.append(self.posted[cancel.id])
        return due, received
