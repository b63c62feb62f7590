"""What a chaos run does, decided by its seed alone: whom it calls, what it ends, and what is killed when. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from fusioncmd.divisions import Divisions
from fusioncmd.messages import MsgType, Selector, Status
from fusioncmd.roster.sample import ROLES

SECOND_KILL = 0.35  # so many rounds have a kill at random besides the one at a named point
AFTER_S_MAX = 1.5
# Where a process may be killed by name (`killpoint.reach`), and which processes come there.
GATEWAY_POINTS = (
    "gateway.order_taken", "gateway.order_midway", "gateway.receipts_gathered", "gateway.receipts_stored",
    "gateway.receipts_confirmed",
)  # fmt: skip
NODE_POINTS = (
    "node.audience_stored", "node.order_stored", "node.receipts_folded", "ledger.orders_written", "ledger.head_written",
)  # fmt: skip
Victim = Literal["gateway", "node", "nats"]
VICTIMS: tuple[Victim, ...] = ("gateway", "node", "nats")


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL to `victim`, when some process comes to `point`; without a point, `after_s` after the order."""

    victim: Victim
    point: str | None
    after_s: float
    which: int  # of several gateways

    @property
    def name(self) -> str:
        return f"{self.victim} at {self.point}" if self.point else f"{self.victim} at random"


@dataclass(frozen=True, slots=True)
class Round:
    audience: Selector
    status: Status
    follow_up: MsgType | None  # an update or a cancel, some time after
    follow_up_after_s: float
    kills: tuple[Kill, ...]


def plan(seed: int, kills: int, places: Divisions) -> list[Round]:
    """Rounds with `kills` kills in all; every kind of kill comes up before one comes up twice."""
    rng = Random(f"chaos/{seed}")
    rounds: list[Round] = []
    named: list[tuple[Victim, str | None]] = []
    left = kills
    while left:
        named = named or _every_kind(rng)
        now = [_kill(rng, *named.pop())]
        if left > 1 and rng.random() < SECOND_KILL:
            now.append(_kill(rng, rng.choice(VICTIMS), None))
        follow_up: MsgType | None = rng.choices((None, "update", "cancel"), (4, 2, 2))[0]
        status: Status = rng.choice(("actual", "exercise"))
        rounds.append(Round(_audience(rng, places), status, follow_up, rng.uniform(0.2, AFTER_S_MAX), tuple(now)))
        left -= len(now)
    return rounds


def _every_kind(rng: Random) -> list[tuple[Victim, str | None]]:
    kinds: list[tuple[Victim, str | None]] = [(victim, None) for victim in VICTIMS]
    kinds += [("gateway", point) for point in GATEWAY_POINTS]
    kinds += [("node", point) for point in NODE_POINTS]
    kinds += [("nats", point) for point in (*GATEWAY_POINTS, *NODE_POINTS)]
    rng.shuffle(kinds)
    return kinds


def _kill(rng: Random, victim: Victim, point: str | None) -> Kill:
    return Kill(victim, point, rng.uniform(0.0, AFTER_S_MAX), rng.randrange(1 << 16))


def _audience(rng: Random, places: Divisions) -> Selector:
    cities = [path.code for path in places.children(places.root)]
    kind = rng.randrange(4)
    if kind == 0:
        return Selector((places.root.code,))
    if kind == 1:
        return Selector((places.root.code,), (rng.choice(list(ROLES)),))
    if kind == 2:
        return Selector((places.root.code,), not_nodes=(rng.choice(cities),), not_roles=("hazchem",))
    return Selector(tuple(sorted(rng.sample(cities, 6))))
