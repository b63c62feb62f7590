"""Orders on their way to terminals: fan-outs in windows, what waits in a full outbox, what is due to one who came back.

It tells `sent` of an order and the numbers for which all the bytes of that order are with the kernel.
"""

from __future__ import annotations

from collections.abc import Callable

from pyroaring import BitMap

from fusioncmd.killpoint import reach
from gateways.responder.board import Board, Posted
from gateways.responder.engine import Engine
from gateways.responder.fanout import Fanout
from gateways.responder.seats import Seats


class Delivery:
    def __init__(self, engine: Engine, seats: Seats, board: Board, sent: Callable[[bytes, BitMap], None]) -> None:
        self._engine, self._seats, self._board, self._sent = engine, seats, board, sent
        self._fanouts: dict[bytes, Fanout] = {}  # on their way out
        self._sent_out: dict[bytes, Fanout] = {}  # and after it, while it is heard who received the last of them
        self._owed: dict[int, list[Posted]] = {}  # orders that wait in an outbox: not yet sent
        self._due: dict[int, list[Posted]] = {}  # orders that wait for that outbox to empty

    @property
    def busy(self) -> bool:
        return bool(self._fanouts)

    def begin(self, posted: Posted, recipients: BitMap, now_ms: float) -> None:
        self._fanouts[posted.order.id] = Fanout(recipients, now_ms)

    def pump(self, now_ms: float) -> int:
        """Send what the windows allow now: to so many."""
        total = 0
        for ident, fanout in list(self._fanouts.items()):
            posted = self._board.posted.get(ident)
            if posted is None or not self._board.is_deliverable(posted, int(now_ms)):
                del self._fanouts[ident]  # cancelled, replaced or expired: those not told yet never are
                continue
            numbers = fanout.take(now_ms, self._seats.connected, posted.told)
            total += len(numbers)
            self._deliver(numbers, posted)
            if fanout.done:
                self._sent_out = self._awaited(now_ms) | {ident: self._fanouts.pop(ident)}
            reach("gateway.order_midway")
        return total

    def awaits(self, now_ms: float) -> bool:
        """Whether answers are to be expected at once: orders went out a moment ago, and not all were received yet."""
        self._sent_out = self._awaited(now_ms)
        return bool(self._sent_out)

    def _awaited(self, now_ms: float) -> dict[bytes, Fanout]:
        return {ident: fanout for ident, fanout in self._sent_out.items() if fanout.awaits(now_ms)}

    def received(self, order: bytes, numbers: BitMap, now_ms: float) -> None:
        """These have the order."""
        fanout = self._fanouts.get(order) or self._sent_out.get(order)
        if fanout is not None:
            fanout.answered(numbers, now_ms)

    def bring(self, fd: int, number: int, due: list[Posted]) -> None:
        """Send what is due, as long as it does not have to wait: much may have piled up for one who was cut off."""
        for i, posted in enumerate(due):
            if fd in self._owed:
                self._due[fd] = due[i:]
            if fd in self._owed or not self._engine.is_open(fd):
                return
            self._deliver(BitMap([number]), posted)

    def drained(self, fd: int, number: int, now_ms: int) -> None:
        """The outbox of `fd` is empty again."""
        for posted in self._owed.pop(fd, ()):
            self._sent(posted.order.id, BitMap([number]))
        if fd in self._due:
            self.bring(fd, number, [p for p in self._due.pop(fd) if self._board.is_deliverable(p, now_ms)])

    def gone(self, fd: int) -> None:
        self._owed.pop(fd, None)
        self._due.pop(fd, None)

    def _deliver(self, numbers: BitMap, posted: Posted) -> None:
        """To these, who are all connected."""
        seats = self._seats
        if self._due:
            numbers = BitMap(number for number in numbers if not self._waits(seats.fd_of[number], posted))
        posted.told |= numbers
        late = self._engine.send_each(seats.fds(numbers), posted.frame)
        if late:
            for fd in filter(self._engine.is_open, late):
                self._owed.setdefault(fd, []).append(posted)
            numbers = (numbers & seats.connected) - seats.numbers(late)
        if numbers:
            self._sent(posted.order.id, numbers)

    def _waits(self, fd: int, posted: Posted) -> bool:
        """True for one who gets it, once more, when what waits before it is sent."""
        waiting = self._due.get(fd)
        if waiting is not None and posted not in waiting:
            waiting.append(posted)
        return waiting is not None
