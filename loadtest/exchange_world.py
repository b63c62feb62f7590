"""A province's state for `loadtest exchange`: orders, containers and slices of any size, and two ends that exchange.

Orders carry real seals and statements, made once; the roster is real names and numbers in the columns that towns have.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from pyroaring import BitMap

from fusioncmd import ids
from fusioncmd.exchange import belief, evidence, items, scope
from fusioncmd.exchange.evidence import ANSWERS_AT, NOTHING, RECEIVED_AT, SENT_AT, Evidence
from fusioncmd.exchange.exchange import Exchange
from fusioncmd.exchange.items import Family
from fusioncmd.exchange.pace import Pace
from fusioncmd.exchange.replica import MemoryReplica
from fusioncmd.messages import Audience, Order, RosterSlice, Selector, encode
from fusioncmd.trust import seals, witnesses
from fusioncmd.trust.judge import Judge
from loadtest.offices import BOTH, NOW_MS, Offices

TEXT = "堤围出现管涌，请立即到岗，清点人员并报告需要支援的地点。"
ANSWERS = ("到岗", "在途", "需要支援")
STEP_MS = 10
HOUR_MS = 3_600_000


def trusting(family: Family, place: str, data: bytes) -> None:
    """Statements are not what is weighed here."""


class Makers:
    """Who signs, and what they make of a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.offices = Offices(seed)
        duty, node = ("issue",), ("node",)
        self.duty = self.offices.grant(self.offices.province, "duty", purposes=duty, statuses=("exercise",))
        self.node = self.offices.grant(self.offices.province, "node", purposes=node, statuses=BOTH)

    def replica(self, towns: tuple[str, ...]) -> MemoryReplica:
        return MemoryReplica(belief.by(Judge(self.offices.anchors, lambda: NOW_MS / 1000)), trusting, towns)

    def order(self, n: int, place: str, people: Iterable[int]) -> tuple[bytes, bytes]:
        """An item: key and value."""
        issued_ms = NOW_MS - n * 3_600_000
        order = Order(
            ids.make(issued_ms, n.to_bytes(10, "big")), "alert", "exercise", None, None, place[:2], "duty",
            issued_ms, TEXT, "severe", ANSWERS, Selector((place,)), 120, 600, 7 * 86_400,
        )  # fmt: skip
        body, packed = encode(order), BitMap(people)
        packed.run_optimize()
        numbers = packed.serialize()
        audience = Audience(order.id, numbers, witnesses.accept(body, numbers, self.node, issued_ms))
        return items.order_key(order.id), items.pack_order(seals.seal(body, self.duty), encode(audience))

    def answered(self, people: int, touches: float) -> Evidence:
        """A town in which everybody received the order, and each touched an answer `touches` times on average: at
        random among three, again now and then, and some never."""
        rungs = list(NOTHING)
        everyone = (1 << people) - 1
        rungs[SENT_AT] = everyone
        for slot in range(people):
            rungs[RECEIVED_AT] |= (self.rng.random() < 0.97) << slot
        for _ in range(round(people * touches)):
            rungs[ANSWERS_AT + self.rng.randrange(3)] |= 1 << self.rng.randrange(people)
        return evidence.reduced(rungs)

    def random(self, people: int) -> Evidence:
        """A quarter of a town for each of three answers, and a quarter that only received the order."""
        rungs, everyone = list(NOTHING), (1 << people) - 1
        one, other = self.rng.getrandbits(people), self.rng.getrandbits(people)
        rungs[ANSWERS_AT], rungs[ANSWERS_AT + 1], rungs[ANSWERS_AT + 2] = one & other, one & ~other, other & ~one
        rungs[RECEIVED_AT] = everyone & ~(one | other)
        return evidence.reduced(rungs)

    def slice(self, town: str, people: int) -> tuple[bytes, bytes]:
        rng, everyone = self.rng, range(people)
        part = RosterSlice(
            town, 1,
            [f"{town}{n:05d}" for n in everyone],
            [rng.choice("王李张刘陈") + rng.choice("伟芳娜敏静") for _ in everyone],
            [f"13{rng.randrange(10**9):09d}" for _ in everyone],
            [rng.randrange(20) for _ in everyone],
            ["flood", "fire", "medical"],
            [rng.randrange(8) for _ in everyone],
            [],
        )  # fmt: skip
        return items.roster_key(town), encode(part)


@dataclass(slots=True)
class Traffic:
    """What one exchange took: bytes each way, and after how long both held the same."""

    down: int = 0
    up: int = 0
    messages: int = 0
    ms: int = 0


@dataclass
class Pair:
    """Two ends and a pipe between them: `one_way_ms` of delay, and `bits_per_s` each way when given."""

    upper: MemoryReplica
    lower: MemoryReplica
    places: tuple[str, str]
    pace: Pace = field(default_factory=Pace)
    one_way_ms: int = 300
    bits_per_s: int | None = None
    loss: float = 0.0

    def __post_init__(self) -> None:
        rng = random.Random(7)
        own, peer = self.places
        self.ends = (
            Exchange(self.upper, scope.link(own, peer), False, 1, rng.random, self.pace),
            Exchange(self.lower, scope.link(peer, own), True, 2, rng.random, self.pace),
        )
        self.now_ms = 0
        self._rng = rng
        self._flying: tuple[list[tuple[float, bytes]], list[tuple[float, bytes]]] = ([], [])
        self._free_ms = [0.0, 0.0]

    def connect(self) -> None:
        for end in self.ends:
            end.connect(self.now_ms)

    @property
    def same(self) -> bool:
        one, other = self.ends
        return one.index.kinds() == other.index.kinds()

    @property
    def _known(self) -> list[int | None]:
        return [end.agreed_at_ms for end in self.ends]

    def settle(self) -> Traffic:
        """Until both hold the same, both know it from a round since now, and nothing is on its way."""
        traffic, since_ms, known = Traffic(), self.now_ms, self._known
        while self.now_ms - since_ms < HOUR_MS:
            self.step(traffic)
            if not self.same:
                traffic.ms = self.now_ms + STEP_MS - since_ms
            elif None not in self._known and all(a != b for a, b in zip(self._known, known, strict=True)):
                break
        assert self.same, "they do not agree"
        return self._landed(traffic)

    def until_same(self) -> Traffic:
        """Without the round after it."""
        traffic, since_ms = Traffic(), self.now_ms
        while not self.same and self.now_ms - since_ms < HOUR_MS:
            self.step(traffic)
        traffic.ms = self.now_ms - since_ms
        return self._landed(traffic)

    def _landed(self, traffic: Traffic) -> Traffic:
        while any(self._flying):
            self.step(traffic)
        return traffic

    def step(self, traffic: Traffic) -> None:
        self.now_ms += STEP_MS
        for at, end in enumerate(self.ends):
            arriving = self._flying[1 - at]
            while arriving and arriving[0][0] <= self.now_ms:
                end.receive(arriving.pop(0)[1], self.now_ms)
            for data in end.due(self.now_ms):
                traffic.messages += 1
                if at == 0:
                    traffic.down += len(data)
                else:
                    traffic.up += len(data)
                if self._rng.random() >= self.loss:
                    self._flying[at].append((self._sent_ms(at, len(data)) + self.one_way_ms, data))

    def _sent_ms(self, at: int, size: int) -> float:
        busy_ms = size * 8_000 / self.bits_per_s if self.bits_per_s else 0.0
        self._free_ms[at] = max(self._free_ms[at], self.now_ms) + busy_ms
        return self._free_ms[at]
