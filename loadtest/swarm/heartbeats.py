"""Which terminals have to say that they are alive, because they said nothing else for long. Pure."""

from __future__ import annotations

from array import array
from random import Random

from fusioncmd import limits

LOOKS_APART_S = 24  # between two looks at the same terminal
SILENT_S = limits.HEARTBEAT_S * 0.95 - LOOKS_APART_S  # after which it does, a little sooner than it must


class Heartbeats:
    """`said_s` is, by terminal, when it said something last: at first as if all had been here for long, so that
    heartbeats are spread."""

    def __init__(self, terminals: int, rng: Random, now_s: float) -> None:
        self.said_s = array("d", (now_s - rng.uniform(0, SILENT_S) for _ in range(terminals)))
        self._part, self._look_s = 0, now_s

    def due(self, welcomed: bytearray, now_s: float) -> list[int]:
        """Those who do now, of those who are `welcomed`. A part of them is looked at, once a second."""
        if now_s - self._look_s < 1.0:
            return []
        self._look_s, said_s = now_s, self.said_s
        some = range(self._part, len(said_s), LOOKS_APART_S)
        self._part = (self._part + 1) % LOOKS_APART_S
        silent = [i for i in some if now_s - said_s[i] > SILENT_S and welcomed[i]]
        for i in silent:
            said_s[i] = now_s
        return silent
