"""Recorders of a kit and of its hub, each on a bus of its own in memory, and the real carriers between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.saying import Saying
from gateways.satellite.carrying import Carrier, Letter, Link, Work
from gateways.satellite.kept import HubKept, KitKept
from tests.kept_recordings import T0, record
from tests.thin_link import HUB, KIT
from tiers.kept_copies import Copies
from tiers.kept_store import KeptStore, folder_of


class Ends:
    """Two segments of 0.8 s were recorded at the kit."""

    def __init__(self, folder: Path) -> None:
        self.kit_data, self.hub_data = folder / "kit", folder / "hub"
        self.below, self.found = record(self.kit_data, (0, 5_000), origin=KIT.code)
        self.own = KeptStore(self.hub_data, folder_of(self.hub_data), lambda: T0 / 1_000)
        self.up, self.bytes = False, 0
        self.buses = {"kit": MemoryBus(), "hub": MemoryBus()}
        self.sayings = {side: Saying(bus) for side, bus in self.buses.items()}
        self.carriers: dict[str, Carrier] = {
            "kit": KitKept(Link("kit", KIT, KIT, lambda _: 0, lambda: 64_000)),
            "hub": HubKept(Link("hub", HUB, KIT, lambda _: 0, lambda: 64_000)),
        }
        self.copies = [
            Copies(self.buses["kit"], self.sayings["kit"], KIT, self.kit_data, self.below, self.clock, 1 << 40, 30),
            Copies(self.buses["hub"], self.sayings["hub"], HUB, self.hub_data, self.own, self.clock, 1 << 40, 30),
        ]
        self.tasks: list[asyncio.Task[None]] = []

    @staticmethod
    def clock() -> float:
        return T0 / 1_000

    async def begin(self) -> None:
        for side, carrier in self.carriers.items():
            for subject in carrier.hears():
                await self.buses[side].hear(subject, self._from_bus(side))
        self.turn(True)
        running = [*(one.run() for one in self.copies), *(one.run() for one in self.sayings.values()), self._due()]
        self.tasks = [asyncio.create_task(one) for one in running]

    def begin_anew(self) -> None:
        """The recorder above was ended, and begun again."""
        self.tasks[1].cancel()
        self.copies[1] = Copies(
            self.buses["hub"], self.sayings["hub"], HUB, self.hub_data, self.own, self.clock, 1 << 40, 30
        )
        self.tasks[1] = asyncio.create_task(self.copies[1].run())

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def turn(self, up: bool) -> None:
        self.up = up
        for side in self.carriers:
            self._do(side, self.carriers[side].turned(up, self.now_s()))

    @staticmethod
    def now_s() -> float:
        return asyncio.get_running_loop().time()

    def _from_bus(self, side: str) -> Callable[[str, bytes], None]:
        return lambda subject, data: self._do(side, self.carriers[side].from_bus(subject, data, self.now_s()))

    def _do(self, side: str, work: Work) -> None:
        for each in work.publishes:
            self.sayings[side].say(each.subject, each.data)
        other = "hub" if side == "kit" else "kit"
        for letter in work.letters:
            if self.up:
                self.bytes += len(letter.body)
                asyncio.get_running_loop().call_later(0.002, self._arrives, other, letter)

    def _arrives(self, side: str, letter: Letter) -> None:
        if self.up:
            self._do(side, self.carriers[side].from_link(letter.kind, letter.body, self.now_s()))

    async def _due(self) -> None:
        while True:
            for side, carrier in self.carriers.items():
                self._do(side, carrier.due(self.now_s()))
            await asyncio.sleep(0.01)

    def partial(self) -> Path:
        one = self.found[0]
        return self.hub_data / "video-copies" / KIT.code / one.id[:10] / f"{one.id}.partial"
