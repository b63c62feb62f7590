"""How an item of the exchange lies in a node's own streams, once it is believed. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from fusioncmd import ids, subjects
from fusioncmd.audit import heads
from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage
from fusioncmd.exchange import belief, items
from fusioncmd.exchange.items import Family, Kind
from fusioncmd.messages import Report, TownTable, decode
from fusioncmd.orders import address
from fusioncmd.roster.directory import Roster
from fusioncmd.roster.numbers import grows_from, town_of
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.losses import key_of
from fusioncmd.trust.revocations import digest_of
from tiers.holdings import TOWNS_NAME, Holdings
from tiers.ledger import Ledger

HEAD_NAME = b""  # a node has one audit


class Placing:
    """By what this node knows: its roster's numbers, its ledger's orders, and whom `judge` believes."""

    def __init__(self, roster: Roster, ledger: Ledger, judge: Judge, holdings: Holdings) -> None:
        self._roster, self._ledger, self._judge, self.holdings = roster, ledger, judge, holdings
        self._believe_order = belief.by(judge)

    def messages(self, kind: Kind, key: bytes, value: bytes) -> Iterable[tuple[str, bytes]]:
        """How an item lies in this node's streams; `Untrusted` or `BadMessage` for one that is not to be believed."""
        if kind is Kind.ORDER:
            packed = items.order_value(value)
            order = self._believe_order(packed, self._ledger.book.orders)
            self._ledger.book.check_follows(order)
            text = ids.to_text(order.id)
            return (subjects.audience(text), packed.audience), (subjects.call(address(order.audience)), packed.sealed)
        if kind is Kind.ROSTER:
            return ((subjects.roster(Path(items.code_of(key))), value),)
        if kind is Kind.REPORT:
            report = decode(Report, value)
            return ((subjects.report(Path(self._roster.towns[town_of(report.number)])), value),)
        return (self._statement(key, value),)

    def _statement(self, key: bytes, value: bytes) -> tuple[str, bytes]:
        family, place, name = items.statement_of(key)
        said = value[items.HEIGHT_BYTES :]
        if family is Family.REVOKED and key == self.holdings.end_key(value):
            target, _, _ = self._judge.revocations.read(value)
            return subjects.revocation(target.name, digest_of(value)), value
        if family is Family.LOST:
            missing = self.holdings.losses.read(value)
            self.holdings.losses.check_room()
            town = self._roster.towns[town_of(missing.number) : town_of(missing.number) + 1]
            if key == key_of(missing, value) and town == (missing.town,):
                return subjects.missing(Path(missing.town), missing.number, name), value
        if family is Family.HEAD and name == HEAD_NAME:
            head = heads.written_by(said, place, self._judge.anchors)
            if head.pages == items.height_of(value):
                return subjects.audit_head(Path(place)), said
        root = self._roster.divisions.root
        if family is Family.TOWNS and (place, name) == (root.code, TOWNS_NAME):
            table = decode(TownTable, said)
            if table.edition == items.height_of(value) and grows_from(self._roster.towns, table.towns):
                return subjects.roster(root), said
            raise BadMessage("Town numbers that change.", "乡镇编号不得更改。")
        raise BadMessage("A statement that no node makes.", "不是任何节点会作出的声明。")
