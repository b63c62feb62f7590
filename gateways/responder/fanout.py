"""In which order and how fast one order goes to its people through one gateway process. Pure; time is an argument.

All at once overruns the kernel's TCP memory and costs retransmissions. So: a burst, and from the first that comes back
on, while fewer than a window of deliveries are unanswered; and when nothing comes back for a while, on regardless,
because the slow never delay the rest.
"""

from __future__ import annotations

from itertools import islice
from typing import Protocol

from pyroaring import BitMap

from fusioncmd import limits


class Numbers(Protocol):
    def __contains__(self, number: int, /) -> bool: ...


class Fanout:
    def __init__(self, numbers: BitMap, now_ms: float) -> None:
        self._left = iter(numbers)
        self._unanswered = BitMap()
        self._progress_ms = now_ms
        self._window = min(limits.FANOUT_BURST, limits.FANOUT_UNANSWERED_MAX)
        self.done = False

    def answered(self, numbers: BitMap, now_ms: float) -> None:
        """These, of whom some were sent the order by this fan-out, have received it."""
        self._unanswered -= numbers
        self._progress_ms = now_ms
        self._window = limits.FANOUT_UNANSWERED_MAX

    def take(self, now_ms: float, here: Numbers | None = None, told: Numbers = frozenset()) -> list[int]:
        """The next people to send to, now; an empty list means wait (or `done`).

        Whoever is not `here` any more, or was `told` otherwise, is passed over: nothing would come back from them.
        """
        if self._unanswered and not 0 <= now_ms - self._progress_ms < limits.FANOUT_ESCAPE_MS:  # or set back
            self._unanswered.clear()
            self._window = limits.FANOUT_UNANSWERED_MAX
        room = self._window - len(self._unanswered)
        if room <= 0:
            return []
        left = self._left if here is None else (n for n in self._left if n in here and n not in told)
        taken = list(islice(left, room))
        if len(taken) < room:
            self.done = True
        if taken:
            self._unanswered.update(taken)
            self._progress_ms = now_ms
        return taken
