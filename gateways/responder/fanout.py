"""In which order and how fast one order goes to its people through one gateway process. Pure; time is an argument.

All at once overruns the kernel's TCP memory and costs retransmissions. So: a burst, and from the first that comes back
on, while fewer than a window of deliveries are unanswered; and when nothing comes back for a while, on regardless,
because the slow never delay the rest.
"""

from __future__ import annotations

from pyroaring import AbstractBitMap, BitMap, FrozenBitMap

from fusioncmd import limits

NOBODY = FrozenBitMap()


class Fanout:
    def __init__(self, numbers: BitMap, now_ms: float) -> None:
        self._numbers = numbers.to_array()
        self._next = 0  # index into it
        self._unanswered = BitMap()
        self._progress_ms = now_ms
        self._window = min(limits.FANOUT_BURST, limits.FANOUT_UNANSWERED_MAX)

    @property
    def done(self) -> bool:
        return self._next == len(self._numbers)

    def answered(self, numbers: BitMap, now_ms: float) -> None:
        """These, of whom some were sent the order by this fan-out, have received it."""
        self._unanswered -= numbers
        self._progress_ms = now_ms
        self._window = limits.FANOUT_UNANSWERED_MAX

    def awaits(self, now_ms: float) -> bool:
        """Whether many were sent the order a moment ago, and have not said yet that they received it."""
        recent = 0 <= now_ms - self._progress_ms < limits.AWAITED_MS_MAX
        return recent and len(self._unanswered) >= limits.AWAITED_MIN

    def take(self, now_ms: float, here: AbstractBitMap | None = None, told: AbstractBitMap = NOBODY) -> BitMap:
        """The next people to send to, now; nobody means wait (or `done`).

        Whoever is not `here` any more, or was `told` otherwise, is passed over: nothing would come back from them.
        """
        if self._unanswered and not 0 <= now_ms - self._progress_ms < limits.FANOUT_ESCAPE_MS:  # or set back
            self._unanswered.clear()
            self._window = limits.FANOUT_UNANSWERED_MAX
        taken, room = BitMap(), self._window - len(self._unanswered)
        while room > len(taken) and not self.done:
            taken |= self._following(room - len(taken), here, told)
        if taken:
            self._unanswered |= taken
            self._progress_ms = now_ms
        return taken

    def _following(self, room: int, here: AbstractBitMap | None, told: AbstractBitMap) -> BitMap:
        """So many who come next, or are left, without those passed over. A few at a time: what is reckoned with
        everybody who is left, each time a few more may be sent to, costs more than to send."""
        numbers = BitMap(self._numbers[self._next : self._next + room])
        self._next += len(numbers)
        numbers -= told
        if here is not None:
            numbers &= here
        return numbers
