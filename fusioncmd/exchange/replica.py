"""What a node implements to take part in an exchange, and its twin in memory. Pure.

A replica holds items, merges what comes, and tells whoever watches what changed: every link of the node watches, so
what came by one goes on by the others. It believes an order only when its judge does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from pyroaring import BitMap

from fusioncmd.errors import BadMessage
from fusioncmd.exchange import evidence, items, merging, scope
from fusioncmd.exchange.evidence import NOTHING, Evidence
from fusioncmd.exchange.items import Family, Kind, OrderValue, Value
from fusioncmd.messages import Audience, Order, TownTable, decode
from fusioncmd.orders import Book
from fusioncmd.roster.numbers import block, grows_from
from fusioncmd.tally import bitmap_from
from fusioncmd.trust import seals

OrderJudge = Callable[[OrderValue, Mapping[bytes, Order]], Order]
"""Gives the order, or raises `Untrusted`; the mapping is of the orders that are known."""
StatementJudge = Callable[[Family, str, bytes], None]
"""Raises `Untrusted` for a statement (family, place, bytes) that is not to be believed."""
Source = object
"""Whoever a change came from: it is not told of it."""


@dataclass(frozen=True, slots=True)
class Change:
    """`said`: of a container, what is new."""

    key: bytes
    digest: int
    places: tuple[str, ...]
    said: Evidence | None
    source: Source


class Replica(Protocol):
    def held(self) -> Iterable[bytes]: ...

    def get(self, key: bytes) -> Value | None: ...

    def digest(self, key: bytes) -> int: ...

    def places(self, key: bytes, value: bytes | None = None) -> tuple[str, ...]:
        """Which places an item concerns; of an order that is not held, as `value` claims. `BadInput` for no item."""

    def missing(self, key: bytes, value: bytes | None = None) -> bytes | None:
        """The order without which this item cannot be taken yet."""

    def audience(self, order: bytes, town: int) -> tuple[int, int] | None:
        """Of a known order: a check of 32 bits that differs where the audience does, and whom it means in the town."""

    def put(self, key: bytes, value: Value, source: Source = None) -> bool:
        """Merges; True when it changed anything. `BadInput` and `Untrusted` for what is not taken."""

    def watch(self, tell: Callable[[Change], None]) -> None: ...


def places_in(book: Book, towns: tuple[str, ...], key: bytes, value: bytes | None) -> tuple[str, ...]:
    """`Replica.places`, for who knows the orders of `book`."""
    if items.kind_of(key) is not Kind.ORDER:
        return scope.places_of(key, towns)
    return _order_at(book, key, value).audience.nodes


def missing_in(book: Book, key: bytes, value: bytes | None) -> bytes | None:
    """`Replica.missing`, for who knows the orders of `book`."""
    kind = items.kind_of(key)
    if kind is Kind.ORDER:
        root = _order_at(book, key, value).root
        return None if root is None or root in book.orders else root
    if kind in (Kind.CONTAINER, Kind.REPORT) and items.order_of(key) not in book.orders:
        return items.order_of(key)
    return None


def _order_at(book: Book, key: bytes, value: bytes | None) -> Order:
    known = book.orders.get(items.order_of(key))
    if known is not None and value is None:
        return known
    claimed = seals.claimed(items.order_value(value or b"").sealed)[0]
    if claimed.id != items.order_of(key):
        raise BadMessage("An order of another id than its key.", "指令编号与其键不符。")
    return claimed


class MemoryReplica:
    def __init__(self, judge: OrderJudge, believe: StatementJudge, towns: tuple[str, ...] = ()) -> None:
        self._judge, self._believe = judge, believe
        self.towns = towns
        self.book = Book()
        self._values: dict[bytes, Value] = {}
        self._digests: dict[bytes, int] = {}
        self._meant: dict[bytes, BitMap] = {}
        self._watching: list[Callable[[Change], None]] = []

    def held(self) -> Iterable[bytes]:
        return self._values.keys()

    def get(self, key: bytes) -> Value | None:
        return self._values.get(key)

    def digest(self, key: bytes) -> int:
        return self._digests[key]

    def watch(self, tell: Callable[[Change], None]) -> None:
        self._watching.append(tell)

    def places(self, key: bytes, value: bytes | None = None) -> tuple[str, ...]:
        return places_in(self.book, self.towns, key, value)

    def missing(self, key: bytes, value: bytes | None = None) -> bytes | None:
        return missing_in(self.book, key, value)

    def audience(self, order: bytes, town: int) -> tuple[int, int] | None:
        known = self.book.orders.get(order)
        if known is None:
            return None
        alert = self.book.alert(known).id
        if alert not in self._meant:
            return None
        low, high = block(town)
        slots = 0
        for number in self._meant[alert] & BitMap(range(low, high)):
            slots |= 1 << (number - low)
        return self._digests[items.order_key(alert)] & 0xFFFFFFFF, slots

    def put(self, key: bytes, value: Value, source: Source = None) -> bool:
        if isinstance(value, tuple):
            before = self._values.get(key, NOTHING)
            assert isinstance(before, tuple)
            said = evidence.minus(value, before)
            return any(said) and self._store(key, evidence.join(before, said), said, source)
        held = self._values.get(key)
        if held == value:
            return False
        merging.check(key, value)
        if held is not None and not merging.stands(key, held, value):  # type: ignore[arg-type]
            return False
        self._take(key, value)
        return self._store(key, value, None, source)

    def _take(self, key: bytes, value: bytes) -> None:
        """What an order or a statement means here, when it is believed."""
        kind = items.kind_of(key)
        if kind is Kind.ORDER:
            packed = items.order_value(value)
            known = {i: order for i, order in self.book.orders.items() if i != items.order_of(key)}
            order = self._judge(packed, known)
            self.book.check_follows(order)
            if order.msg_type == "alert":
                self._meant[order.id] = bitmap_from(decode(Audience, packed.audience).numbers)
            self.book.add(order)
        elif kind is Kind.STATEMENT:
            family, place, _ = items.statement_of(key)
            self._believe(family, place, value)
            if family is Family.TOWNS:
                towns = decode(TownTable, value[items.HEIGHT_BYTES :]).towns
                if not grows_from(self.towns, towns):
                    raise BadMessage("Town numbers that change.", "乡镇编号不得更改。")
                self.towns = towns

    def _store(self, key: bytes, value: Value, said: Evidence | None, source: Source) -> bool:
        self._values[key] = value
        digest = self._digests[key] = items.digest(key, value)
        change = Change(key, digest, self.places(key), said, source)
        for tell in self._watching:
            tell(change)
        return True
