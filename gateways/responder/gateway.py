"""What the responder gateway does with what terminals and the bus say. It knows no socket: it tells the `Engine`.

Down: a new order goes, in windows, to those connected whom it is meant for; one who connects gets all that is open.
Up: receipts are gathered and published; the terminal hears `Counted` when its answer is on disk.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

import structlog
from pyroaring import BitMap

from fusioncmd import ids, limits, terminal
from fusioncmd.bus.port import Stored
from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage
from fusioncmd.killpoint import reach
from fusioncmd.messages import ANSWERED, RECEIVED, SENT
from fusioncmd.terminal import Close
from gateways.responder import websocket
from gateways.responder.board import Board, Posted
from gateways.responder.doorway import Denial, admit
from gateways.responder.engine import Engine
from gateways.responder.fanout import Fanout
from gateways.responder.gather import Batch, answers
from gateways.responder.publisher import Publisher
from gateways.responder.reports import ReportBox

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
        self.connected = BitMap()
        self._fd_of: dict[int, int] = {}
        self._number_of = array("q", [-1]) * descriptors_max
        self._expires_s = array("q", bytes(8 * descriptors_max))
        self._town_of = array("I", bytes(4 * descriptors_max))
        self._owed: dict[int, list[Posted]] = {}  # orders that wait in an outbox: not yet sent
        self._fanouts: dict[bytes, Fanout] = {}
        self._alive = websocket.frame(terminal.encode(terminal.Alive()))

    # --- the bus says

    def fold_call(self, stored: Stored) -> None:
        """An audience or an order from the stream."""
        now_s = self._clock()
        try:
            posted = self.board.fold(stored, int(now_s * 1000))
        except BadMessage as problem:
            log.error("gateway.bad_message", subject=stored.subject, seq=stored.seq, problem=problem.en)
            return
        if posted is None or not self.board.is_deliverable(posted, int(now_s * 1000)):
            return
        reach("gateway.order_taken")
        recipients = self.board.recipients(posted, self.connected)
        if recipients:
            self._fanouts[posted.order.id] = Fanout(recipients, now_s * 1000)
            self.pump()

    def confirm(self, batch: Batch) -> None:
        """The batch is on disk: say so to whoever answered and is still here."""
        for order, answer, numbers in answers(batch):
            frame = websocket.frame(terminal.encode(terminal.Counted(order, answer)))
            for number in numbers & self.connected:
                self._say(number, frame)
        reach("gateway.receipts_confirmed")

    # --- terminals say (engine.Sessions)

    def message(self, fd: int, payload: bytes) -> bool:
        number = self._number_of[fd]
        try:
            said = terminal.decode_from_terminal(payload)
        except BadMessage as problem:
            self._engine.close(fd, Close.BAD_FRAME, problem.en)
            return False
        if number < 0:
            return self._hello(fd, said)
        match said:
            case terminal.Received(order):
                if self._meant(fd, number, order) is not None:
                    self._received(order, number)
            case terminal.Answer(order, answer):
                self._answer(fd, number, order, answer)
            case terminal.SendReport():
                posted = self._meant(fd, number, said.order)
                if posted is not None:
                    self.reports.take(said, number, str(self._town_of[fd]), int(self._clock() * 1000))
            case terminal.Alive():
                self._engine.send(fd, self._alive)
            case terminal.Hello():
                self._engine.close(fd, Close.BAD_FRAME, "a second hello")
        return self._engine.is_open(fd)

    def drained(self, fd: int) -> None:
        for posted in self._owed.pop(fd, ()):
            self.publisher.gather.add(posted.order.id, SENT, None, self._number_of[fd])

    def gone(self, fd: int) -> None:
        self._owed.pop(fd, None)
        number = self._number_of[fd]
        self._number_of[fd] = -1
        if number >= 0 and self._fd_of.get(number) == fd:
            del self._fd_of[number]
            self.connected.discard(number)

    def turn(self) -> None:
        if self._fanouts:
            self.pump()
        self.publisher.wake()

    # --- time

    def tick(self) -> None:
        """Once a second: orders that expired, tickets that expired, terminals that fell silent."""
        now_s = int(self._clock())
        self.board.refresh(now_s * 1000)
        for fd in list(self._fd_of.values()):
            if self._expires_s[fd] <= now_s:
                self._engine.close(fd, Close.EXPIRED_TICKET, "the ticket has expired")
        self._engine.sweep()

    @property
    def delivering(self) -> bool:
        return bool(self._fanouts)

    def pump(self) -> None:
        """Send what the windows allow now."""
        now_ms = self._clock() * 1000
        for ident, fanout in list(self._fanouts.items()):
            posted = self.board.posted[ident]
            for number in fanout.take(now_ms):
                fd = self._fd_of.get(number)
                if fd is not None and number not in posted.told:
                    self._deliver(fd, number, posted)
            if fanout.done:
                del self._fanouts[ident]
            reach("gateway.order_midway")
        self.publisher.wake()

    # --- one terminal

    def _hello(self, fd: int, said: terminal.FromTerminal) -> bool:
        now_s = self._clock()
        entry = admit(said, self._key, self._serves, now_s)
        if isinstance(entry, Denial):
            self._engine.close(fd, *entry)
            return False
        ticket, number = entry.ticket, entry.ticket.number
        before = self._fd_of.get(number)
        if before is not None:
            self._engine.close(before, Close.REPLACED, "the same number connected again")
        self._fd_of[number] = fd
        self._number_of[fd] = number
        self._expires_s[fd] = ticket.expires_s
        self._town_of[fd] = int(ticket.village[:9])
        self.connected.add(number)
        welcome = terminal.Welcome(number, int(now_s * 1000), limits.HEARTBEAT_S)
        self._engine.send(fd, websocket.frame(terminal.encode(welcome)))
        self._catch_up(fd, number, entry.held)
        return self._engine.is_open(fd)

    def _catch_up(self, fd: int, number: int, held: tuple[bytes, ...]) -> None:
        due, received = self.board.due_on_connect(number, held)
        for posted in received:
            posted.told.add(number)
            self._received(posted.order.id, number)
        for posted in due:
            self._deliver(fd, number, posted)
            if not self._engine.is_open(fd):
                return

    def _deliver(self, fd: int, number: int, posted: Posted) -> None:
        posted.told.add(number)
        if self._engine.send(fd, posted.frame):
            self.publisher.gather.add(posted.order.id, SENT, None, number)
        elif self._engine.is_open(fd):
            self._owed.setdefault(fd, []).append(posted)

    def _received(self, order: bytes, number: int) -> None:
        self.publisher.gather.add(order, RECEIVED, None, number)
        fanout = self._fanouts.get(order)
        if fanout is not None:
            fanout.answered(self._clock() * 1000)

    def _answer(self, fd: int, number: int, order: bytes, answer: int) -> None:
        posted = self._meant(fd, number, order)
        if posted is None:
            return
        if answer >= len(posted.order.answers):
            self._refuse(fd, "not_offered", order, "That answer was not offered. 该答复项未提供。")
        else:
            self.publisher.gather.add(order, ANSWERED, answer, number)

    def _meant(self, fd: int, number: int, order: bytes) -> Posted | None:
        """The order, if there is one and it is meant for this person; a refusal to the terminal otherwise."""
        posted = self.board.posted.get(order)
        if posted is None:
            self._refuse(fd, "unknown_order", order, f"There is no order {ids.to_text(order)}. 没有该指令。")
        elif number not in posted.audience:
            self._refuse(fd, "not_for_you", order, "That order is not meant for you. 该指令并非发给您。")
        else:
            return posted
        return None

    def refuse(self, number: int, code: str, order: bytes, sentence: str) -> None:
        self._say(number, websocket.frame(terminal.encode(terminal.Refused(code, order, sentence))))

    def stored_report(self, number: int, order: bytes, report: bytes) -> None:
        self._say(number, websocket.frame(terminal.encode(terminal.Stored(order, report))))

    def _refuse(self, fd: int, code: str, order: bytes, sentence: str) -> None:
        self._engine.send(fd, websocket.frame(terminal.encode(terminal.Refused(code, order, sentence))))

    def _say(self, number: int, frame: bytes) -> None:
        fd = self._fd_of.get(number)
        if fd is not None:
            self._engine.send(fd, frame)

    def goodbye(self) -> None:
        for fd in self._engine.descriptors():
            self._engine.close(fd, Close.RESTART, "the gateway restarts")
