"""Two replicas, the ends of one link between them, and a pipe that a test may break: for tests of the exchange."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable

from fusioncmd.exchange import belief, items, scope, wire
from fusioncmd.exchange.evidence import NOTHING, Evidence, reduced
from fusioncmd.exchange.exchange import Exchange
from fusioncmd.exchange.pace import Pace
from fusioncmd.exchange.replica import MemoryReplica
from fusioncmd.messages import Order, RosterSlice, Selector, encode
from tests.exchange_pipes import TOWNS, trusting
from tests.worlds import audience_of, judge, make_order, sealed

CITY, COUNTY = "4401", "440106"  # of which town 2 is in the county, and 0 and 1 are in another
TOWN = 2
MEANT = range(60)
STEP_MS = 50


def replica() -> MemoryReplica:
    return MemoryReplica(belief.by(judge()), trusting, TOWNS)


def order_item(n: int = 1, place: str = COUNTY, **changes: object) -> tuple[bytes, bytes, Order]:
    order = make_order(n, audience=Selector((place,)), **changes)
    meant = [town << 16 | slot for town in range(len(TOWNS)) if TOWNS[town].startswith(place[:9]) for slot in MEANT]
    value = items.pack_order(sealed(order), encode(audience_of(order, meant)))
    return items.order_key(order.id), value, order


def marks(*pairs: tuple[int, int]) -> Evidence:
    """Of (rung, slot)."""
    rungs = list(NOTHING)
    for rung, slot in pairs:
        rungs[rung] |= 1 << slot
    return reduced(rungs)


class Pair:
    def __init__(self, upper: MemoryReplica, lower: MemoryReplica, pace: Pace | None = None) -> None:
        pace = pace or Pace()
        rng = random.Random(3)
        self.upper = Exchange(upper, scope.link(CITY, COUNTY), False, 1, rng.random, pace)
        self.lower = Exchange(lower, scope.link(COUNTY, CITY), True, 2, rng.random, pace)
        self.now_ms = 0
        self.sent: dict[str, list[bytes]] = {"down": [], "up": []}
        self.passes: Callable[[str, bytes], bool] = lambda way, data: True
        for end in (self.upper, self.lower):
            end.connect(0)

    def step(self) -> None:
        self.now_ms += STEP_MS
        for way, own, peer in (("down", self.upper, self.lower), ("up", self.lower, self.upper)):
            for data in own.due(self.now_ms):
                self.sent[way].append(data)
                if self.passes(way, data):
                    peer.receive(data, self.now_ms)

    def run(self, ms: int) -> None:
        for _ in range(ms // STEP_MS):
            self.step()

    @property
    def same(self) -> bool:
        return self.upper.index.digests == self.lower.index.digests

    def spent(self) -> int:
        """Bytes since this was last asked."""
        total = sum(map(len, self.sent["down"])) + sum(map(len, self.sent["up"]))
        self.sent = {"down": [], "up": []}
        return total


class FarPair(Pair):
    """What is said comes `TRIP_MS` later, and loses nothing."""

    TRIP_MS = 400

    def __init__(self, upper: MemoryReplica, lower: MemoryReplica, pace: Pace) -> None:
        super().__init__(upper, lower, pace)
        self._coming: deque[tuple[int, Exchange, bytes]] = deque()

    def step(self) -> None:
        self.now_ms += STEP_MS
        for way, own, peer in (("down", self.upper, self.lower), ("up", self.lower, self.upper)):
            for data in own.due(self.now_ms):
                self.sent[way].append(data)
                self._coming.append((self.now_ms + self.TRIP_MS, peer, data))
        while self._coming and self._coming[0][0] <= self.now_ms:
            _, peer, data = self._coming.popleft()
            peer.receive(data, self.now_ms)


def slice_item(town: str, edition: int = 1, people: int = 1) -> tuple[bytes, bytes]:
    ids = [f"{town}{n}" for n in range(people)]
    blank = [""] * people
    return items.roster_key(town), encode(
        RosterSlice(town, edition, ids, blank, blank, [0] * people, [], [0] * people, [])
    )


def kinds(frames: list[bytes]) -> list[str]:
    return [type(entry).__name__ for data in frames for entry in wire.read_frame(data).entries]


def agreed(pace: Pace | None = None) -> tuple[Pair, bytes]:
    """A link on which both hold one order; and the order's id."""
    key, value, order = order_item()
    upper, lower = replica(), replica()
    upper.put(key, value)
    pair = Pair(upper, lower, pace)
    pair.run(5_000)
    assert pair.same and lower.get(key) == value
    pair.spent()
    return pair, order.id
