"""How long events may gather before the next round of them is handled. Pure.

A round costs something whatever it brings: a wake-up, a switch of process, cold caches. Dozens of gateway processes on
few cores would spend half their time on rounds of one event. So when rounds bring little, the next one comes a little
later; when they bring much, at once; and after a silence the first event is handled the moment it comes. (Network
cards moderate their interrupts in the same way.) Who speaks alone and waits for each reply gains nothing by that: a
round of one event is followed by a short wait at most.
"""

from __future__ import annotations

FEW, MANY = 32, 128  # events in a round
STEP_S, ALONE_S_MAX, WAIT_S_MAX = 0.001, 0.020, 0.100
SILENCE_S = 0.25  # more than between the heartbeats of thousands, which come a few at a time and are in no hurry


class Pace:
    def __init__(self) -> None:
        self._wait_s = self._ended_s = 0.0

    def before(self, now_s: float) -> float:
        """Seconds to wait before the round for which something is there now."""
        if now_s - self._ended_s > SILENCE_S:
            self._wait_s = 0.0
        return self._wait_s

    def had(self, events: int, now_s: float) -> None:
        """The round is over now, and this is what it brought."""
        self._ended_s = now_s
        if events < FEW:
            self._wait_s = min(max(2 * self._wait_s, STEP_S), WAIT_S_MAX if events > 1 else ALONE_S_MAX)
        elif events > MANY:
            self._wait_s = self._wait_s / 2 if self._wait_s > STEP_S else 0.0
