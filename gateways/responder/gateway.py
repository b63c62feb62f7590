"""What the responder gateway does with what terminals and the bus say. It knows no socket: it tells the `Engine`.

Down: a new order goes, in windows, to those connected whom it is meant for; one who connects gets all that is open.
Up: receipts are gathered and published; the terminal hears `Counted` when its answer is on disk.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from pyroaring import BitMap

from fusioncmd import limits, terminal
from fusioncmd.bus.port import Stored
from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage
from fusioncmd.killpoint import reach
from fusioncmd.messages import ANSWERED, RECEIVED, SENT
from fusioncmd.terminal import Close
from gateways.responder import replies
from gateways.responder.board import Board, Posted
from gateways.responder.delivery import Delivery
from gateways.responder.doorway import Denial, admit
from gateways.responder.early import may_come
from gateways.responder.engine import Engine
from gateways.responder.gather import Batch, answers
from gateways.responder.publisher import Publisher
from gateways.responder.reports import ReportBox
from gateways.responder.seats import Seats
from gateways.responder.shortcuts import Shortcuts

log = structlog.get_logger("gateway")


class Gateway:
    """`clock` gives seconds since 1970. Implements `engine.Sessions`."""

    def __init__(
        self, engine: Engine, serves: Path, key: bytes, descriptors_max: int, clock: Callable[[], float]
    ) -> None:
        self._engine, self._serves, self._key, self._clock = engine, serves, key, clock
        self.publisher: Publisher
        self.reports: ReportBox
        self.board = Board()
        self._seats = Seats(descriptors_max, clock())
        self._delivery = Delivery(engine, self._seats, self.board, self._sent)
        self._shortcuts = Shortcuts()
        self._room = descriptors_max - limits.DESCRIPTORS_SPARE

    # --- the bus says

    def fold_call(self, stored: Stored) -> None:
        """An audience or an order from the stream."""
        now_s = self._clock()
        try:
            posted = self.board.fold(stored, int(now_s * 1000))
        except BadMessage as problem:
            log.error("gateway.bad_message", subject=stored.subject, seq=stored.seq, problem=problem.en)
            return
        if posted is None:
            return
        self._take_early(posted)
        if not self.board.is_deliverable(posted, int(now_s * 1000)):
            return
        reach("gateway.order_taken")
        recipients = self.board.recipients(posted, self._seats.connected)
        if recipients:
            self._delivery.begin(posted, recipients, now_s * 1000)
            self.publisher.wake()

    def _take_early(self, posted: Posted) -> None:
        """Some have it from another gateway, and said so before it came here."""
        for (stage, answer), numbers in self.board.early.take(posted.order.id).items():
            numbers &= posted.audience
            posted.told |= numbers
            if numbers and (answer is None or answer < len(posted.order.answers)):
                self.publisher.gather.add_all(posted.order.id, stage, answer, numbers)

    def confirm(self, batch: Batch) -> None:
        """The batch is on disk: say so to whoever answered and is still here."""
        for order, answer, numbers in answers(batch):
            frame = replies.counted(order, answer)
            for number in numbers & self._seats.connected:
                self._say(number, frame)
        reach("gateway.receipts_confirmed")

    # --- terminals say (engine.Sessions)

    def message(self, fd: int, payload: bytes) -> bool:
        number = self._seats.number_at[fd]
        if (shortcut := self._shortcuts.known.get(payload)) is not None and number >= 0:
            now_ms = self._clock() * 1000
            if number in shortcut.audience and now_ms < shortcut.until_ms:
                self.publisher.gather.add_key(shortcut.key, number)
                if shortcut.key[1] == RECEIVED and self._delivery.busy:
                    self._delivery.received(shortcut.key[0], now_ms)
                return True
        try:
            said = terminal.decode_from_terminal(payload)
        except BadMessage as problem:
            self._engine.close(fd, Close.BAD_FRAME, problem.en)
            return False
        if number < 0:
            return self._hello(fd, said)
        match said:
            case terminal.Received(order):
                if not self._early(number, order, RECEIVED) and (posted := self._meant(number, order)) is not None:
                    self._shortcuts.learn(payload, said, posted)
                    self._received(order, number)
            case terminal.Answer(order, answer):
                if not self._early(number, order, ANSWERED, answer) and (posted := self._meant(number, order)):
                    self._shortcuts.learn(payload, said, posted)
                    self._answer(number, posted, answer)
            case terminal.SendReport():
                self._report(number, said, str(self._seats.town_at[fd]))
            case terminal.Alive():
                self._engine.send(fd, replies.ALIVE)
            case terminal.Hello():
                self._engine.close(fd, Close.BAD_FRAME, "a second hello")
        return self._engine.is_open(fd)

    def drained(self, fd: int) -> None:
        self._delivery.drained(fd, self._seats.number_at[fd], self._now_ms)

    def gone(self, fd: int) -> None:
        self._delivery.gone(fd)
        self._seats.leave(fd)

    def turn(self) -> None:
        if self._delivery.busy:
            self.pump()
        self.publisher.wake()

    # --- time

    def tick(self) -> None:
        """Once a second: orders that expired, tickets that expired, terminals that fell silent."""
        now_s = int(self._clock())
        self.board.refresh(now_s * 1000)
        self._shortcuts.forget()
        for fd in self._seats.expired(now_s):
            self._engine.close(fd, Close.EXPIRED_TICKET, "the ticket has expired")
        self._engine.sweep()

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    @property
    def connected(self) -> BitMap:
        return self._seats.connected

    @property
    def delivering(self) -> bool:
        return self._delivery.busy

    def pump(self) -> None:
        """Send what the windows allow now."""
        self._delivery.pump(self._clock() * 1000)
        self.publisher.wake()

    # --- one terminal

    def _hello(self, fd: int, said: terminal.FromTerminal) -> bool:
        now_s = self._clock()
        entry = admit(said, self._key, self._serves, now_s)
        if isinstance(entry, Denial):
            self._engine.close(fd, *entry)
            return False
        if fd >= self._room:
            self._engine.close(fd, Close.FULL, str(limits.FULL_WAIT_S))
            return False
        ticket, number = entry.ticket, entry.ticket.number
        if (before := self._seats.fd_of.get(number)) is not None:
            self._engine.close(before, Close.REPLACED, "the same number connected again")
        self._seats.take(fd, ticket)
        self._engine.greeted(fd)
        self._engine.send(fd, replies.welcome(number, int(now_s * 1000)))
        due, received = self.board.due_on_connect(number, entry.held, int(now_s * 1000))
        for posted in received:
            posted.told.add(number)
            self._received(posted.order.id, number)
        self._delivery.bring(fd, number, due)
        return self._engine.is_open(fd)

    def _received(self, order: bytes, number: int) -> None:
        self.publisher.gather.add(order, RECEIVED, None, number)
        self._delivery.received(order, self._clock() * 1000)

    def _sent(self, order: bytes, number: int) -> None:
        self.publisher.gather.add(order, SENT, None, number)

    def _answer(self, number: int, posted: Posted, answer: int) -> None:
        order = posted.order.id
        if answer >= len(posted.order.answers):
            self.refuse(number, "not_offered", order)
        elif self._now_ms >= posted.order.expires_ms:
            self.refuse(number, "expired", order)
        else:
            self.publisher.gather.add(order, ANSWERED, answer, number)

    def _report(self, number: int, said: terminal.SendReport, town: str) -> None:
        if said.order not in self.board.posted and may_come(said.order, self._now_ms):
            self.refuse(number, "busy", said.order, said.report)
        elif self._meant(number, said.order, said.report) is not None:
            self.reports.take(said, number, town, self._now_ms)

    def _early(self, number: int, order: bytes, stage: int, answer: int | None = None) -> bool:
        """True when the order may be on its way: what is said of it is kept until it is here."""
        if order in self.board.posted:
            return False
        return self.board.early.keep(order, stage, answer, number, self._now_ms)

    def _meant(self, number: int, order: bytes, report: bytes | None = None) -> Posted | None:
        """The order, if there is one and it is meant for this person; a refusal to the terminal otherwise."""
        posted = self.board.posted.get(order)
        if posted is None:
            self.refuse(number, "unknown_order", order, report)
        elif number not in posted.audience:
            self.refuse(number, "not_for_you", order, report)
        else:
            return posted
        return None

    def refuse(self, number: int, code: str, order: bytes, report: bytes | None = None) -> None:
        self._say(number, replies.refused(code, order, report))

    def stored_report(self, number: int, order: bytes, report: bytes) -> None:
        self._say(number, replies.stored(order, report))

    def _say(self, number: int, frame: bytes) -> None:
        fd = self._seats.fd_of.get(number)
        if fd is not None:
            self._engine.send(fd, frame)

    def goodbye(self) -> None:
        for fd in self._engine.descriptors():
            self._engine.close(fd, Close.RESTART, "the gateway restarts")
