"""The clock of this process: the machine's two, made into one that does not jump."""

from __future__ import annotations

import os
import time

from fusioncmd.steady import VARIABLE, Steady


def machine_clock() -> Steady:
    """As `fusioncmd up` set it for its children, else as the wall clock is now."""
    return Steady(time.time, _since_boot, os.environ.get(VARIABLE))


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
