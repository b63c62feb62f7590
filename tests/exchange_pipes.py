"""What a world of tier nodes is made of: nodes, and pipes that lose, double, delay and cut."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

from fusioncmd.exchange import belief, evidence, merging
from fusioncmd.exchange.items import Family, Value
from fusioncmd.exchange.replica import MemoryReplica
from tests.worlds import judge

TOWNS = ("440103001", "440103002", "440106001", "440204001", "440204002", "440205001")
NUMBERED = 4  # of them at the beginning
JUDGE = judge()


def trusting(family: Family, place: str, data: bytes) -> None:
    """Statements are opaque here: what is believed of them is not this test's subject."""


def fresh() -> MemoryReplica:
    return MemoryReplica(belief.by(JUDGE), trusting, TOWNS[:NUMBERED])


@dataclass
class Pipe:
    """One direction. `cut` swallows everything."""

    chance: random.Random
    cut: bool = False
    faulty: bool = True
    loss: float = 0.0
    flying: list[tuple[int, int, bytes]] = field(default_factory=list)
    sent: int = 0

    def send(self, data: bytes, now_ms: int) -> None:
        self.sent += 1
        times = self.chance.choice([1, 1, 1, 2]) if self.faulty else 1
        for _ in range(times):
            if not self.cut and not (self.faulty and self.chance.random() < self.loss):
                delay_ms = self.chance.randrange(20, 2_000 if self.faulty else 200)
                heapq.heappush(self.flying, (now_ms + delay_ms, self.chance.getrandbits(30), data))

    def arrived(self, now_ms: int) -> list[bytes]:
        found = []
        while self.flying and self.flying[0][0] <= now_ms:
            data = heapq.heappop(self.flying)[2]
            if not self.cut:
                found.append(data)
        return found


@dataclass
class Node:
    code: str
    replica: MemoryReplica
    clock_off_ms: int = 0


def has(node: Node, key: bytes, value: Value) -> bool:
    held = node.replica.get(key)
    if isinstance(value, tuple):
        return isinstance(held, tuple) and not any(evidence.minus(value, held))
    if held is None or held == value:
        return held == value
    return merging.stands(key, value, held)  # type: ignore[arg-type]
