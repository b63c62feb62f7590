"""A satellite link in memory: two pipes, in virtual time, with a rate, a delay, losses and cuts. Pure.

As the real one: classes go strictly in order, in packets; what is not a datagram is said again until it came, and keeps
what comes behind it in its class waiting; a cut is noticed by both ends some seconds later.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gateways.satellite.classes import DATAGRAM_BYTES_MAX, LETTER_BYTES_MAX, WAITING_BYTES_MAX, Class

PACKET_BYTES, HEAD_BYTES = 600, 76  # of a packet at most; of IP, UDP, QUIC
NOTICED_S = 5.0


@dataclass
class Waits:
    letter: bytes
    left: int
    until_s: float | None


class TwinPipe:
    """One end. Implements `Pipe`."""

    def __init__(self, link: TwinLink) -> None:
        self._link = link
        self.up = False
        self.queues: dict[Class, deque[Waits]] = {cls: deque() for cls in Class}
        self.heard: Callable[[Class, bytes], None] = lambda cls, letter: None
        self.turned: Callable[[bool], None] = lambda up: None
        self.wire_bytes = 0
        self.free_s = 0.0
        self.in_order_s: dict[Class, float] = dict.fromkeys(Class, 0.0)  # nothing of it comes before

    @property
    def rate_bps(self) -> int:
        return self._link.rate_bps

    def waiting(self, cls: Class) -> int:
        return sum(waits.left for waits in self.queues[cls])

    def say(self, cls: Class, letter: bytes, lives_s: float | None = None) -> bool:
        longest = DATAGRAM_BYTES_MAX if cls is Class.VOICE else LETTER_BYTES_MAX
        if len(letter) > longest or self.waiting(cls) + len(letter) > WAITING_BYTES_MAX[cls]:
            return False
        until_s = None if lives_s is None else self._link.now_s + lives_s
        self.queues[cls].append(Waits(letter, len(letter), until_s))
        return True


@dataclass
class TwinLink:
    """`kit` and `hub` are its ends. `step` moves the time."""

    rate_bps: int = 64_000
    one_way_s: float = 0.3
    loss: float = 0.0
    seed: int = 1
    now_s: float = 0.0
    cut: bool = False
    _flying: list[tuple[float, int, TwinPipe, Class, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kit, self.hub = TwinPipe(self), TwinPipe(self)
        self._chance, self._count = random.Random(self.seed), itertools.count()
        self._turns_s: float | None = 0.0  # when the ends notice that it is cut, or back

    def turn(self, cut: bool) -> None:
        self.cut = cut
        self._turns_s = self.now_s + (NOTICED_S if cut else self.one_way_s)

    def step(self, seconds: float = 0.01) -> None:
        self.now_s += seconds
        if self._turns_s is not None and self.now_s >= self._turns_s:
            self._turns_s = None
            for end in (self.kit, self.hub):
                if end.up == self.cut:
                    end.up = not self.cut
                    end.turned(end.up)
        while self._flying and self._flying[0][0] <= self.now_s:
            _, _, end, cls, letter = heapq.heappop(self._flying)
            end.heard(cls, letter)
        if not self.cut:
            self._carry(self.kit, self.hub)
            self._carry(self.hub, self.kit)

    def _carry(self, own: TwinPipe, peer: TwinPipe) -> None:
        while own.free_s <= self.now_s and (cls := self._next(own)) is not None:
            room, sent = PACKET_BYTES, 0
            for each in Class:  # what is left of a packet is for the classes below
                while room and own.queues[each] and each >= cls:
                    waits = own.queues[each][0]
                    part = min(room, waits.left)
                    waits.left -= part
                    room, sent = room - part, sent + part
                    if not waits.left:
                        own.queues[each].popleft()
                        self._fly(own, peer, each, waits.letter)
            size = sent + HEAD_BYTES
            own.wire_bytes += size
            own.free_s = max(own.free_s, self.now_s - 0.02) + size * 8 / self.rate_bps

    def _next(self, own: TwinPipe) -> Class | None:
        for cls, queue in own.queues.items():
            while queue and queue[0].until_s is not None and queue[0].until_s < self.now_s:
                queue.popleft()
            if queue:
                return cls
        return None

    def _fly(self, own: TwinPipe, peer: TwinPipe, cls: Class, letter: bytes) -> None:
        at_s = self.now_s + self.one_way_s
        while self._chance.random() < self.loss:
            if cls is Class.VOICE:
                return
            at_s += 3 * self.one_way_s
        if cls is not Class.VOICE:
            at_s = own.in_order_s[cls] = max(at_s, own.in_order_s[cls])
        heapq.heappush(self._flying, (at_s, next(self._count), peer, cls, letter))
