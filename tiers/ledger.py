"""The ledger: everything a node knows of its orders, folded from the streams. Pure: messages in, views out.

Each fold is a union, so replaying a stream from any earlier place gives the same ledger. `dirty` names the orders
that changed since they were last written to disk.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from pyroaring import BitMap

from fusioncmd import ids, limits, subjects
from fusioncmd.bus.port import CALL, RECEIPT, REPORT, Stored
from fusioncmd.canary import number_of
from fusioncmd.course import WHOLE, Counts, Gauge
from fusioncmd.messages import REPORTED, SENT, Audience, Order, Receipts, Report, decode, encode
from fusioncmd.orders import Book
from fusioncmd.tally import View, bitmap_from, numbers_of
from fusioncmd.trust.judge import AUDIENCES_HELD_MAX, Judge
from fusioncmd.trust.seals import Before, check_second
from tiers.order_account import Account, News

NUMBERS_MAX = limits.TOWNS_MAX * limits.SLOTS_PER_TOWN_MAX
VIEWS_MAX = 16  # of orders that are being watched; shed, and made again when asked for
UNKNOWN_ORDERS_MAX = 1_000  # receipts may come before their order, but not for ever


class Ledger:
    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.book = Book()
        self.accounts: dict[bytes, Account] = {}
        self.handled = {CALL.name: 0, RECEIPT.name: 0, REPORT.name: 0}
        self.dirty: set[bytes] = set()
        self.shed = 0
        self.keep_from: dict[str, int] = {}  # stream → the first message in it that stands nowhere else
        self.news: News | None = None  # while somebody hears it
        self.canary_answered: Callable[[str, int], None] = lambda gateway, number: None
        self.gauge: Gauge = WHOLE
        self._counts: dict[bytes, tuple[tuple[int, ...], int, int]] = {}
        self._views: OrderedDict[bytes, tuple[tuple[int, ...], BitMap, View]] = OrderedDict()

    def fold_call(self, stored: Stored) -> Order | None:
        """An audience or an order; the order when it is one that was not known. `Untrusted` for one that proves
        nothing, and nothing is changed."""
        self.handled[CALL.name] = max(stored.seq, self.handled[CALL.name])
        if stored.subject.startswith(subjects.AUDIENCE_ALL[:-1]):
            self._hear_audience(decode(Audience, stored.data))
            return None
        judged = self._judge.order(stored, self.book.orders, self._said_of)
        if judged is None:
            return None
        order = judged.order
        audience = bitmap_from(judged.numbers) if order.msg_type == "alert" else None
        self.book.check_follows(order)
        meant, before = self.meant_by_alert(order) if audience is None else audience, self.before(order)
        check_second(order, judged.authors, len(meant), before, limits.SECOND_PERSON_PEOPLE_MAX)
        self.book.add(order)
        if judged.fallen:
            self.book.fallen.add(order.id)
        account = self._account(order.id)
        account.order, account.sealed, account.accepted_ms = order, stored.data, judged.accepted_ms
        account.statement, account.audience, account.said = judged.statement, audience, []
        account.course.begin(order.issued_ms)
        self.dirty.add(order.id)
        if self.news is not None:
            self.news.orders.append(order.id)
        return order

    def before(self, order: Order) -> Before | None:
        """What an update replaces, where that is known."""
        account = self.accounts.get(order.refs or b"")
        if account is None or account.order is None:
            return None
        return Before(account.order, self._judge.authors(account.sealed))

    def meant_by_alert(self, order: Order) -> BitMap:
        """Whom the alert meant that an update or cancel goes back to."""
        account = self.accounts.get(self.book.alert(order).id)
        return BitMap() if account is None or account.audience is None else account.audience

    def rejudge(self) -> list[Order]:
        """After a revocation: the orders that have fallen now. What people said of them stays."""
        fell = []
        for order in self.book.orders.values():
            account = self.accounts[order.id]
            at_ms = max(order.issued_ms, account.accepted_ms)
            grounds = self._judge.grounds(account.sealed, account.statement)
            if order.id not in self.book.fallen and self._judge.has_ended(grounds, at_ms):
                fell.append(order)
        self.book.fallen |= {order.id for order in fell}
        return fell

    def _hear_audience(self, audience: Audience) -> None:
        account = self._account(audience.order)
        if account.order is None and audience not in account.said:
            account.said.append(audience)
            del account.said[:-AUDIENCES_HELD_MAX]
            self.dirty.add(audience.order)

    def _said_of(self, ident: bytes) -> list[Audience]:
        account = self.accounts.get(ident)
        return [] if account is None else account.said

    def fold_receipts(self, stored: Stored) -> None:
        self.handled[RECEIPT.name] = max(stored.seq, self.handled[RECEIPT.name])
        marks = decode(Receipts, stored.data).marks
        for mark, numbers in [(mark, numbers_of(mark)) for mark in marks]:  # a batch is folded whole or not at all
            if (canary := number_of(mark.order)) is not None:
                self.canary_answered(stored.subject.rpartition(".")[2], canary)
            elif (account := self._admitted(mark.order, RECEIPT.name, stored.seq)) is not None:
                if mark.stage != SENT:
                    self._date(account, stored.at_ms)
                account.marks.fold_numbers(mark.stage, mark.answer, numbers)
                self._told(mark.order, numbers)

    def _date(self, account: Account, at_ms: int) -> None:
        """Before evidence of then is folded: where it begins a step of the course, the one before ends."""
        course = account.course
        if at_ms >= course.due_ms and account.order is not None:
            course.close(self.gauge.places, self.course_counts(account.order), at_ms)
        course.last_ms = max(course.last_ms, at_ms)

    def course_counts(self, order: Order) -> Counts:
        """Who received and who answered, now and by place; of reports nothing: another stream has them."""
        marks, targeted = self.accounts[order.id].marks, self.targeted(order)
        answered = BitMap.union(*marks.answers) & targeted
        return self.gauge.count((marks.received & targeted) | answered), self.gauge.count(answered)

    def fold_evidence(self, ident: bytes, rungs: Iterable[BitMap]) -> None:
        """Of an order that is known: what another node knows, by `Marks.rungs`."""
        self._date(self.accounts[ident], self._judge.now_ms)
        marks = self.accounts[ident].marks
        for held, numbers in zip(marks.rungs(), rungs, strict=True):
            held |= numbers
        marks.version += 1
        self.dirty.add(ident)

    def _told(self, ident: bytes, numbers: BitMap) -> None:
        self.dirty.add(ident)
        if self.news is not None:
            self.news.evidence.setdefault(ident, BitMap()).update(numbers)

    def fold_report(self, stored: Stored) -> None:
        self.handled[REPORT.name] = max(stored.seq, self.handled[REPORT.name])
        report = decode(Report, stored.data)
        account = self._admitted(report.order, REPORT.name, stored.seq)
        if account is None:
            return
        account.marks.fold_numbers(REPORTED, None, BitMap([report.number]))
        self._told(report.order, BitMap([report.number]))
        if self.news is not None:
            self.news.reports.append(report)
        held = account.reports.get(report.id)
        if held is not None:  # sent again after a lost reply: the earliest stands, whichever comes first
            account.reports[report.id] = min(held, report, key=lambda r: (r.at_ms, encode(r)))
        elif len(account.reports) < limits.REPORTS_PER_ORDER_MAX:
            account.reports[report.id] = report
        else:
            self.shed += 1
            self.keep(REPORT.name, stored.seq)

    def targeted(self, order: Order) -> BitMap:
        """Who is meant: of an update, all that the alert meant; of a cancel, those who were told of what it ends."""
        alert = self.accounts[self.book.alert(order).id]
        audience = alert.audience if alert.audience is not None else BitMap()
        if order.msg_type != "cancel":
            return audience
        told = BitMap()
        for before in self.book.chain(order)[1:]:
            view = self.view(before, BitMap())
            told |= view.sent
        return told & audience

    def view(self, order: Order, reachable: BitMap) -> View:
        """The order's counts now; the same object while nothing changed."""
        marks, state = self.accounts[order.id].marks, self._state(order)
        known = self._views.get(order.id)
        if known is not None and known[0] == state and known[1] is reachable:
            return known[2]
        view = View(marks, self.targeted(order), reachable)
        if reachable:
            self._views[order.id] = (state, reachable, view)
            self._views.move_to_end(order.id)
            if len(self._views) > VIEWS_MAX:
                self._views.popitem(last=False)
        return view

    def counts(self, order: Order) -> tuple[int, int]:
        """How many are meant, and how many of them answered."""
        state = self._state(order)
        known = self._counts.get(order.id)
        if known is None or known[0] != state:
            view = View(self.accounts[order.id].marks, self.targeted(order), BitMap())
            known = self._counts[order.id] = (state, len(view.targeted), len(view.answered))
        return known[1:]

    def _state(self, order: Order) -> tuple[int, ...]:
        """What everything that is counted of `order` follows from."""
        accounts = [self.accounts[o.id] for o in self.book.chain(order)]
        alert = self.accounts[self.book.alert(order).id]
        return (alert.audience is not None, *(account.marks.version for account in accounts))

    def keep(self, stream: str, seq: int) -> None:
        """The message was not folded: the stream must not forget it."""
        self.keep_from.setdefault(stream, seq)

    def restore(self, ident: bytes, account: Account) -> None:
        """Take up what a snapshot file held."""
        self.accounts[ident] = account
        if account.order is not None:
            self.book.add(account.order)

    def _account(self, ident: bytes) -> Account:
        return self.accounts.setdefault(ident, Account())

    def _admitted(self, ident: bytes, stream: str, seq: int) -> Account | None:
        """The account that evidence belongs to; None, counted, when too many orders are unknown."""
        if ident not in self.accounts and len(self.accounts) - len(self.book.orders) >= UNKNOWN_ORDERS_MAX:
            self.shed += 1
            self.keep(stream, seq)
            return None
        return self._account(ident)

    def __repr__(self) -> str:
        return f"<Ledger {[ids.to_text(i) for i in self.book.orders]}>"
