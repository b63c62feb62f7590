"""One link of this process: between a connection to its bus and a pipe. The shell around `core.Bridge`.

A link has a connection of its own that hears nothing of what it says itself: so a frame that came from a kit goes to
all others of its hub, and not back.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog

from fusioncmd import subjects
from fusioncmd.bus.port import Bus, Heard, Hearing
from fusioncmd.codes import Path
from fusioncmd.errors import Problem, Unavailable
from fusioncmd.satellite import FACTS_EVERY_S, LinkFacts, pack
from gateways.satellite.carriers import carriers
from gateways.satellite.carrying import Carrier, Link, Pipe, Side
from gateways.satellite.classes import Class
from gateways.satellite.core import Bridge
from gateways.satellite.facts import Facts

log = structlog.get_logger("satellite")

TICK_S = 0.05
OUT_MESSAGES_MAX = 4_096  # for this end's bus; shed, the oldest first
RETRY_S = 0.3


class LinkBridge:
    """`facts` are the pipe's; `began_ms` is when this process began, since 1970, and another for each start. From the
    moment it is made nothing that the pipe says is lost; what it says itself waits for `run`."""

    def __init__(
        self, pipe: Pipe, side: Side, node: Path, kit: Path, facts: Callable[[], Facts], began_ms: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._pipe, self._kit, self._facts = pipe, kit, facts
        self._began_ms, self._monotonic = began_ms, monotonic
        link = Link(
            side, node, kit, pipe.waiting, lambda: pipe.rate_bps, lambda: facts().round_trip_s, began_ms
        )  # fmt: skip
        self.core = Bridge(pipe, carriers(link), self._say, began_ms)
        self._out: deque[tuple[str, bytes]] = deque(maxlen=OUT_MESSAGES_MAX)
        self._wake = asyncio.Event()
        self._hearings: dict[tuple[int, str], Hearing] = {}
        self._facts_due_s = 0.0
        self._begun = 0  # how often the other end began anew, when the node was told last
        self.lost = 0  # messages that this end's bus did not take
        pipe.heard, pipe.turned = self._heard, self._turned
        self._tell()
        self.core.begin(monotonic())

    async def run(self, bus: Bus) -> None:
        """Until it is cancelled. `bus` has no echo."""
        await self._listen(bus)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick(bus))
            tasks.create_task(self._publish(bus))

    async def _listen(self, bus: Bus) -> None:
        """To what carriers want to hear now, and to nothing else."""
        wanted = {(n, subject) for n, carrier in enumerate(self.core.carriers) for subject in carrier.hears()}
        for key in self._hearings.keys() - wanted:
            await self._hearings.pop(key).stop()
        for n, subject in wanted - self._hearings.keys():
            self._hearings[n, subject] = await bus.hear(subject, self._hearer(self.core.carriers[n]))

    def _hearer(self, carrier: Carrier) -> Heard:
        return lambda subject, data: self.core.from_bus(carrier, subject, data, self._monotonic())

    def _heard(self, cls: Class, letter: bytes) -> None:
        self.core.from_link(letter, self._monotonic())

    def _turned(self, up: bool) -> None:
        log.info("satellite.turned", kit=self._kit.code, up=up)
        self._tell()
        self.core.turned(up, self._monotonic())

    def _say(self, subject: str, data: bytes) -> None:
        self.lost += len(self._out) == OUT_MESSAGES_MAX
        self._out.append((subject, data))
        self._wake.set()

    async def _tick(self, bus: Bus) -> None:
        bad = 0
        while True:
            now_s = self._monotonic()
            self.core.due(now_s)
            await self._listen(bus)
            if now_s >= self._facts_due_s or self.core.begun != self._begun:
                self._tell()
            if self.core.bad != bad:
                bad, problem = self.core.bad, self.core.last_bad
                log.error("satellite.bad", kit=self._kit.code, count=bad, problem=problem.en if problem else "")
            await asyncio.sleep(TICK_S)

    def _tell(self) -> None:
        """The node, of how the link is."""
        self._facts_due_s, self._begun = self._monotonic() + FACTS_EVERY_S, self.core.begun
        self._say(subjects.satellite(self._kit.code), pack(self.told()))

    def told(self) -> LinkFacts:
        facts, core = self._facts(), self.core
        return LinkFacts(
            kit=self._kit.code, up=self._pipe.up, for_ms=max(0, int(facts.since_s * 1000)),
            session=self._began_ms + core.begun, way=facts.way, rate_bps=facts.rate_bps,
            provisioned_bps=facts.provisioned_bps,
            round_trip_ms=int(facts.round_trip_s * 1000) or None, loss=min(max(facts.loss, 0.0), 1.0),
            sent_bytes=facts.sent_bytes, heard_bytes=facts.heard_bytes, waiting=facts.waiting,
            shed=_sum(facts.shed, {cls.name.lower(): count for cls, count in core.shed.items()}), bad=core.bad,
            clock_off_ms=facts.clock_off_ms, refused=facts.refused, refused_zh=facts.refused_zh,
        )  # fmt: skip

    async def _publish(self, bus: Bus) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._out:
                subject, data = self._out.popleft()
                try:
                    await bus.say(subject, data)
                except Unavailable as problem:  # its node hears nothing either, and the other end is told so
                    self.lost += 1
                    log.warning("satellite.bus_is_down", problem=problem.en, lost=self.lost)
                    await asyncio.sleep(RETRY_S)
                except Problem as problem:
                    self.lost += 1
                    log.error("satellite.not_said", subject=subject, problem=problem.en)


def _sum(*counts: dict[str, int]) -> dict[str, Any]:
    return {name: sum(each.get(name, 0) for each in counts) for name in sorted({n for each in counts for n in each})}
