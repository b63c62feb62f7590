"""What goes out of a gateway process: orders first, and confirmations in what room they leave.

Whoever has no order yet comes before whoever has answered one, and an answer on its way to the disk before the word
that another is there. So while an order goes out, from here or from another gateway process of this machine, and for a
moment after, few confirmations do; then all of them. Nothing here waits for ever: what could not go now is looked at
again in a moment.
"""

from __future__ import annotations

from collections.abc import Callable

from pyroaring import BitMap

from fusioncmd import limits
from gateways.responder import replies
from gateways.responder.board import Posted
from gateways.responder.confirmations import Confirmations
from gateways.responder.delivery import Delivery
from gateways.responder.engine import Engine
from gateways.responder.neighbours import Neighbours
from gateways.responder.pulse import Pulse
from gateways.responder.seats import Seats


class Outflow:
    """`clock` gives seconds since 1970. Without `neighbours` this is the only gateway process of the machine."""

    moved: Callable[[], None]  # told when something may have gone out
    unsettled: Callable[[], bool]  # whether receipts are not on disk yet

    def __init__(self, engine: Engine, seats: Seats, delivery: Delivery, clock: Callable[[], float]) -> None:
        self._engine, self._seats, self._delivery, self._clock = engine, seats, delivery, clock
        self.neighbours: Neighbours | None = None
        self._confirmations = Confirmations()
        self._settle_until_s = 0.0
        self._pulse = Pulse(limits.PUMP_MS / 1000, self._beat)
        self._next = Pulse(0.0, self.pump)  # after what else has happened meanwhile

    @property
    def busy(self) -> bool:
        """Orders or confirmations are on their way out."""
        return self._delivery.busy or bool(self._confirmations)

    def deliver(self, posted: Posted, recipients: BitMap) -> None:
        if recipients:
            self._delivery.begin(posted, recipients, self._clock() * 1000)
            self.pump()

    def confirm(self, order: bytes, answer: int, numbers: BitMap) -> None:
        self._confirmations.add(order, answer, numbers & self._seats.connected)

    def pump(self, confirmations: int = 0) -> None:
        """Send what the windows allow now, and at least so many confirmations."""
        now_s = self._clock()
        if self._delivery.busy:
            self._settle_until_s = now_s + limits.SETTLE_S_MAX
        sent = self._delivery.pump(now_s * 1000)
        orders = self._orders_go_out()
        room = max(confirmations, sent // limits.CONFIRM_SHARE) if orders else limits.CONFIRM_BURST
        while room > 0 and self._confirmations:
            order, answer, numbers = self._confirmations.take(room)
            room -= len(numbers)
            self._engine.send_each(self._seats.fds(numbers), replies.counted(order, answer))
        if self._confirmations and not orders:
            self._next.soon()
        elif self.busy:
            self._pulse.soon()
        self.moved()

    def _orders_go_out(self) -> bool:
        """Until the last of them are received, and what was answered is on disk: a moment at most, people answer for
        hours."""
        here = self._delivery.busy or self._settles()
        if self.neighbours is None:
            return here
        self.neighbours.i_deliver(here)
        return here or (bool(self._confirmations) and self.neighbours.deliver())

    def _settles(self) -> bool:
        if not self._settle_until_s:
            return False
        now_s = self._clock()
        if now_s >= self._settle_until_s or not (self.unsettled() or self._delivery.awaits(now_s * 1000)):
            self._settle_until_s = 0.0
        return bool(self._settle_until_s)

    def _beat(self) -> None:
        self.pump(limits.CONFIRM_EACH_PUMP)
