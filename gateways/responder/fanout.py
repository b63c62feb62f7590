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
        self._left = BitMap(numbers)
        self._unanswered = BitMap()
        self._progress_ms = now_ms
        self._window = min(limits.FANOUT_BURST, limits.FANOUT_UNANSWERED_MAX)
        self.done = False

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
        room = self._window - len(self._unanswered)
        if room <= 0:
            return BitMap()
        self._left -= told
        if here is not None:
            self._left &= here
        taken = self._left[:room]
        self._left -= taken
        self.done = not self._left
        if taken:
            self._unanswered |= taken
            self._progress_ms = now_ms
        return taken
