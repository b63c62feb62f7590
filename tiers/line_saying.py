"""What a node has to say by the last line: to a node below, orders; to the one above, what became of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from fusioncmd import limits
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput
from fusioncmd.exchange import evidence
from fusioncmd.exchange.evidence import NOTHING
from fusioncmd.lastline import answer_maps, bounds, frames, order_codes, positions, reports, signed, twins
from fusioncmd.lastline.answer_maps import Section
from fusioncmd.lastline.frames import Kind, Window
from fusioncmd.lastline.schedule import Candidate
from fusioncmd.lastline.templates import Table
from fusioncmd.messages import Order
from fusioncmd.roster.directory import Roster
from fusioncmd.track.position import Track
from tiers.holdings import container_of
from tiers.ledger import Ledger

TOWN_DIGITS = 9
REPORTS_AT_ONCE = 512  # of an order, that are looked at: those that were written first


WRITTEN_MAX = 4_096  # codes of orders that are kept ready; shed: they are written anew


@dataclass(slots=True)
class Saying:
    """`unsayable`: why an order that is open cannot be said, by order."""

    node: Path
    roster: Roster
    ledger: Ledger
    table: Table
    unsayable: dict[bytes, BadInput] = field(default_factory=dict)
    _written: dict[tuple[bytes, str, int], Candidate] = field(default_factory=dict)

    def orders(self, now_ms: int) -> list[Order]:
        """What there may be to say of to nodes below; asked once for all of them."""
        book, oldest_ms = self.ledger.book, now_ms - limits.ORDER_OPEN_S_MAX * 1000
        found = [order for order in book.orders.values() if order.issued_ms > oldest_ms]
        found = [order for order in found if not twins.is_stand_in(order.id) and order.id not in book.fallen]
        still = {order.id for order in found if book.state(order, now_ms) == "open"}
        self.unsayable = {order: problem for order, problem in self.unsayable.items() if order in still}
        if len(self._written) > WRITTEN_MAX:
            self._written.clear()
        return found

    def below(self, orders: list[Order], peer: str, bits: int, since_ms: int, now_ms: int) -> Iterator[Candidate]:
        """To a node below: those of `orders` since then that mean somebody there, and the ends of others."""
        book, room = self.ledger.book, frames.room(bits)
        for order in orders:
            if order.issued_ms < since_ms:
                continue
            if order.refs is not None and now_ms < (before := book.alert(order)).expires_ms:
                for ended in book.chain(order)[1:]:
                    if order_codes.meant_at(before.audience, peer) is not None:
                        key = b"end" + twins.short_of(ended.id)
                        yield Candidate(peer, Kind.ORDER, key, 0, order_codes.write(order_codes.cancel_of(ended), peer))
            if order.msg_type != "cancel" and book.state(order, now_ms) == "open":
                written = self._written.get((order.id, peer, bits))
                if written is None and (written := self._order(order, peer, bits, room)) is not None:
                    self._written[order.id, peer, bits] = written
                if written is not None:
                    yield written

    def _order(self, order: Order, peer: str, bits: int, room: int) -> Candidate | None:
        if order_codes.meant_at(order.audience, peer) is None:
            return None
        key, grave = twins.short_of(order.id), 1 if order.status == "actual" else 2
        if bits > bounds.SHORT_BITS and (whole := signed.write(self.ledger.accounts[order.id].sealed, room)):
            return Candidate(peer, Kind.SIGNED, key, grave, whole)
        try:
            code = order_codes.code_of(order, peer, self.table, room)
        except BadInput as problem:
            self.unsayable[order.id] = problem
            return None
        return Candidate(peer, Kind.ORDER, key, grave, order_codes.write(code, peer))

    def above(self, peer: str, bits: int, now_ms: int) -> Iterator[Candidate]:
        """To the node above: who received and answered its orders that are open, and what people wrote about them."""
        told: dict[bytes, list[Order]] = {}
        for order in self.ledger.book.deliverable(now_ms):
            if twins.is_stand_in(order.id) or not order.node.startswith(self.node.code):
                told.setdefault(twins.short_of(order.id), []).append(order)
        for short, orders in told.items():
            grave = 1 if orders[0].status == "actual" else 2
            for sections, said in answer_maps.pack(short, self.sections(orders), frames.room(bits)):
                key = short + sections[0].low.to_bytes(2, "big") + (sections[0].town or 0).to_bytes(2, "big")
                received = not any(sections[0].value[evidence.REPORTED_AT :])
                yield Candidate(peer, Kind.ANSWERS, key + bytes((received,)), grave, said)
        for order in (order for orders in told.values() for order in orders):
            held = sorted(self.ledger.accounts[order.id].reports.values(), key=lambda report: report.at_ms)
            for report in islice(held, REPORTS_AT_ONCE):
                said = reports.write(report, frames.room(bits))
                yield Candidate(peer, Kind.REPORT, report.id, 1 if order.status == "actual" else 2, said)

    def positions(self, peer: str, bits: int, tracks: Iterable[Track]) -> Iterator[Candidate]:
        """To the node above: where the units of this place are."""
        for address, said in positions.pack(tracks, self.node.code, frames.room(bits)):
            yield Candidate(peer, Kind.POSITIONS, address.encode(), 0, said, bounds.POSITIONS_S)

    def sections(self, orders: list[Order]) -> Iterator[Section]:
        """What is known here of an order, and of the one that it stands in for: town by town."""
        own_town = self.node.code[:TOWN_DIGITS]
        for town, code in enumerate(self.roster.towns):
            if not (code.startswith(self.node.code) or code == own_town):
                continue
            value = NOTHING
            for order in orders:
                value = evidence.join(value, container_of(self.ledger.accounts[order.id], town) or NOTHING)
            if everyone := evidence.everyone(value):
                low = (everyone & -everyone).bit_length() - 1
                width = everyone.bit_length() - low
                number = None if code == own_town else town
                yield Section(number, self.roster.edition(code), low, width, value)


def heard(peer: str, window: Window) -> Candidate:
    """To say that the other end's messages came."""
    return Candidate(peer, Kind.HEARD, b"heard", 0, frames.write_heard(window))
