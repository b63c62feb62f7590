"""`python -m tiers.talk`: the voice of a tier: it arbitrates floors and keeps what was said.

A process of its own, so that a call-down that keeps the node busy delays no voice. It speaks to the bus alone.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from pathlib import Path as FilePath

import structlog

from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import Bus
from fusioncmd.bus.saying import Saying
from fusioncmd.codes import Path, parse
from fusioncmd.programs import run_program
from fusioncmd.voice import faults, subjects
from fusioncmd.voice.faults import Kind
from tiers.floors import Floors
from tiers.listener import Listener

log = structlog.get_logger("talk")

BUS_WAIT_S = 30.0
TICK_S = 0.05
FAULTS_LOOK_S, FAULTS_AGAIN_S = 1.0, 60.0


class Talk:
    """Of the node at `node`. `began_ms`, by the monotonic clock: since when no other process has arbitrated here;
    it is silent until what another one granted has lapsed."""

    def __init__(self, bus: Bus, node: Path, data: FilePath, began_ms: int | None = None) -> None:
        self._bus, self._node = bus, node
        self._saying = Saying(bus)
        self._wanted: list[Path] = []  # whose beacons have to be heard from now on
        self.floors = Floors(node, _now_ms() if began_ms is None else began_ms, self._saying.say, self._wanted.append)
        self._heard: set[Path] = set()
        self.listener = Listener(bus, node, data, time.time, time.monotonic)
        self.listener.joined = lambda group: self.floors.joined(group, _now_ms())

    async def run(self, stop: asyncio.Event) -> None:
        await self._hear_all()
        log.info("talk.ready", node=self._node.code)
        runs = (self._saying.run(), self.listener.run(), self._tell_faults())
        tasks = [asyncio.create_task(run) for run in runs]
        try:
            while not stop.is_set() and not any(task.done() for task in tasks):
                self.floors.tick(_now_ms())
                while self._wanted:
                    await self._hear_beacon(self._wanted.pop())
                await asyncio.sleep(TICK_S)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _tell_faults(self) -> None:
        """When there are more of them, and each minute: the node may have been started again. Until cancelled."""
        told: dict[Kind, int] = {}
        told_s = time.monotonic()
        while True:
            await asyncio.sleep(FAULTS_LOOK_S)
            totals: dict[Kind, int] = {**self.listener.faults, "unsaid": self._saying.shed}
            if any(totals.values()) and (totals != told or time.monotonic() - told_s >= FAULTS_AGAIN_S):
                told, told_s = totals, time.monotonic()
                self._saying.say(subjects.faults(self._node), faults.encode(faults.Faults(totals)))

    async def _hear_all(self) -> None:
        for path in self._node.ancestors():
            await self._hear_beacon(path)
            await self._bus.hear(f"fc.floor.{path.dotted}.*", self._floor)
        await self._bus.hear(f"fc.floor.{self._node.dotted}.>", self._floor)

    async def _hear_beacon(self, path: Path) -> None:
        if path not in self._heard:
            self._heard.add(path)
            await self._bus.hear(subjects.beacon(path), self._beacon)

    def _beacon(self, subject: str, data: bytes) -> None:
        self.floors.beacon(subject, data, _now_ms())

    def _floor(self, subject: str, data: bytes) -> None:
        self.floors.floor(subject, data, _now_ms())


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


async def _run(given: argparse.Namespace) -> None:
    bus = await open_bus(given.nats, "talk", wait_s=BUS_WAIT_S, key=given.bus_key, ca=given.tls_ca)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Talk(bus, parse(given.node), given.data).run(stop)
    await bus.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tiers.talk", description=__doc__)
    parser.add_argument("--node", required=True)
    parser.add_argument("--nats", required=True)
    parser.add_argument("--data", type=FilePath, required=True)
    parser.add_argument("--bus-key", type=FilePath, help="floor.nk: this process's key of the bus")
    parser.add_argument("--tls-ca", type=FilePath, help="who vouches for the NATS server")
    run_program(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
