"""The steps of a comparison: what to say when a peer's digest of a range is not one's own. Pure."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from fusioncmd.exchange import digests
from fusioncmd.exchange.digests import NO_SUM, SUM_BYTES, Index
from fusioncmd.exchange.items import KEY_BYTES_MAX, Kind
from fusioncmd.exchange.outbox import Item, List, Outbox, Sum, Want
from fusioncmd.exchange.pace import Pace
from fusioncmd.exchange.varints import malformed, unpack_keys
from fusioncmd.exchange.wire import Listing, Sums, Wanted

Range = tuple[bytes, bytes, bytes]  # from, to below, and the peer's sum


class Comparison:
    """`flying`: what is not said again, because it is on its way."""

    def __init__(self, index: Index, outbox: Outbox, pace: Pace, flying: Callable[[], set[bytes]] = set) -> None:
        self._index, self._outbox, self.pace, self._flying = index, outbox, pace, flying

    def differing(self, sums: bytes) -> list[Range]:
        """The kinds in which the peer holds something else."""
        theirs = _each(sums)
        if len(theirs) != len(Kind):
            raise malformed()
        mine = self._index.kinds()
        return [(*digests.bounds(k), t) for k, m, t in zip(Kind, mine, theirs, strict=True) if m != t]

    def differs(self, low: bytes, high: bytes, theirs: bytes) -> None:
        """The peer's sum of a range: say more of it, when it is not one's own."""
        keys = self._index.keys(low, high)
        if self._index.sum_of(keys) == theirs:
            return
        if keys and theirs == NO_SUM:
            self._say(keys)
        elif len(keys) <= self.pace.listed_max:  # of none, too: what has come when it is said is not asked for
            self._outbox.put(List(low, high))
        else:
            bounds = digests.cuts(keys, low, high, self.pace.parts)
            self._outbox.put(Sum(tuple(bounds)) if len(bounds) > 2 else List(low, high))

    def sums(self, said: Sums) -> None:
        bounds, sums = _bounds(said.bounds), _each(said.sums)
        if len(bounds) != len(sums) + 1:
            raise malformed()
        for low, high, theirs in zip(bounds, bounds[1:], sums, strict=False):
            self.differs(low, high, theirs)

    def listing(self, said: Listing) -> None:
        """All that the peer holds in a range: say what it lacks, say what differs and ask what it has beyond that, and
        want what is lacking here."""
        bounds = _bounds(said.bounds)
        keys, marks = unpack_keys(said.keys, KEY_BYTES_MAX), _each(said.marks)
        if len(bounds) != 2 or len(keys) != len(marks):
            raise malformed()
        theirs = dict(zip(keys, marks, strict=True))
        mine = self._index.keys(*bounds)
        self._say([key for key in mine if key not in theirs])
        for key in mine:
            if key in theirs and self._index.mark(key) != theirs[key]:
                self._outbox.put(Item(key, None, whole=True))
        lacking = tuple(key for key in keys if key not in self._index.digests)
        if lacking:
            self._outbox.put(Want(bounds[0], bounds[1], () if len(lacking) == len(keys) else lacking))

    def wanted(self, said: Wanted) -> None:
        if said.keys:
            self._say([key for key in unpack_keys(said.keys, KEY_BYTES_MAX) if key in self._index.digests])
            return
        bounds = _bounds(said.bounds)
        if len(bounds) != 2:
            raise malformed()
        self._say(self._index.keys(*bounds))

    def _say(self, keys: list[bytes]) -> None:
        flying = self._flying()
        for key in keys:
            if key not in flying:
                self._outbox.put(Item(key))


def _each(sums: bytes) -> list[bytes]:
    if len(sums) % SUM_BYTES:
        raise malformed()
    return [sums[at : at + SUM_BYTES] for at in range(0, len(sums), SUM_BYTES)]


def _bounds(packed: bytes) -> list[bytes]:
    """Keys, or beginnings of some, in rising order and all of one kind."""
    found = unpack_keys(packed, KEY_BYTES_MAX)
    if len(found) < 2 or not all(low < high for low, high in pairwise(found)):
        raise malformed()
    if not found[0] or found[0][0] not in set(Kind) or found[-1] > digests.bounds(Kind(found[0][0]))[1]:
        raise malformed()
    return found
