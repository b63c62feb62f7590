"""Which terminals have a bad link, and what comes of it: some stop reading, some drop the connection and come back.

A kind of link has a name, as a behaviour has. Trouble comes and goes for all of them together, when the scenario says.
Knows no socket and no clock: it tells `Sockets`, and time is an argument.
"""

from __future__ import annotations

import heapq
from random import Random
from typing import Protocol

LINKS = ("steady", "slow", "flapping")
SLOW_RECEIVE_BYTES = 4096  # SO_RCVBUF of those who will stop reading: what is sent to them backs up soon
UP_S = (0.3, 4.0)  # how long one that flaps stays
AWAY_S = (0.1, 3.0)  # and how long it is away
CLOSE, FIN, RST = "left: close frame", "left: FIN", "left: RST"
ENDINGS = (CLOSE, CLOSE, FIN, RST)  # half say goodbye, half are gone without a word
NEVER_S = float("inf")


class Sockets(Protocol):
    """The connections of terminals, by index."""

    def is_open(self, i: int) -> bool:
        """Welcomed, and reading."""

    def deafen(self, i: int) -> None:
        """Read no more, and say nothing, until `hear`."""

    def hear(self, i: int) -> None: ...

    def hang_up(self, i: int, ending: str, away_s: float) -> None:
        """Drop the connection, and begin another after so long."""


class Links:
    """`share` of the terminals, drawn by `seed`, has `link`; the others are steady."""

    def __init__(self, link: str, share: float, terminals: int, seed: str) -> None:
        self._rng = Random(seed)
        self.odd = frozenset(self._rng.sample(range(terminals), round(share * terminals)) if link != "steady" else ())
        self.slow = self.odd if link == "slow" else frozenset()
        self.deaf: set[int] = set()
        self.next_s = NEVER_S  # when somebody leaves
        self._trouble = False
        self._leaving: list[tuple[float, int]] = []
        self._leaves_s: dict[int, float] = {}

    def trouble(self, sockets: Sockets, now_s: float) -> None:
        """From now on slow terminals do not read, and flapping ones come and go."""
        self._trouble = True
        for i in sorted(self.odd):
            if sockets.is_open(i):
                self.connected(sockets, i, now_s)

    def connected(self, sockets: Sockets, i: int, now_s: float) -> None:
        """Terminal `i` was welcomed."""
        if not self._trouble or i not in self.odd:
            return
        if i in self.slow:
            sockets.deafen(i)
            self.deaf.add(i)
            return
        due_s = self._leaves_s[i] = now_s + self._rng.uniform(*UP_S)
        heapq.heappush(self._leaving, (due_s, i))
        self.next_s = self._leaving[0][0]

    def step(self, sockets: Sockets, now_s: float) -> None:
        """Time passes, and some leave."""
        while self._leaving and self._leaving[0][0] <= now_s:
            due_s, i = heapq.heappop(self._leaving)
            # Otherwise that connection ended by itself, and this is the next one.
            if self._leaves_s.get(i) == due_s and sockets.is_open(i):
                sockets.hang_up(i, self._rng.choice(ENDINGS), self._rng.uniform(*AWAY_S))
        self.next_s = self._leaving[0][0] if self._leaving else NEVER_S

    def calm(self, sockets: Sockets) -> None:
        """From now on everyone reads and stays."""
        self._trouble, self.next_s = False, NEVER_S
        self._leaving.clear()
        self._leaves_s.clear()
        for i in sorted(self.deaf):
            sockets.hear(i)
        self.deaf.clear()
