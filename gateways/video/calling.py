"""What is going on for somebody at a gateway: what they may watch, and whether a roll calls their place."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from fusioncmd.bus.port import Bus, Hearing
from fusioncmd.codes import Path
from fusioncmd.video import subjects
from fusioncmd.video.heard import RollsHeard
from gateways.radio.calls import Caller
from gateways.video.forwarding import Forwarding
from gateways.video.listing import Row, rows


class Call(Struct, frozen=True):
    """The node at `node` calls the place `called` until `until_ms`, by its clock; `left_s`: from now, by ours."""

    node: str
    roll: str
    called: str
    until_ms: int
    left_s: float
    by: str


class Now(Struct, frozen=True):
    """`calls`: those that mean the asker's place; a commander's own node is told of no call of theirs."""

    calls: tuple[Call, ...]
    sources: list[Row]


class Calling:
    """Of the gateway that serves `serves`; `clock` gives seconds since 1970."""

    def __init__(self, bus: Bus, serves: Path, clock: Callable[[], float]) -> None:
        self._bus, self._serves, self._clock = bus, serves, clock
        self._rolls = RollsHeard()
        self._hearings: list[Hearing] = []

    async def begin(self) -> None:
        for path in (*self._serves.ancestors(), self._serves):
            self._hearings.append(await self._bus.hear(subjects.roll(path), self._heard))

    def now(self, forwarding: Forwarding, caller: Caller) -> Now:
        now_ms = int(self._clock() * 1_000)
        calls = tuple(
            Call(one.node, one.ident, one.called, one.until_ms, (one.until_ms - now_ms) / 1_000, one.by)
            for one in self._rolls.calls(caller.node, now_ms)
        )
        return Now(calls, rows(forwarding, caller))

    def _heard(self, subject: str, data: bytes) -> None:
        self._rolls.take(subject, data, int(self._clock() * 1_000))
