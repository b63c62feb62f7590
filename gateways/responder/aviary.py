"""Canaries between orders: read where orders are read, answered as people's answers go, and shown to nobody.

What answers is the process that delivers: its consumer of the order stream, its loop, and its way to the receipts. A
canary is no evidence of sockets beyond that, which presence is.
"""

from __future__ import annotations

import structlog

from fusioncmd import subjects
from fusioncmd.bus.port import Handler, Stored
from fusioncmd.canary import unpack
from fusioncmd.errors import BadMessage
from gateways.responder.publisher import Publisher

log = structlog.get_logger("gateway")


class Aviary:
    """`orders` takes everything else of the stream."""

    def __init__(self, publisher: Publisher, orders: Handler) -> None:
        self._publisher, self._orders = publisher, orders
        self._newest = 0

    def fold(self, stored: Stored) -> None:
        if stored.subject != subjects.CANARY:
            self._orders(stored)
            return
        try:
            number = unpack(stored.data).number
        except BadMessage as problem:
            log.error("gateway.bad_message", subject=stored.subject, seq=stored.seq, problem=problem.en)
            return
        if number != self._newest:  # the stream is read again after a loss of the bus
            self._newest = number
            self._publisher.gather.answer_canary(number)
            self._publisher.wake()
