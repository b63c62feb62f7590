"""How long events may gather before the next round of them is handled. Pure.

A round costs something whatever it brings: a wake-up, a switch of process, cold caches. Dozens of gateway processes on
few cores would spend half their time on rounds of one event. So when rounds bring little, the next one comes a little
later; when they bring much, at once; and after a silence the first event is handled the moment it comes. (Network
cards moderate their interrupts in the same way.)
"""

from __future__ import annotations

FEW, MANY = 32, 128  # events in a round
STEP_S, WAIT_S_MAX = 0.001, 0.020
SILENCE_S = 0.05


class Pace:
    def __init__(self) -> None:
        self._wait_s = self._last_s = 0.0

    def before(self, now_s: float) -> float:
        """Seconds to wait before the round for which something is there now."""
        if now_s - self._last_s > SILENCE_S:
            self._wait_s = 0.0
        return self._wait_s

    def had(self, events: int, now_s: float) -> None:
        """The round is over, and this is what it brought."""
        self._last_s = now_s
        if events < FEW:
            self._wait_s = min(max(2 * self._wait_s, STEP_S), WAIT_S_MAX)
        elif events > MANY:
            self._wait_s = self._wait_s / 2 if self._wait_s > STEP_S else 0.0
