"""A node's canaries: one into its own order stream every few seconds, and what comes back of them (canary.py)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from fusioncmd import canary, subjects
from fusioncmd.bus.port import Bus
from fusioncmd.canary import Flight
from fusioncmd.errors import Unavailable
from fusioncmd.exchange import bounds
from fusioncmd.messages import Presence

log = structlog.get_logger("canaries")

DELIVERS = "responder"  # the channel whose gateways read orders, and so canaries


class Canaries:
    """`clock` gives seconds since 1970, `monotonic` seconds."""

    def __init__(
        self, bus: Bus, clock: Callable[[], float], monotonic: Callable[[], float],
        every_s: float = bounds.CANARY_EVERY_S,
    ) -> None:  # fmt: skip
        self._bus, self.clock, self.monotonic, self.every_s = bus, clock, monotonic, every_s
        self.flight = Flight(monotonic(), self.lost_s)

    @property
    def lost_s(self) -> float:
        return self.every_s * bounds.CANARY_LOST_AFTER

    async def run(self, above: Callable[[], int]) -> None:
        """For ever; `above` gives what the node above said last."""
        self.flight.start(self.monotonic())
        while True:
            await asyncio.sleep(self.every_s)
            number = max(int(self.clock() * 1000), self.flight.number + 1)
            flying = self.flight.begin(number, above(), self.monotonic())
            try:
                await self._bus.store(subjects.CANARY, canary.pack(flying), ends_s=bounds.CANARY_KEPT_S)
            except Unavailable as problem:  # health says so, when it lasts: no answer comes
                log.warning("canary.not_stored", problem=problem.en)

    def read(self, number: int) -> None:
        """The node's own reading of its stream had it."""
        self.flight.answer("", number)

    def expect(self, presence: Presence, subject: str) -> None:
        """By the subject, which is the gateway's own, and not by the name it gives itself."""
        if presence.channel == DELIVERS:
            self.flight.expect(subject.removeprefix(subjects.PRESENCE_ALL[:-1]), self.monotonic())
