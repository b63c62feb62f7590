"""Receipts of a gateway process, gathered into one bitmap per order, stage and answer. Pure.

A bitmap is its own bound: a terminal that says the same a thousand times takes the room of one bit.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from pyroaring import BitMap

from fusioncmd import limits
from fusioncmd.canary import ident_of
from fusioncmd.messages import ANSWERED, Mark

MARKS_PER_BATCH_MAX = 64
MARK_BYTES = 64  # of a mark beside its numbers
Key = tuple[bytes, int, int | None]
Batch = dict[Key, BitMap]


class Gather:
    def __init__(self) -> None:
        self._open: Batch = {}
        self._canary = 0  # that was answered last

    def __bool__(self) -> bool:
        return bool(self._open)

    def add(self, order: bytes, stage: int, answer: int | None, number: int) -> None:
        self.add_all(order, stage, answer, (number,))

    def add_all(self, order: bytes, stage: int, answer: int | None, numbers: Iterable[int]) -> None:
        held = self._open.setdefault((order, stage, answer), BitMap())
        held.update(numbers)

    def answer_canary(self, number: int) -> None:
        """As a person's answer goes, but for the person. One that was not stored yet is said no more."""
        self._open.pop((ident_of(self._canary), ANSWERED, 0), None)
        self._canary = number
        self.add_all(ident_of(number), ANSWERED, 0, ())

    def take(self) -> Batch:
        """What was gathered, at most MARKS_PER_BATCH_MAX marks of it, and no more than one message may hold."""
        batch: Batch = {}
        room = limits.RECEIPTS_BYTES_MAX - 1024
        for key in list(islice(self._open, MARKS_PER_BATCH_MAX)):
            room -= _bytes_max(self._open[key])
            if batch and room < 0:
                break
            batch[key] = self._open.pop(key)
        return batch


def _bytes_max(numbers: BitMap) -> int:
    """What a mark takes at most: two bytes a number, and twelve for each town (the Roaring format specification)."""
    if not numbers:
        return MARK_BYTES
    towns = (numbers.max() >> 16) - (numbers.min() >> 16) + 1
    return 2 * len(numbers) + 12 * min(len(numbers), towns) + MARK_BYTES


def marks(batch: Batch) -> tuple[Mark, ...]:
    return tuple(Mark(order, stage, answer, numbers.serialize()) for (order, stage, answer), numbers in batch.items())


def answers(batch: Batch) -> list[tuple[bytes, int, BitMap]]:
    """What terminals have to be told once the batch is on disk: order, answer, who gave it."""
    return [
        (order, answer, numbers)
        for (order, stage, answer), numbers in batch.items()
        if stage == ANSWERED and answer is not None
    ]
