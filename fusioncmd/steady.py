"""A clock that does not jump. Pure: the wall's time and the time since boot are given, the time to go by comes out.

Deadlines, tickets, sessions and keys end by it. It is set by the wall clock once, when `fusioncmd up` starts, whose
children get that setting and keep it when they are started again; from then on it runs with the time since boot. Small
corrections of the wall clock are taken over; a jump is not, but told (`off_s`), until `up` is started anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable

VARIABLE = "FUSIONCMD_CLOCK_SET"  # wall time at boot, seconds since 1970, as whoever started this process has it
FOLLOWED_S_MAX = 10.0


class Steady:
    """`wall` gives seconds since 1970, `since_boot` seconds that never go back (CLOCK_BOOTTIME, clock_gettime(2): also
    while the machine sleeps). `given`: the setting of `VARIABLE`; what is no number counts as none."""

    def __init__(self, wall: Callable[[], float], since_boot: Callable[[], float], given: str | None = None) -> None:
        self._wall, self._since_boot = wall, since_boot
        try:
            found = float(given or "nan")
        except ValueError:
            found = math.nan
        self.set_s = found if math.isfinite(found) else wall() - since_boot()

    def __call__(self) -> float:
        """Seconds since 1970."""
        off_s = self.off_s
        return self.set_s + self._since_boot() + (off_s if abs(off_s) <= FOLLOWED_S_MAX else 0.0)

    @property
    def off_s(self) -> float:
        """How far the wall clock is ahead of the setting; negative: behind."""
        return self._wall() - (self.set_s + self._since_boot())

    @property
    def jumped(self) -> bool:
        return abs(self.off_s) > FOLLOWED_S_MAX
