"""`python -m tiers.keep`: the recorder of a tier's video.

A process of its own, so that a disk that is slow delays neither floors nor orders. It speaks to the bus, and to the
node by the folder `video` of its data.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Callable
from pathlib import Path as FilePath

import structlog

from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import Bus, Hearing
from fusioncmd.bus.saying import Saying
from fusioncmd.codes import Path, parse
from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.machine_clock import machine_clock
from fusioncmd.programs import run_program
from fusioncmd.video import subjects
from fusioncmd.video.bounds import KEYFRAME_S, SAID_S
from fusioncmd.video.keeping_bounds import KEPT_BYTES_MAX, KEPT_DAYS_MAX, WAITING_BYTES_MAX
from fusioncmd.video.source import Ask, Source, decode, encode
from tiers.keeper import Heard, Keeper, Key, Wants
from tiers.kept_copies import Copies
from tiers.kept_store import KeptStore, folder_of

log = structlog.get_logger("keep")

BUS_WAIT_S = 30.0
TURN_S = 0.25  # what came is written so often


class Keep:
    """Of the node at `node`. `clock` gives seconds since 1970 and does not jump."""

    def __init__(
        self, bus: Bus, node: Path, data: FilePath, clock: Callable[[], float],
        bytes_max: int = KEPT_BYTES_MAX, days_max: int = KEPT_DAYS_MAX,
    ) -> None:  # fmt: skip
        self._bus, self._node, self._clock = bus, node, clock
        folder = folder_of(data)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.store = KeptStore(data, folder, clock, bytes_max, days_max)
        self.keeper = Keeper(self.store, folder, node.code, self._now_ms())
        self._saying = Saying(bus)
        self.copies = Copies(bus, self._saying, node, data, self.store, clock, bytes_max // 2, days_max)
        self._said: dict[Key, Source] = {}
        self._heard: list[Heard] = []
        self._waiting = self._shed = 0  # bytes; messages
        self._hearings: dict[Key, Hearing] = {}
        self._asked_s: dict[Key, float] = {}

    async def run(self, stop: asyncio.Event) -> None:
        for depth in range(6 - self._node.tier):
            await self._bus.hear(f"fc.video.{self._node.dotted}{'.*' * depth}.*.what", self._hear_what)
        tasks = {asyncio.create_task(self._saying.run()), asyncio.create_task(self.copies.run())}
        log.info("keep.ready", node=self._node.code)
        try:
            while not stop.is_set() and not any(task.done() for task in tasks):
                await self._follow(await self._turn())
                await asyncio.sleep(TURN_S)
            await asyncio.to_thread(self.keeper.end, self._now_ms())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()

    async def _turn(self) -> Wants:
        said, heard, shed = [*self._said.values()], self._heard, self._shed
        self._said, self._heard, self._waiting, self._shed = {}, [], 0, 0
        return await asyncio.to_thread(self.keeper.work, said, heard, shed, self._now_ms())

    async def _follow(self, wants: Wants) -> None:
        """Hears what is wanted, and says so to whoever publishes it."""
        for key in self._hearings.keys() - wants.hear:
            await self._hearings.pop(key).stop()
            self._saying.say(subjects.ask(parse(key[0]), key[1]), encode(Ask(f"keep-{self._node.code}", 0)))
        for key in wants.hear:
            if key not in self._hearings:
                self._hearings[key] = await self._bus.hear(subjects.packets(parse(key[0]), key[1]), self._hear_packets)
                self._asked_s.pop(key, None)
            every_s = KEYFRAME_S if key in wants.keyframes else SAID_S
            if self._clock() - self._asked_s.get(key, 0.0) >= every_s:
                self._asked_s[key] = self._clock()
                ask = Ask(f"keep-{self._node.code}", 1, key in wants.keyframes)
                self._saying.say(subjects.ask(parse(key[0]), key[1]), encode(ask))
        self._asked_s = {key: at_s for key, at_s in self._asked_s.items() if key in wants.hear}

    def _hear_what(self, subject: str, data: bytes) -> None:
        """Who says what it is not is passed over."""
        try:
            path, name = subjects.source_of(subject)
            said = decode(data)
        except (BadInput, BadMessage):
            return
        if isinstance(said, Source) and (said.node, said.name) == (path.code, name):
            self._said[path.code, name] = said

    def _hear_packets(self, subject: str, data: bytes) -> None:
        path, name = subjects.source_of(subject)
        if self._waiting + len(data) > WAITING_BYTES_MAX:
            self._shed += len(self._heard) + 1
            self._heard, self._waiting = [], 0
            return
        self._waiting += len(data)
        self._heard.append(Heard((path.code, name), data, self._now_ms()))

    def _now_ms(self) -> float:
        return self._clock() * 1_000


async def _run(given: argparse.Namespace) -> None:
    bus = await open_bus(given.nats, "keep", wait_s=BUS_WAIT_S, key=given.bus_key, ca=given.tls_ca)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    keep = Keep(bus, parse(given.node), given.data, machine_clock(), given.gib * 1024**3, given.days)
    await keep.run(stop)
    await bus.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tiers.keep", description=__doc__)
    parser.add_argument("--node", required=True)
    parser.add_argument("--nats", required=True)
    parser.add_argument("--data", type=FilePath, required=True)
    parser.add_argument("--gib", type=int, default=KEPT_BYTES_MAX // 1024**3, help="at most so much video on the disk")
    parser.add_argument("--days", type=int, default=KEPT_DAYS_MAX, help="at most so old")
    parser.add_argument("--bus-key", type=FilePath, help="floor.nk: this process's key of the bus")
    parser.add_argument("--tls-ca", type=FilePath, help="who vouches for the NATS server")
    run_program(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
