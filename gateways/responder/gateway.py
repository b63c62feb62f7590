"""What the responder gateway does with what terminals and the bus say. It knows no socket: it tells the `Engine`.

Down: a new order goes, in windows, to those connected whom it is meant for; one who connects gets all that is open.
Up: receipts are gathered and published; the terminal hears `Counted` when its answer is on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pyroaring import BitMap

from fusioncmd import limits, terminal
from fusioncmd.bus.port import Bus, Stored
from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage
from fusioncmd.killpoint import reach
from fusioncmd.messages import ANSWERED, RECEIVED, SENT
from fusioncmd.terminal import Close
from fusioncmd.trust.judge import Judge
from gateways.responder import replies
from gateways.responder.board import Board, Posted
from gateways.responder.delivery import Delivery
from gateways.responder.distrust import Distrusted
from gateways.responder.doorway import Denial, admit
from gateways.responder.early import may_come
from gateways.responder.engine import Engine
from gateways.responder.escalated import Escalated
from gateways.responder.gate import Gate
from gateways.responder.gather import Batch, answers
from gateways.responder.hearing import Said
from gateways.responder.lost import LostDevices
from gateways.responder.outflow import Outflow
from gateways.responder.phones import PhoneBox
from gateways.responder.publisher import Publisher
from gateways.responder.relay import Relay
from gateways.responder.reports import ReportBox
from gateways.responder.seats import Seats
from gateways.responder.shortcuts import Shortcuts
from gateways.responder.subscriptions import SubscriptionBox

BEFORE_HELLO = (terminal.Enrol, terminal.Renew)  # may come instead


class Gateway:
    """`clock` gives seconds since 1970. Implements `sessions.Sessions`."""

    def __init__(
        self, engine: Engine, serves: Path, key: bytes, judge: Judge, descriptors_max: int, clock: Callable[[], float]
    ) -> None:
        self._engine, self._serves, self._key, self._clock = engine, serves, key, clock
        self.board, self.judge = Board(), judge
        self._gate = Gate(judge, self.board)
        self._seats = Seats(descriptors_max, clock())
        self.connected = self._seats.connected
        self._lost = LostDevices(key)
        self._delivery = Delivery(engine, self._seats, self.board, self._sent)
        self.outflow = Outflow(engine, self._seats, self._delivery, clock)
        self.outflow.moved = lambda: self.publisher.wake()
        self.outflow.unsettled = lambda: self.publisher.unsettled
        self._shortcuts, self.distrusted = Shortcuts(lambda fd: engine.send(fd, replies.ALIVE)), Distrusted()
        self._room = descriptors_max - limits.DESCRIPTORS_SPARE
        self.push_key = b""  # what devices subscribe to push messages with

    def connect(self, bus: Bus, name: str) -> None:
        """To the bus, by which receipts, reports, enrolments and renewals go."""
        self.publisher = Publisher(bus, name, self.confirm)
        self.reports = ReportBox(bus, self)
        self._phones = PhoneBox(bus, name, self._clock)
        self._subscriptions = SubscriptionBox(bus, lambda number: self.say(number, replies.SUBSCRIBED), self._clock)
        self.escalated = Escalated(bus, self._seats, self.say, self._key, self._clock)
        self.relay = Relay(bus, self._engine, self._seats, self._lost, self._key, self._clock)

    def fold_call(self, stored: Stored) -> None:
        """An audience or an order from the stream."""
        now_s = self._clock()
        posted = self._gate.fold(stored, int(now_s * 1000))
        if posted is None:
            return
        self._take_early(posted)
        if not self.board.is_deliverable(posted, int(now_s * 1000)):
            return
        reach("gateway.order_taken")
        self.outflow.deliver(posted, self.board.recipients(posted, self._seats.connected))

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
            self.outflow.confirm(order, answer, numbers)
        self.outflow.pump()
        reach("gateway.receipts_confirmed")

    # --- terminals say (sessions.Sessions)

    def glance(self, said: list[Said]) -> Iterator[Said]:
        yield from self._shortcuts.hear(said, self._seats.number_at)
        now_ms = self._clock() * 1000
        for shortcut in self._shortcuts.take():
            meant, others = shortcut.judged(now_ms)
            if meant:
                self.publisher.gather.add_all(*shortcut.key, meant)
                self._delivery.received(shortcut.key[0], meant, now_ms)
            for number in others:
                self._heard(number, shortcut.said)

    def message(self, fd: int, payload: bytes) -> bool:
        number = self._seats.number_at[fd]
        try:
            said = terminal.decode_from_terminal(payload)
        except BadMessage as problem:
            self._engine.close(fd, Close.BAD_FRAME, problem.en)
            return False
        if number < 0 and not isinstance(said, BEFORE_HELLO):
            return self._hello(fd, said)
        match said:
            case terminal.Received() | terminal.Answer():
                if (posted := self._heard(number, said)) is not None:
                    self._shortcuts.learn(payload, said, posted)
            case terminal.SendReport() | terminal.SendPicture():
                self._report(number, said, str(self._seats.town_at[fd]))
            case terminal.Alive():
                self._engine.send(fd, replies.ALIVE)
            case terminal.Distrust():
                self.distrusted.hear(number, said, self._clock())
            case terminal.Subscribe():
                self._subscriptions.take(said, number, str(self._seats.town_at[fd]), self._seats.device_at(fd))
            case terminal.Position():
                self._phones.take(number, said)
            case terminal.Noted() | terminal.AnswerFor():
                self.escalated.hear(number, said)
            case terminal.Enrol() | terminal.Renew() if number < 0 or isinstance(said, terminal.Renew):
                self.relay.take(fd, said)
            case terminal.Hello() | terminal.Enrol():
                self._engine.close(fd, Close.BAD_FRAME, "a second hello")
        return self._engine.is_open(fd)

    def drained(self, fd: int) -> None:
        self._delivery.drained(fd, self._seats.number_at[fd], self._now_ms)

    def gone(self, fd: int) -> None:
        self._delivery.gone(fd)
        self.relay.gone(fd)
        self._seats.leave(fd)

    def turn(self) -> None:
        if self._delivery.busy:
            self.outflow.pump()
        self.publisher.wake()  # whatever went out or came in

    def tick(self) -> None:
        """Once a second: orders that expired, tickets that expired, terminals that fell silent."""
        now_s = int(self._clock())
        self.board.refresh(now_s * 1000)
        self._shortcuts.forget()
        self._phones.tick()
        for fd in self._seats.expired(now_s):
            self._engine.close(fd, Close.EXPIRED_TICKET, "the ticket has expired")
        self._engine.sweep()

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _hello(self, fd: int, said: terminal.FromTerminal) -> bool:
        now_s = self._clock()
        entry = admit(said, self._key, self._serves, now_s, self._lost)
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
        self.escalated.here(fd, ticket)
        self._engine.send(fd, replies.welcome(number, int(now_s * 1000), self.push_key))
        due, received = self.board.due_on_connect(number, entry.held, int(now_s * 1000))
        for posted in received:
            posted.told.add(number)
            self._count(posted.order.id, RECEIVED, None, number)
        self._delivery.bring(fd, number, due)
        return self._engine.is_open(fd)

    def _count(self, order: bytes, stage: int, answer: int | None, number: int) -> None:
        self.publisher.gather.add(order, stage, answer, number)
        self._delivery.received(order, BitMap([number]), self._clock() * 1000)

    def _sent(self, order: bytes, numbers: BitMap) -> None:
        self.publisher.gather.add_all(order, SENT, None, numbers)

    def _heard(self, number: int, said: terminal.Received | terminal.Answer) -> Posted | None:
        """The order that was spoken of; None when this gateway does not know it, or it is not meant for this person."""
        answer = said.answer if isinstance(said, terminal.Answer) else None
        stage = RECEIVED if answer is None else ANSWERED
        early = said.order not in self.board.posted
        if early and self.board.early.keep(said.order, stage, answer, number, self._now_ms):
            return None
        posted = self._meant(number, said.order)
        if posted is not None:
            if answer is None:
                self._count(said.order, RECEIVED, None, number)
            else:
                self._answer(number, posted, answer)
        return posted

    def _answer(self, number: int, posted: Posted, answer: int) -> None:
        order = posted.order.id
        if answer >= len(posted.order.answers):
            self.refuse(number, "not_offered", order)
        elif self._now_ms >= posted.order.expires_ms:
            self.refuse(number, "expired", order)
        else:
            self._count(order, ANSWERED, answer, number)

    def _report(self, number: int, said: terminal.SendReport | terminal.SendPicture, town: str) -> None:
        if said.order not in self.board.posted and may_come(said.order, self._now_ms):
            self.refuse(number, "busy", said.order, said.report)
        elif (posted := self._meant(number, said.order, said.report)) is not None:
            self.reports.take(said, number, town, self._now_ms, posted)

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
        self.say(number, replies.refused(code, order, report))

    def say(self, number: int, frame: bytes) -> None:
        if (fd := self._seats.fd_of.get(number)) is not None:
            self._engine.send(fd, frame)
