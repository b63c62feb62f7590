"""Whether a gateway process here delivers an order just now, told by a lock on a file that all of them share.

Who delivers holds it, shared with the others; it is free when nobody does. The kernel lets go of it for one that died.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path


class Neighbours:
    def __init__(self, file: Path) -> None:
        self._fd = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        self._held = False

    def i_deliver(self, now: bool) -> None:
        """Said again while it lasts. It never waits: while another one asks, the lock is taken the next time."""
        if now != self._held:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._fd, (fcntl.LOCK_SH if now else fcntl.LOCK_UN) | fcntl.LOCK_NB)
                self._held = now

    def deliver(self) -> bool:
        """True while another one does; asked by one that does not."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        return False
