"""The digest of any range of keys: a sum of the items' digests, the same in whatever order they came. Pure.

An item costs one addition when it changes, and the sums of the five kinds are always at hand. Sums of smaller ranges
are made when a peer's differ: the keys are sorted then, and cut into ranges about equally full, where an order or a
town begins if one does nearby. So the tree has the shape of what is held, and nobody has to agree on it beforehand.
"""

from __future__ import annotations

from bisect import bisect_left

from fusioncmd.exchange.items import Kind
from fusioncmd.exchange.varints import shared

SUM_BYTES = 8
NO_SUM = bytes(SUM_BYTES)
_MASK = (1 << SUM_BYTES * 8) - 1
_BLOCK_BYTES = 17  # kind and order id


class Index:
    """The digests of the items of one scope, by key. Items change and are added; none is ever taken away."""

    def __init__(self) -> None:
        self.digests: dict[bytes, int] = {}
        self._sums = dict.fromkeys(Kind, 0)
        self._sorted: list[bytes] = []
        self._new: list[bytes] = []

    def put(self, key: bytes, digest: int) -> None:
        before = self.digests.get(key)
        if before is None:
            self._new.append(key)
        self.digests[key] = digest
        self._sums[Kind(key[0])] += digest - (before or 0)

    def __len__(self) -> int:
        return len(self.digests)

    def kinds(self) -> list[bytes]:
        """The sum of each kind."""
        return [_pack(self._sums[kind]) for kind in Kind]

    def keys(self, low: bytes, high: bytes) -> list[bytes]:
        """Those from `low` on and below `high`, sorted."""
        if self._new:
            self._sorted += self._new
            self._sorted.sort()
            self._new = []
        return self._sorted[bisect_left(self._sorted, low) : bisect_left(self._sorted, high)]

    def sum(self, low: bytes, high: bytes) -> bytes:
        return self.sum_of(self.keys(low, high))

    def sum_of(self, keys: list[bytes]) -> bytes:
        return _pack(sum(map(self.digests.__getitem__, keys)))

    def mark(self, key: bytes) -> bytes:
        return mark_of(self.digests[key])


def mark_of(digest: int) -> bytes:
    """What stands for one item in a list, and names it while it comes in pieces."""
    return _pack(digest)


def bounds(kind: Kind) -> tuple[bytes, bytes]:
    return bytes((kind,)), bytes((kind + 1,))


def cuts(keys: list[bytes], low: bytes, high: bytes, parts: int) -> list[bytes]:
    """`low`, up to `parts` - 1 bounds between the sorted `keys`, and `high`."""
    found, reach = [low], max(1, len(keys) // (2 * parts))
    for part in range(1, parts):
        at = _border(keys, len(keys) * part // parts, reach)
        if 0 < at < len(keys):
            bound = keys[at][: shared(keys[at - 1], keys[at]) + 1]
            if bound > found[-1]:
                found.append(bound)
    return [*found, high]


def _border(keys: list[bytes], at: int, reach: int) -> int:
    """The nearest place where a block of keys begins, when one is within reach."""
    block = keys[at][:_BLOCK_BYTES]
    begins = bisect_left(keys, block)
    ends = bisect_left(keys, block + b"\xff" * 48)
    near = min((begins, ends), key=lambda place: abs(place - at))
    return near if abs(near - at) <= reach else at


def _pack(total: int) -> bytes:
    return (total & _MASK).to_bytes(SUM_BYTES, "big")
