"""`python -m gateways.satellite.thin`: at a kit, sources re-encoded for its link. The one place where video is.

Told by the link's carrier what is to be done (`video_words.Do`), it hears the source on the bus and gives its packets
to a child (`recode.py`), at most `CHILDREN_MAX`; nobody wants anything: no child runs, nothing is heard.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from pathlib import Path as FilePath

import structlog

from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import Bus, Hearing
from fusioncmd.bus.saying import Saying
from fusioncmd.codes import Path, parse
from fusioncmd.errors import BadInput
from fusioncmd.programs import run_program
from fusioncmd.video import source as sources
from fusioncmd.video import subjects
from fusioncmd.video.bounds import KEYFRAME_S, SAID_S
from fusioncmd.video.source import Ask
from gateways.satellite.child import Child
from gateways.satellite.pieces import DO, KEY, MADE, PACKETS
from gateways.satellite.video_words import at_and_below, made, read_do

log = structlog.get_logger("thin")

BUS_WAIT_S = 30.0
CHILDREN_MAX = 3  # two live pictures, and one still; what is more waits
IDLE_S = 5.0  # told nothing for so long, a child ends
AGAIN_S, AGAIN_S_MAX = 2.0, 60.0  # one that ended by itself is begun again after so long, doubled each time
TURN_S = 0.25
KEY_S = 2 * KEYFRAME_S  # a source is asked for a keyframe at most so often


class Thinned:
    """A source that is being encoded."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self.child: Child | None = None
        self.hearing: Hearing | None = None
        self.told = b""
        self.told_s = self.asked_s = 0.0
        self.ended_s, self.again_s = -1e9, AGAIN_S
        self.wants_key = True


class Thinning:
    """Of the kit at `node`."""

    def __init__(self, bus: Bus, node: Path) -> None:
        self._bus, self._node, self._saying = bus, node, Saying(bus)
        self._here: dict[str, Thinned] = {}  # by `<dotted path>.<name>`
        self.refused = self.over = 0  # messages that were none; sources beyond CHILDREN_MAX

    async def run(self, stop: asyncio.Event) -> None:
        for subject in at_and_below("thin", self._node, "do"):
            await self._bus.hear(subject, self._told)
        saying = asyncio.create_task(self._saying.run())
        try:
            while not stop.is_set() and not saying.done():
                for one in list(self._here.values()):
                    await self._turn(one, time.monotonic())
                await asyncio.sleep(TURN_S)
        finally:
            for one in list(self._here.values()):
                await self._end(one)
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)

    def _told(self, subject: str, data: bytes) -> None:
        """What is to be done with a source."""
        place, _, _ = subject.removeprefix("fc.thin.").rpartition(".")
        dotted, _, name = place.rpartition(".")
        try:
            read_do(data)
            path = parse(dotted)
            subjects.packets(path, name)
        except BadInput:
            self.refused += 1
            return
        one = self._here.get(place)
        if one is None:
            if len(self._here) >= CHILDREN_MAX:
                self.over += 1
                return
            one = self._here[place] = Thinned(path, name)
        one.told, one.told_s = data, time.monotonic()
        if one.child is not None:
            one.child.give(DO, data, always=True)

    async def _turn(self, one: Thinned, now_s: float) -> None:
        if now_s - one.told_s > IDLE_S:
            return await self._end(one)
        if one.child is None and now_s - one.ended_s >= one.again_s:
            await self._begin(one)
        if one.hearing is not None and now_s - one.asked_s >= (KEY_S if one.wants_key else SAID_S):
            self._ask(one, Ask(f"thin-{self._node.code}", 1, one.wants_key), now_s)

    async def _begin(self, one: Thinned) -> None:
        to = made(one.path, one.name)

        def ended() -> None:
            one.child, one.ended_s, one.again_s = None, time.monotonic(), min(AGAIN_S_MAX, one.again_s * 2)

        def came(kind: bytes, data: bytes) -> None:
            if kind == MADE:
                self._saying.say(to, data)
            elif kind == KEY:
                one.wants_key = True

        child = Child("gateways.satellite.recode", came, ended)
        await child.begin()
        child.give(DO, one.told, always=True)
        one.child, one.wants_key = child, True
        if one.hearing is None:
            one.hearing = await self._bus.hear(
                subjects.packets(one.path, one.name),
                lambda _, data: None if one.child is None else _give(one.child, data),
            )
        log.info("thin.begins", source=f"{one.path.dotted}.{one.name}")

    async def _end(self, one: Thinned) -> None:
        self._here.pop(f"{one.path.dotted}.{one.name}", None)
        if one.hearing is not None:
            await one.hearing.stop()
            self._ask(one, Ask(f"thin-{self._node.code}", 0), time.monotonic())
        if one.child is not None:
            await one.child.stop()
        log.info("thin.ends", source=f"{one.path.dotted}.{one.name}")

    def _ask(self, one: Thinned, asked: Ask, now_s: float) -> None:
        one.asked_s, one.wants_key = now_s, False
        self._saying.say(subjects.ask(one.path, one.name), sources.encode(asked))


def _give(child: Child, bundle: bytes) -> None:
    child.give(PACKETS, bundle)


async def _run(given: argparse.Namespace) -> None:
    bus = await open_bus(given.nats, "thin", wait_s=BUS_WAIT_S, key=given.bus_key, ca=given.tls_ca)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    log.info("thin.ready", node=given.node)
    await Thinning(bus, parse(given.node)).run(stop)
    await bus.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateways.satellite.thin", description=__doc__)
    parser.add_argument("--node", required=True, help="the place of the kit, such as 440106001")
    parser.add_argument("--nats", required=True)
    parser.add_argument("--bus-key", type=FilePath, help="satellite.nk: this process's key of the bus")
    parser.add_argument("--tls-ca", type=FilePath, help="who vouches for the NATS server")
    run_program(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
