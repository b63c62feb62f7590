"""How long events may gather before the next round of them is handled. Pure.

A round costs something whatever it brings: a wake-up, a switch of process, cold caches. Dozens of gateway processes on
few cores would spend half their time on rounds of one event. So when rounds bring little, the next one comes a little
later; when they bring much, at once; and after a silence the first event is handled the moment it comes. (Network
cards moderate their interrupts in the same way.) Those who wait for each reply before they say more gain nothing by
that: beyond a short wait, a longer one stays only where it brought more, and never where one speaks alone.
"""

from __future__ import annotations

from typing import NamedTuple


class Gathering(NamedTuple):
    few: int  # events in a round, at most: the next one waits longer
    many: int  # more than these: it waits less
    wait_s_max: float


USUAL = Gathering(31, 128, 0.100)
ENTERING = Gathering(255, 512, 0.250)  # where most are of those who are coming in: they wait for several rounds anyway
STEP_S, SHORT_S = 0.001, 0.020
SILENCE_S = 0.5  # more than between the heartbeats of thousands, which come a few at a time and are in no hurry


class Pace:
    def __init__(self) -> None:
        self._wait_s = self._ended_s = 0.0
        self._events = 0  # in the last round
        self._grew = False  # the wait before this round was longer than the one before

    def before(self, now_s: float) -> float:
        """Seconds to wait before the round for which something is there now."""
        if now_s - self._ended_s > SILENCE_S:
            self._wait_s = 0.0
        return self._wait_s

    def had(self, events: int, now_s: float, entering: int = 0) -> None:
        """The round is over now, and this is what it brought; `entering` of it by those who are coming in."""
        before_s, in_vain = self._wait_s, self._grew and events <= self._events
        aim = ENTERING if 2 * entering > events else USUAL
        if events > aim.many:
            self._wait_s = before_s / 2 if before_s > STEP_S else 0.0
        elif events == 1:
            self._wait_s = min(max(2 * before_s, STEP_S), SHORT_S)
        elif in_vain and before_s > SHORT_S:
            self._wait_s = before_s / 2
        elif events <= aim.few:
            self._wait_s = max(2 * before_s, STEP_S)
        self._wait_s = min(self._wait_s, aim.wait_s_max)
        self._ended_s, self._events, self._grew = now_s, events, self._wait_s > before_s
