"""Who is still to be told that an answer counts, after it came to be on disk. Pure.

A bitmap per order and answer: what several batches confirm is told in one go, and the size has a bound. Confirmations
wait while orders go out, because whoever has no order yet comes before whoever has answered one.
"""

from __future__ import annotations

from pyroaring import BitMap


class Confirmations:
    def __init__(self) -> None:
        self._due: dict[tuple[bytes, int], BitMap] = {}  # order and answer → whom to tell, the oldest first

    def __bool__(self) -> bool:
        return bool(self._due)

    def add(self, order: bytes, answer: int, numbers: BitMap) -> None:
        if numbers:
            due = self._due.setdefault((order, answer), BitMap())
            due |= numbers

    def take(self, room: int) -> tuple[bytes, int, BitMap]:
        """An order, an answer, and at most `room` of those who gave it. There must be some."""
        (order, answer), due = next(iter(self._due.items()))
        taken = due[:room]
        due -= taken  # in place: a copy for a few of many thousands would cost more than to tell them
        if not due:
            del self._due[order, answer]
        return order, answer, taken
