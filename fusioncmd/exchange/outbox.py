"""What is to be said to one peer, each thing once, the most urgent first. Pure.

Work says *what* to tell, not the bytes: those are made when a message has room, from what is true by then. So a
container that changes a thousand times while a link is slow waits as one piece of work, and what was lost is simply put
back. Statements come before orders, orders before containers, then rosters, then reports.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from fusioncmd.exchange import evidence, items
from fusioncmd.exchange.evidence import Evidence
from fusioncmd.exchange.items import Kind


@dataclass(frozen=True, slots=True)
class Open:
    how: int


@dataclass(frozen=True, slots=True)
class Sum:
    """The sums of the ranges between these bounds."""

    bounds: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class List:
    low: bytes
    high: bytes


@dataclass(frozen=True, slots=True)
class Want:
    """Everything from `low` to below `high`; with `keys`, only those."""

    low: bytes
    high: bytes
    keys: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """`said`: only this of a container, else the whole value as it is then; `whole` asks what the peer has beyond."""

    key: bytes
    said: Evidence | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes `at` to `end` of an item that is longer than a message, if it still is what has the `mark`."""

    key: bytes
    mark: bytes
    at: int
    end: int


Work = Open | Sum | List | Want | Item | Piece
_OPENING_RANK = 0
_SAID, _PIECES, _ITEMS = range(3)  # of each kind: digests first, and what is begun before what is not
_BULK_KINDS = (Kind.ROSTER, Kind.REPORT)
_BULK_RANKS = frozenset(3 * kind + part for kind in _BULK_KINDS for part in (_PIECES, _ITEMS))


class Outbox:
    def __init__(self) -> None:
        self._ranks: list[OrderedDict[object, Work]] = [OrderedDict() for _ in range(3 * (max(Kind) + 1))]
        self._towns: OrderedDict[bytes, dict[int, Item]] = OrderedDict()  # by order: containers that share a message

    def __bool__(self) -> bool:
        return bool(self._towns) or any(self._ranks)

    def __len__(self) -> int:
        return sum(map(len, self._ranks)) + sum(map(len, self._towns.values()))

    def put(self, work: Work) -> None:
        if isinstance(work, Item) and work.key[0] == Kind.CONTAINER:
            towns = self._towns.setdefault(items.order_of(work.key), {})
            town = items.town_of(work.key)
            towns[town] = _both(towns[town], work) if town in towns else work
        else:
            rank, ident = _place(work)
            self._ranks[rank][ident] = work

    def drop(self, work: Work) -> None:
        """It is in a message now."""
        if isinstance(work, Item) and work.key[0] == Kind.CONTAINER:
            order = items.order_of(work.key)
            if (towns := self._towns.get(order)) is not None:
                towns.pop(items.town_of(work.key), None)
                if not towns:
                    del self._towns[order]
        else:
            rank, ident = _place(work)
            self._ranks[rank].pop(ident, None)

    def next(self, bulk: bool | None = None) -> Work | None:
        """The most urgent; of containers, any of the order whose turn it is. `bulk`: only rosters and reports
        themselves, or only all else."""
        for rank, waiting in enumerate(self._ranks):
            if bulk is not None and bulk != (rank in _BULK_RANKS):
                continue
            if rank == 3 * Kind.CONTAINER + _ITEMS and self._towns:
                return next(iter(next(iter(self._towns.values())).values()))
            if waiting:
                return next(iter(waiting.values()))
        return None

    def towns(self, order: bytes) -> Iterator[tuple[int, Item]]:
        """The containers of one order that wait, by town."""
        yield from sorted(self._towns.get(order, {}).items())

    def told(self, key: bytes, value: Evidence | None) -> None:
        """The peer just said this itself: of a container `value`, of anything else what is held here."""
        if value is None:
            self.drop(Item(key))
            return
        towns = self._towns.get(items.order_of(key), {})
        waiting = towns.get(items.town_of(key))
        if waiting is not None and waiting.said is not None:
            left = evidence.minus(waiting.said, value)
            self.drop(waiting)
            if any(left):
                self.put(Item(key, left))

    def clear(self) -> None:
        for waiting in self._ranks:
            waiting.clear()
        self._towns.clear()


def _both(one: Item, other: Item) -> Item:
    if one.said is None or other.said is None:
        return Item(one.key, None, one.whole or other.whole)
    return Item(one.key, evidence.join(one.said, other.said))


def _place(work: Work) -> tuple[int, object]:
    match work:
        case Open():
            return _OPENING_RANK, work.how
        case Sum():
            return 3 * work.bounds[0][0] + _SAID, (work.bounds[0], work.bounds[-1])
        case List():
            return 3 * work.low[0] + _SAID, (work.low, work.high, None)
        case Want():
            return 3 * work.low[0] + _SAID, work
        case Item():
            return 3 * work.key[0] + _ITEMS, work.key
        case Piece():
            return 3 * work.key[0] + _PIECES, (work.key, work.at)
