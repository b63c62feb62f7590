"""What has to be looked at now and then, a part at a time, so that no second is longer than another. Pure.

Thousands of terminals in each of dozens of processes, all looked at every second, would cost a tenth of a machine.
"""

from __future__ import annotations

PARTS = 16


class Rota:
    """Each part comes up once in PARTS seconds; all of them after a longer pause."""

    def __init__(self, now_s: int) -> None:
        self._done_s = now_s

    def due(self, now_s: int) -> list[int]:
        """Which residues modulo PARTS are due."""
        passed = now_s - self._done_s
        if passed <= 0:
            self._done_s = min(self._done_s, now_s)  # the clock was set back
            return []
        due = [second % PARTS for second in range(now_s - min(passed, PARTS) + 1, now_s + 1)]
        self._done_s = now_s
        return due
