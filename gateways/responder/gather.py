"""Receipts of a gateway process, gathered into one bitmap per order, stage and answer. Pure.

A bitmap is its own bound: a terminal that says the same a thousand times takes the room of one bit.
"""

from __future__ import annotations

from pyroaring import BitMap

from fusioncmd.messages import ANSWERED, Mark

MARKS_PER_BATCH_MAX = 64
Key = tuple[bytes, int, int | None]
Batch = dict[Key, BitMap]


class Gather:
    def __init__(self) -> None:
        self._open: Batch = {}

    def __bool__(self) -> bool:
        return bool(self._open)

    def add(self, order: bytes, stage: int, answer: int | None, number: int) -> None:
        key = (order, stage, answer)
        held = self._open.get(key)
        if held is None:
            held = self._open[key] = BitMap()
        held.add(number)

    def take(self) -> Batch:
        """What was gathered, at most MARKS_PER_BATCH_MAX marks of it."""
        if len(self._open) <= MARKS_PER_BATCH_MAX:
            batch, self._open = self._open, {}
            return batch
        keys = list(self._open)[:MARKS_PER_BATCH_MAX]
        return {key: self._open.pop(key) for key in keys}


def marks(batch: Batch) -> tuple[Mark, ...]:
    return tuple(Mark(order, stage, answer, numbers.serialize()) for (order, stage, answer), numbers in batch.items())


def answers(batch: Batch) -> list[tuple[bytes, int, BitMap]]:
    """What terminals have to be told once the batch is on disk: order, answer, who gave it."""
    return [
        (order, answer, numbers)
        for (order, stage, answer), numbers in batch.items()
        if stage == ANSWERED and answer is not None
    ]
