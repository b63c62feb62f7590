"""The count of one order: a bitmap per rung of the ladder, and what follows from them. Pure.

`Marks` is what evidence said, a union that is idempotent, commutative and associative: batches may be lost and sent
again, doubled, or come in any order, before or after the order itself. `View` is the same seen through the audience:
nobody outside it is counted, a rung implies those before it, and one person has one answer.
"""

from __future__ import annotations

from functools import cached_property

from pyroaring import BitMap

from fusioncmd import limits
from fusioncmd.api import Standing
from fusioncmd.errors import BadMessage
from fusioncmd.messages import ANSWERED, RECEIVED, REPORTED, SENT, Mark


class Marks:
    """Raw evidence about one order."""

    __slots__ = ("answers", "received", "reported", "sent", "version")

    def __init__(self) -> None:
        self.sent, self.received, self.reported = BitMap(), BitMap(), BitMap()
        self.answers = [BitMap() for _ in range(limits.ANSWERS_MAX)]
        self.version = 0

    def rung(self, stage: int, answer: int | None) -> BitMap:
        if stage == ANSWERED:
            assert answer is not None
            return self.answers[answer]
        return {SENT: self.sent, RECEIVED: self.received, REPORTED: self.reported}[stage]

    def fold(self, mark: Mark) -> None:
        self.fold_numbers(mark.stage, mark.answer, numbers_of(mark))

    def fold_numbers(self, stage: int, answer: int | None, numbers: BitMap) -> None:
        rung = self.rung(stage, answer)
        rung |= numbers
        self.version += 1

    def rungs(self) -> list[BitMap]:
        """In a fixed order, for files and exchange."""
        return [self.sent, self.received, self.reported, *self.answers]


class View:
    """`Marks` through an audience, at one moment; `reachable` are those with a live channel."""

    def __init__(self, marks: Marks, targeted: BitMap, reachable: BitMap) -> None:
        self._marks, self.targeted, self._reachable = marks, targeted, reachable

    @cached_property
    def by_answer(self) -> list[BitMap]:
        """Disjoint: whoever gave several answers counts under the one listed last (urgent ones stand last)."""
        taken = BitMap()
        counted: list[BitMap] = []
        for given in reversed(self._marks.answers):
            counted.append((given & self.targeted) - taken if given else BitMap())
            taken |= counted[-1]
        return counted[::-1]

    @cached_property
    def answered(self) -> BitMap:
        return BitMap.union(*self.by_answer)

    @cached_property
    def reported(self) -> BitMap:
        return self._marks.reported & self.targeted

    @cached_property
    def received(self) -> BitMap:
        return (self._marks.received & self.targeted) | self.answered | self.reported

    @cached_property
    def sent(self) -> BitMap:
        return (self._marks.sent & self.targeted) | self.received

    @cached_property
    def waiting(self) -> BitMap:
        """Meant, and no answer yet."""
        return self.targeted - self.answered

    @cached_property
    def unreachable(self) -> BitMap:
        """No answer, no sign that the device has the order, and no live channel now."""
        return self.waiting - self.received - self._reachable

    @cached_property
    def silent(self) -> BitMap:
        """No answer, although the device has the order or could have it."""
        return self.waiting - self.unreachable

    @property
    def outside(self) -> int:
        return len(self.strangers)

    @cached_property
    def strangers(self) -> BitMap:
        """People with evidence who are not in the audience: shown to the operator, never counted."""
        return BitMap.union(*self._marks.rungs()) - self.targeted

    def standing(self, standing: Standing, answer: int | None = None) -> BitMap:
        if answer is not None:
            return self.by_answer[answer]
        found: BitMap = getattr(self, standing)
        return found

    def stage_of(self, number: int) -> str:
        """The highest rung that this person reached, an answer before a report, or why none: shown beside a name."""
        for name in ("answered", "reported", "unreachable", "received", "sent"):
            if number in getattr(self, name):
                return name
        return "targeted"

    def answer_of(self, number: int) -> int | None:
        return next((i for i, given in enumerate(self.by_answer) if number in given), None)


def numbers_of(mark: Mark) -> BitMap:
    """Whom `mark` is about; `BadMessage` when it cannot be folded."""
    if mark.stage == ANSWERED and mark.answer is None:
        raise BadMessage("A mark of an answer names the answer.", "答复回执须指明答复项。")
    return bitmap_from(mark.numbers)


def bitmap_from(data: bytes) -> BitMap:
    """A portable Roaring bitmap from the wire; `BadMessage` for anything else."""
    try:
        return BitMap.deserialize(data)
    except (ValueError, IndexError, MemoryError):
        raise BadMessage("Not a Roaring bitmap.", "不是有效的 Roaring 位图。") from None
