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
PAYS = 1.25  # times as many, after twice the wait
STEADY_MAX = 15  # rounds; then it is tried whether half the wait brings half as many
SILENCE_S = 0.5  # more than between the heartbeats of thousands, which come a few at a time and are in no hurry


class Pace:
    def __init__(self) -> None:
        self._wait_s = self._ended_s = 0.0
        self._events = 0  # in the last round
        self._grew = False  # the wait before this round was longer than the one before
        self._steady = 0  # rounds since it last changed

    def before(self, now_s: float) -> float:
        """Seconds to wait before the round for which something is there now."""
        if now_s - self._ended_s > SILENCE_S:
            self._wait_s = 0.0
        return self._wait_s

    def had(self, events: int, now_s: float, entering: int = 0) -> None:
        """The round is over now, and this is what it brought; `entering` of it by those who are coming in."""
        before_s = self._wait_s
        self._wait_s = self._next_s(events, ENTERING if 2 * entering > events else USUAL)
        self._steady = self._steady + 1 if self._wait_s == before_s else 0
        self._ended_s, self._events, self._grew = now_s, events, self._wait_s > before_s

    def _next_s(self, events: int, aim: Gathering) -> float:
        wait_s = self._wait_s
        if events > aim.many:
            wait_s = wait_s / 2 if wait_s > STEP_S else 0.0
        elif events == 1:
            wait_s = min(max(2 * wait_s, STEP_S), SHORT_S)
        elif wait_s > SHORT_S and self._grew and events < PAYS * self._events:
            wait_s /= 4
        elif wait_s > SHORT_S and self._steady >= STEADY_MAX:
            wait_s /= 2
        elif events <= aim.few:
            wait_s = max(2 * wait_s, STEP_S)
        return min(wait_s, aim.wait_s_max)
