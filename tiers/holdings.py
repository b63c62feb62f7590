"""What a node holds, as the items of the exchange: made from ledger, roster and trust when they are asked for. Pure.

Nothing is kept twice: a container is cut out of the order's bitmaps (some 100 µs for a town of 500), an order is its
signed bytes with the node's statement of whom it means.
"""

from __future__ import annotations

from collections.abc import Iterator

from pyroaring import BitMap

from fusioncmd.exchange import evidence, items
from fusioncmd.exchange.evidence import Evidence
from fusioncmd.exchange.items import Family, Kind, Value
from fusioncmd.messages import Audience, encode
from fusioncmd.roster.directory import Roster
from fusioncmd.roster.numbers import block
from fusioncmd.trust.losses import Losses
from fusioncmd.trust.revocations import Revocations
from tiers.ledger import Ledger
from tiers.order_account import Account

TOWNS_NAME = b""  # there is one table


class Holdings:
    """`heads` are the signed heads of audits, by the code of their node: height and statement."""

    def __init__(self, roster: Roster, ledger: Ledger, revocations: Revocations, losses: Losses) -> None:
        self._roster, self._ledger, self._revocations, self.losses = roster, ledger, revocations, losses
        self.heads: dict[str, bytes] = {}
        self._ends: dict[bytes, bytes] = {}  # key of the item → revocation

    @property
    def towns(self) -> tuple[str, ...]:
        return self._roster.towns

    def towns_key(self) -> bytes:
        return items.statement_key(Family.TOWNS, self._roster.divisions.root.code, TOWNS_NAME)

    def held(self) -> Iterator[bytes]:
        if self._roster.table is not None:
            yield self.towns_key()
        yield from self.ends()
        yield from self.losses.held
        for code in self.heads:
            yield items.statement_key(Family.HEAD, code, b"")
        yield from map(items.roster_key, self._roster.slices)
        for ident, account in self._ledger.accounts.items():
            if is_whole(account):
                yield items.order_key(ident)
                yield from (items.container_key(ident, town) for town in self.towns_of(account))
                yield from (items.report_key(ident, r.number, r.id) for r in account.reports.values())

    def ends(self) -> dict[bytes, bytes]:
        """Every revocation that is known, by key."""
        known = self._revocations.statements
        if len(known) != len(self._ends):
            self._ends = {self.end_key(statement): statement for statement in known}
        return self._ends

    def end_key(self, statement: bytes) -> bytes:
        """`Untrusted` for one that proves nothing."""
        target, _, _ = self._revocations.read(statement)
        return items.statement_key(Family.REVOKED, target.leaf.path, items.name_of(statement))

    def towns_of(self, account: Account, numbers: BitMap | None = None) -> list[int]:
        """In which towns there is evidence, of these people or of any."""
        found = BitMap.union(*account.marks.rungs()) if numbers is None else numbers
        return [town for town in range(len(self.towns)) if found.range_cardinality(*block(town))] if found else []

    def get(self, key: bytes) -> Value | None:
        kind = items.kind_of(key)
        if kind is Kind.STATEMENT:
            return self._statement(key)
        if kind is Kind.ROSTER:
            return self._roster.slices.get(items.code_of(key))
        account = self._ledger.accounts.get(items.order_of(key))
        if account is None or not is_whole(account):
            return None
        if kind is Kind.ORDER:
            return order_value(account)
        if kind is Kind.CONTAINER:
            return container_of(account, items.town_of(key))
        report = account.reports.get(key[21:])
        return None if report is None or report.number != int.from_bytes(key[17:21], "big") else encode(report)

    def _towns(self) -> bytes | None:
        table = self._roster.table
        return None if table is None else table.edition.to_bytes(items.HEIGHT_BYTES, "big") + encode(table)

    def _statement(self, key: bytes) -> bytes | None:
        family, place, _ = items.statement_of(key)
        if family is Family.TOWNS:
            return self._towns() if key == self.towns_key() else None
        if family is Family.LOST:
            return self.losses.held.get(key)
        return self.heads.get(place) if family is Family.HEAD else self.ends().get(key)


def is_whole(account: Account) -> bool:
    """An order with its node's statement; one that an older version kept without is not given to others."""
    return account.order is not None and bool(account.statement)


def order_value(account: Account) -> bytes:
    assert account.order is not None
    numbers = b"" if account.audience is None else account.audience.serialize()
    return items.pack_order(account.sealed, encode(Audience(account.order.id, numbers, account.statement)))


def container_of(account: Account, town: int) -> Evidence | None:
    low, high = block(town)
    rungs = [slots_in(rung, low, high) for rung in account.marks.rungs()]
    found = evidence.reduced(rungs)
    return found if any(found) else None


def slots_in(numbers: BitMap, low: int, high: int) -> int:
    """The slots of a town as bits."""
    if not numbers.range_cardinality(low, high):
        return 0
    here = numbers & BitMap(range(low, high))
    packed = bytearray((here.max() - low) // 8 + 1)
    for number in here:
        slot = number - low
        packed[slot >> 3] |= 1 << (slot & 7)
    return int.from_bytes(packed, "little")


def numbers_in(slots: int, town: int) -> BitMap:
    """The people of a town whose bits are set."""
    low = block(town)[0]
    found = BitMap()
    while slots:
        bit = slots & -slots
        found.add(low + bit.bit_length() - 1)
        slots ^= bit
    return found
