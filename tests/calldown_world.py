"""A whole call-down in one process, for the property test: commanders, two gateways, phones, streams and a node.

Everything that decides anything is the real part; only time, sockets and chance are moved by `World`, and chance is
one seed. `World.stored` is the plain model: per person, what evidence was put on disk.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from pyroaring import BitMap

from fusioncmd import ids, subjects
from fusioncmd.bus.port import CALL, RECEIPT, REPORT, Stored
from fusioncmd.codes import Path as Place
from fusioncmd.messages import ANSWERED, RECEIVED, REPORTED, SENT, Receipts, Report, encode
from fusioncmd.orders import Book, compose
from gateways.responder.board import Board, Posted
from gateways.responder.gate import Gate
from gateways.responder.gather import Batch, Gather, answers, marks
from tests.worlds import NOW_MS, audience_of, judge, make_draft, make_id, sealed
from tiers.ledger_files import LedgerFiles, images

PEOPLE = [town << 16 | slot for town in range(3) for slot in range(4)]
ORDERS_MAX = 8
JUDGE = judge()
Rung = tuple[bytes, int, int | None]  # order, stage, answer


class Stream:
    def __init__(self) -> None:
        self.kept: dict[int, Stored] = {}
        self.last = 0

    def store(self, subject: str, data: bytes, times: int = 1) -> None:
        for _ in range(times):
            self.last += 1
            self.kept[self.last] = Stored(subject, data, self.last)

    def forget(self, below_seq: int) -> None:
        self.kept = {seq: stored for seq, stored in self.kept.items() if seq >= below_seq}


@dataclass
class Phone:
    number: int
    held: list[bytes] = field(default_factory=list)
    pending: set[tuple[bytes, int]] = field(default_factory=set)  # answers that are not yet said to be counted
    counted: set[tuple[bytes, int]] = field(default_factory=set)
    gateway: Gateway | None = None


class Gateway:
    def __init__(self) -> None:
        self.board, self.gather, self.read = Board(), Gather(), 0
        self.gate = Gate(JUDGE, self.board)
        self.connected = BitMap()
        self.flying: list[Batch] = []


class Node:
    """As `tiers.node` folds and writes, but at the moments that the world decides."""

    def __init__(self, folder: Path, streams: dict[str, Stream]) -> None:
        self.files, self.streams = LedgerFiles(folder), streams
        self.ledger = self.files.load(JUDGE)
        self.covered = dict(self.ledger.handled)
        folds = (self.ledger.fold_call, self.ledger.fold_receipts, self.ledger.fold_report)
        self.folds = dict(zip((CALL.name, RECEIPT.name, REPORT.name), folds, strict=True))

    def read(self, name: str, count: int = 1 << 30) -> None:
        after, stream = self.ledger.handled[name], self.streams[name]
        for seq in range(after + 1, min(after + count, stream.last) + 1):
            self.folds[name](stream.kept[seq])  # a KeyError: the stream forgot what no snapshot held

    def snapshot(self, cut: random.Random | None) -> None:
        """Whole, or with only some of the files written."""
        made, handled = images(self.ledger), dict(self.ledger.handled)
        if cut is not None:
            return self.files.save(cut.sample(made, cut.randrange(len(made) + 1)), self.covered)
        self.files.save(made, handled)
        for name in (RECEIPT.name, REPORT.name):
            self.streams[name].forget(self.covered[name] + 1)
        self.covered = handled


class World:
    def __init__(self, seed: int, folder: Path) -> None:
        self.chance, self.folder, self.steady = random.Random(seed), folder, False
        self.streams = {spec.name: Stream() for spec in (CALL, RECEIPT, REPORT)}
        self.book, self.meant = Book(), {}
        self.phones = {number: Phone(number) for number in PEOPLE}
        self.gateways = [Gateway(), Gateway()]
        self.node = Node(folder, self.streams)
        self.stored: dict[int, set[Rung]] = {number: set() for number in PEOPLE}  # the model: what evidence is on disk
        self.reports: dict[bytes, int] = {}  # and when each was first sent
        for phone in self.phones.values():
            self.connect(phone)

    def fails(self, often: float) -> bool:
        return not self.steady and self.chance.random() < often

    # --- commanders

    def issue(self) -> None:
        n, open_orders = len(self.book.orders) + 1, self.book.deliverable(NOW_MS)
        if n > ORDERS_MAX:
            return
        follows = self.chance.choice(["alert", "update", "cancel"]) if open_orders else "alert"
        changes = {"answers": ("here", "late", "need help")}
        if follows != "alert":
            changes = {"msg_type": follows, "refs": self.chance.choice(open_orders).id, "audience": None, "answers": ()}
        order = compose(make_draft(n, **changes), self.book, Place("44"), NOW_MS)
        self.book.add(order)
        times = self.chance.choice([1, 1, 2])  # a reply was lost, and the same was asked for again
        if follows == "alert":
            self.meant[order.id] = set(self.chance.sample(PEOPLE, self.chance.randrange(len(PEOPLE) // 2, len(PEOPLE))))
        said = encode(audience_of(order, self.meant.get(order.id, ())))
        self.streams[CALL.name].store(subjects.audience(ids.to_text(order.id)), said, times)
        self.streams[CALL.name].store(subjects.call(Place("44")), sealed(order), times)

    # --- gateways and phones

    def gateway_reads(self, gateway: Gateway | None = None, count: int = 3) -> None:
        gateway = gateway or self.chance.choice(self.gateways)
        stream = self.streams[CALL.name]
        for seq in range(gateway.read + 1, min(gateway.read + count, stream.last) + 1):
            gateway.read = seq
            posted = gateway.gate.fold(stream.kept[seq], NOW_MS)
            for number in gateway.board.recipients(posted, gateway.connected) if posted else ():
                self.deliver(gateway, self.phones[number], posted)

    def deliver(self, gateway: Gateway, phone: Phone, posted: Posted) -> None:
        assert phone.number in self.meant[self.book.alert(posted.order).id]
        if self.fails(0.2):
            return self.drop(phone)  # the connection broke before the frame was written
        posted.told.add(phone.number)
        gateway.gather.add(posted.order.id, SENT, None, phone.number)
        if self.fails(0.2):
            return self.drop(phone)  # and here before it arrived
        if posted.order.id not in phone.held:
            phone.held.append(posted.order.id)
        if not self.fails(0.3):
            gateway.gather.add(posted.order.id, RECEIVED, None, phone.number)

    def drop(self, phone: Phone) -> None:
        if phone.gateway is not None:
            phone.gateway.connected.discard(phone.number)
        phone.gateway = None

    def connect(self, phone: Phone | None = None) -> None:
        phone, gateway = phone or self.chance.choice(list(self.phones.values())), self.chance.choice(self.gateways)
        self.drop(phone)
        phone.gateway = gateway
        gateway.connected.add(phone.number)
        due, received = gateway.board.due_on_connect(phone.number, tuple(phone.held), NOW_MS)
        for posted in received:
            gateway.gather.add(posted.order.id, RECEIVED, None, phone.number)
        for posted in due:
            if phone.gateway is gateway:
                self.deliver(gateway, phone, posted)
        self.say(phone, phone.pending)

    def say(self, phone: Phone, given: set[tuple[bytes, int]]) -> None:
        for order, answer in sorted(given) if phone.gateway is not None else ():
            if order in phone.gateway.board.posted:
                phone.gateway.gather.add(order, ANSWERED, answer, phone.number)

    def touch(self) -> None:
        phone = self.chance.choice(list(self.phones.values()))
        shown = [self.book.orders[i] for i in phone.held if self.book.orders[i].answers]
        if shown:
            order = self.chance.choice(shown)
            given = order.id, self.chance.randrange(len(order.answers))
            phone.pending |= {given} - phone.counted
            self.say(phone, {given})

    def report(self) -> None:
        phone = self.chance.choice(list(self.phones.values()))
        if phone.held:
            order, ident = self.chance.choice(phone.held), make_id(len(self.reports) + 1)
            times_ms = [NOW_MS + n for n in range(self.chance.choice([1, 1, 3]))]
            self.reports[ident] = NOW_MS
            for at_ms in self.chance.sample(times_ms, len(times_ms)):
                message = Report(ident, order, phone.number, at_ms, "Road is cut.", None, None)
                self.streams[REPORT.name].store("fc.report.44.01.06.001", encode(message))
            self.stored[phone.number].add((order, REPORTED, None))

    def publish(self, gateway: Gateway | None = None) -> None:
        gateway = gateway or self.chance.choice(self.gateways)
        if gateway.gather:
            gateway.flying.append(gateway.gather.take())
        if not gateway.flying or self.fails(0.3):
            return
        batch = self.chance.choice(gateway.flying)
        self.streams[RECEIPT.name].store("fc.receipt.gw", encode(Receipts("gw", marks(batch))))
        for rung, numbers in batch.items():
            for number in numbers:
                self.stored[number].add(rung)
        if self.fails(0.3):
            return  # the reply is lost: it flies on and is stored again
        gateway.flying.remove(batch)
        for order, answer, numbers in answers(batch):
            for phone in (self.phones[number] for number in numbers & gateway.connected):
                phone.counted.add((order, answer))
                phone.pending.discard((order, answer))

    def gateway_dies(self) -> None:
        at = self.chance.randrange(len(self.gateways))
        for phone in self.phones.values():
            if phone.gateway is self.gateways[at]:
                self.drop(phone)
        self.gateways[at] = Gateway()
