"""The orders that the terminals of one process hold: each verified once, and written down as it was shown. Pure.

What does not verify is no order: it is told to the gateway and written down, and nobody is shown it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from fusioncmd import limits, terminal
from fusioncmd.messages import Order
from fusioncmd.trust import seals
from fusioncmd.trust.refusals import Untrusted
from loadtest.swarm.alike import Alike
from loadtest.swarm.record import Deeds, Record
from loadtest.swarm.wire import masked


@dataclass(slots=True)
class Held:
    """An order as terminals hold it, and what they send about it."""

    order: Order
    deeds: Deeds
    received: bytes
    answers: list[bytes]
    shown_s: array[float]  # by terminal, on the monotonic clock; 0: not yet
    confirmed_s: array[float]
    alike: Alike | None = None  # as everyone gets it, also where its bytes are not the same


class Unbelieved(NamedTuple):
    """A delivery that does not verify: what is written down, and what each terminal says of it."""

    why: str
    distrust: bytes


class Orders:
    """`believe` verifies a sealed order, now; `numbers` are the people at the terminals."""

    def __init__(
        self, believe: Callable[[bytes], seals.Verified], record: Record, numbers: Sequence[int], mask: bytes
    ) -> None:
        self._believe, self._record, self._numbers, self._mask = believe, record, numbers, mask
        self.by_id: dict[bytes, Held] = {}

    def learn(self, sealed: bytes) -> Held | Unbelieved:
        """What a delivery brought, that no terminal here was delivered before."""
        try:
            verified = self._believe(sealed)
        except Untrusted as problem:
            ident = seals.id_in(sealed)
            name = "no order" if ident is None else ident.hex()
            return Unbelieved(f"{name}: {problem.reason}", self.frame(terminal.Distrust(ident, problem.reason)))
        order = verified.order
        known = self.by_id.get(order.id)
        if known is not None:  # the same id in other bytes
            self._record.differing[order.id.hex()] += 1
            return known
        deeds = self._record.deeds[order.id] = Deeds(verified.body)
        received = self.frame(terminal.Received(order.id))
        answers = [self.frame(terminal.Answer(order.id, k)) for k in range(len(order.answers))]
        shown_s, confirmed_s = (array("d", bytes(8 * len(self._numbers))) for _ in range(2))
        held = self.by_id[order.id] = Held(order, deeds, received, answers, shown_s, confirmed_s)
        return held

    def held_by(self, number: int) -> list[bytes]:
        """The orders that the device has; of many, the live ones and then the newest."""
        self._record.settle()
        has = [held.order for held in self.by_id.values() if number in held.deeds.shown]
        if len(has) > limits.ORDERS_HELD_MAX:
            ended = {order.refs for order in has}
            has = sorted(has, key=lambda o: (o.id not in ended and o.msg_type != "cancel", o.id))
        return [order.id for order in has[-limits.ORDERS_HELD_MAX :]]

    def times(self, order: bytes, without: Container[int]) -> list[array[float]]:
        """When `order` was shown, and an answer confirmed, last, to each terminal but some, on the monotonic clock."""
        held = self.by_id.get(order)
        both = (held.shown_s, held.confirmed_s) if held is not None else ((), ())
        return [array("d", (s for i, s in enumerate(t) if s and i not in without)) for t in both]

    def frame(self, message: msgspec.Struct) -> bytes:
        return masked(terminal.encode(message), self._mask)
