"""Named points at which a test may have a process killed, as a power cut would.

Nothing happens unless FUSIONCMD_KILLPOINTS names a file. The file holds `<point> <pid>`: whoever reaches the point
first takes the file away and sends SIGKILL to the pid (0: itself).
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

_FILE = os.environ.get("FUSIONCMD_KILLPOINTS")


def reach(point: str) -> None:
    """This process has come to `point`."""
    if _FILE is not None:
        _reach(Path(_FILE), point)


def _reach(file: Path, point: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        wanted, pid = file.read_text().split()
        if wanted == point:
            file.unlink()
            os.kill(int(pid) or os.getpid(), signal.SIGKILL)
