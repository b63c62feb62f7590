"""A thin link in virtual time: two carriers, strict classes at a rate, half a round trip each way; seeded loss, said
again a round trip later, as a reliable stream does."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable

from fusioncmd.codes import parse
from gateways.satellite.carrying import Carrier, Letter, Link, Publish, Side, Work
from gateways.satellite.classes import LETTER_BYTES_MAX, WAITING_BYTES_MAX, Class

KIT, HUB = parse("440106001"), parse("440106")
STEP_S = 0.05
OVERHEAD_BYTES = 40


class End:
    """One end: a carrier, what waits to be sent, and what it said on its bus."""

    def __init__(self, side: Side, make: Callable[[Link], Carrier], link: ThinLink) -> None:
        self.queues: dict[Class, deque[tuple[Letter, float]]] = {each: deque() for each in Class}
        self.said: list[tuple[float, Publish]] = []
        self.heard_by: Callable[[Publish], None] = lambda _: None  # another process on this bus
        self.sent_bytes: dict[Class, int] = dict.fromkeys(Class, 0)
        self.shed = 0
        self.credit = 0.0
        self.carrier = make(Link(side, KIT if side == "kit" else HUB, KIT, self.waiting, lambda: link.rate_bps))

    def waiting(self, cls: Class) -> int:
        return sum(len(letter.body) for letter, _ in self.queues[cls])

    def take(self, work: Work, now_s: float) -> None:
        for letter in work.letters:
            assert len(letter.body) < LETTER_BYTES_MAX
            queue = self.queues[letter.cls]
            if self.waiting(letter.cls) + len(letter.body) > WAITING_BYTES_MAX[letter.cls]:
                self.shed += 1
                if letter.cls is not Class.VIDEO:
                    continue
                queue.popleft()
            queue.append((letter, now_s))
        for each in work.publishes:
            self.said.append((now_s, each))
            self.heard_by(each)

    def of(self, ending: str) -> list[Publish]:
        return [each for _, each in self.said if each.subject.endswith(ending)]


class ThinLink:
    def __init__(
        self, kit: Callable[[Link], Carrier], hub: Callable[[Link], Carrier], rate_bps: int = 64_000,
        rtt_s: float = 0.6, loss: float = 0.01, seed: int = 1,
    ) -> None:  # fmt: skip
        self.rate_bps, self.rtt_s, self.loss = rate_bps, rtt_s, loss
        self.now_s, self.up = 100.0, False
        self._random = random.Random(seed)
        self._order = itertools.count()
        self._way: list[tuple[float, int, str, Letter]] = []
        self.kit, self.hub = End("kit", kit, self), End("hub", hub, self)
        self.turn(True)

    def turn(self, up: bool) -> None:
        self.up = up
        if not up:
            self._way.clear()
            for end in (self.kit, self.hub):
                for queue in end.queues.values():
                    queue.clear()
        for end in (self.kit, self.hub):
            end.take(end.carrier.turned(up, self.now_s), self.now_s)

    def say(self, end: End, subject: str, data: bytes) -> None:
        """On the bus of that end, by somebody there."""
        end.take(end.carrier.from_bus(subject, data, self.now_s), self.now_s)

    def run(self, seconds: float, each: Callable[[float], None] = lambda _: None) -> None:
        until_s = self.now_s + seconds
        while self.now_s < until_s - 1e-9:
            self.now_s += STEP_S
            each(self.now_s)
            for end, other in ((self.kit, "hub"), (self.hub, "kit")):
                if self.up:
                    self._send(end, other)
                end.take(end.carrier.due(self.now_s), self.now_s)
            while self._way and self._way[0][0] <= self.now_s:
                _, _, to, letter = heapq.heappop(self._way)
                end = self.kit if to == "kit" else self.hub
                if letter.kind in end.carrier.kinds:
                    end.take(end.carrier.from_link(letter.kind, letter.body, self.now_s), self.now_s)

    def _send(self, end: End, to: str) -> None:
        end.credit = min(end.credit + self.rate_bps * STEP_S / 8, self.rate_bps * STEP_S / 2)
        for cls, queue in end.queues.items():
            while queue and end.credit > 0:
                letter, since_s = queue.popleft()
                if letter.lives_s is not None and self.now_s - since_s > letter.lives_s:
                    continue
                size = len(letter.body) + OVERHEAD_BYTES * (1 + len(letter.body) // 1_200)
                end.credit -= size
                end.sent_bytes[cls] += size
                again_s = 0.0
                while self._random.random() < self.loss * (1 + len(letter.body) // 1_200):
                    again_s += self.rtt_s * 1.2
                at_s = self.now_s + self.rtt_s / 2 + again_s
                heapq.heappush(self._way, (at_s, next(self._order), to, letter))
