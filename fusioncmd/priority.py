"""Who comes first where cores are few."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_SESSION = Path("/proc/self/autogroup")


def come_after_others(nice: int) -> None:
    """Lower this process by so much (nice(2)), and with it its session, if it leads one.

    Linux shares cores among sessions first, and heeds `nice` only within each (sched(7), autogroup): beside 92 sessions
    of gateways and terminals a NATS server that asked for less than a 94th would wait as long as they do.
    """
    os.nice(nice)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # no such groups here
            _SESSION.write_text(str(nice))
