"""What came and cannot be used yet: evidence of orders that have not come, and pieces of items. Pure and bounded.

Beyond a bound the oldest is dropped and counted; the peer still has it, and the next round of digests says so.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from fusioncmd.exchange import bounds
from fusioncmd.exchange.wire import Part, Plain, Towns


class Waiting:
    """By the order that is missing."""

    def __init__(self) -> None:
        self._held: OrderedDict[bytes, list[Plain | Towns]] = OrderedDict()
        self.held_bytes = 0
        self.shed = 0

    def hold(self, order: bytes, entry: Plain | Towns) -> None:
        waiting = self._held.setdefault(order, [])
        if entry in waiting:
            return
        waiting.append(entry)
        self.held_bytes += _size(entry)
        while self.held_bytes > bounds.WAITING_BYTES_MAX:
            self.shed += len(self.take(next(iter(self._held))))

    def take(self, order: bytes) -> list[Plain | Towns]:
        """What waited for this order, which waits no longer."""
        found = self._held.pop(order, [])
        self.held_bytes -= sum(map(_size, found))
        return found


def _size(entry: Plain | Towns) -> int:
    return len(entry.value if isinstance(entry, Plain) else entry.towns) + bounds.MESSAGE_BYTES_MIN


@dataclass(slots=True)
class _Whole:
    data: bytearray
    came: dict[int, int] = field(default_factory=dict)  # from → to
    left: int = 0


class Parts:
    def __init__(self) -> None:
        self._wholes: OrderedDict[tuple[bytes, int], _Whole] = OrderedDict()
        self._bytes = 0
        self.shed = 0

    def take(self, part: Part) -> bytes | None:
        """The whole, when this was the last piece of it. Pieces that overlap others by half are ignored."""
        end = part.at + len(part.piece)
        if end > part.length or not part.piece:
            return None
        name = part.item, part.length
        whole = self._wholes.get(name)
        if whole is None:
            whole = self._wholes[name] = _Whole(bytearray(part.length), left=part.length)
            self._bytes += part.length
            while self._bytes > bounds.PARTS_BYTES_MAX:
                self._bytes -= len(self._wholes.popitem(last=False)[1].data)
                self.shed += 1
        if whole.came.get(part.at) == end:
            return None
        if any(part.at < to and at < end for at, to in whole.came.items()):
            return None
        whole.came[part.at] = end
        whole.data[part.at : end] = part.piece
        whole.left -= len(part.piece)
        if whole.left:
            return None
        del self._wholes[name]
        self._bytes -= part.length
        return bytes(whole.data)

    def clear(self) -> None:
        self._wholes.clear()
        self._bytes = 0
