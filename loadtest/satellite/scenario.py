"""`python -m loadtest satellite`: a kit over a satellite link, and the same over a NATS leaf connection, side by side.

    python -m loadtest satellite --rate 64k --rtt 600ms --loss 1
    python -m loadtest satellite --only quiet,busy --seconds 60        (some of it)

Two tiers of real processes, a city and a town's kit below it, on the emulated link of loadtest/link, whose packets have
their headers on it: QUIC over UDP by the satellite gateways, or TCP of NATS, of which acknowledgements are not charged.
Terminals at the kit answer at once; a recorder's clip is uploaded; somebody speaks; the link is cut, in real time; a
kit comes for the first time; it changes its way. For 72 hours apart, `python -m loadtest away` is run over the same
link, with the clock of every process moved. Everything random of the link comes from --seed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

from fusioncmd.cli.satellite_way import read_rate
from fusioncmd.errors import BadInput, Problem, Unavailable
from fusioncmd.supervisor import die_with_parent
from loadtest import harness, measure
from loadtest.link.quantities import S, time_ns
from loadtest.output import Result, note, show
from loadtest.satellite import plan
from loadtest.satellite.busy import busy, outage
from loadtest.satellite.figures import Measured, tell
from loadtest.satellite.joining import joining
from loadtest.satellite.paths import paths
from loadtest.satellite.quiet import quiet
from loadtest.satellite.world import Over, Thin, running

PARTS = tuple(part.name for part in plan.parts(0, 0, 0))
AGREED = "agreed after the link was back [s]"
OVERS: tuple[Over, ...] = ("satellite", "leaf")
LEAST_S = 5.0  # of a part that is given a length
PEOPLE_MAX = 4_000
REMARKS = (
    "Aims are those of the satellite gateway; the leaf connection is beside it to compare.",
    "Of TCP, acknowledgements are not charged, and a segment that is lost goes again after its timeout.",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rate", default="64k", help="of the link, headers included (%(default)s)")
    parser.add_argument("--rtt", default="600ms", help="there and back, without the line's own time (%(default)s)")
    parser.add_argument("--loss", type=float, default=1.0, help="percent of packets, each way (%(default)s)")
    parser.add_argument("--people", type=int, default=300, help="at the kit, each with a terminal (%(default)s)")
    parser.add_argument("--seconds", type=float, default=120.0, help="with the clip on its way (%(default)s)")
    parser.add_argument("--idle", type=float, default=240.0, help="seconds in which nothing happens (%(default)s)")
    parser.add_argument("--outage", default="600s", help="so long the link is cut (%(default)s)")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, of: %(default)s")
    parser.add_argument("--over", default=",".join(OVERS), help="of: %(default)s")
    parser.add_argument("--seed", type=int, default=1)


async def main(given: argparse.Namespace) -> int:
    thin, outage_s = _thin(given), time_ns(given.outage) / S
    overs = _some(given.over, OVERS, "--over")
    wanted = _some(given.only, PARTS, "--only")
    chosen = tuple(part for part in plan.parts(given.seconds, given.idle, outage_s) if part.name in wanted)
    note(plan.told(chosen))
    names = ("rate", "rtt", "loss", "people", "seconds", "idle", "outage", "seed")
    result = Result("satellite", measure.conditions() | {name: getattr(given, name) for name in names})
    runs = [Run(given, thin, over, chosen) for over in OVERS if over in overs]
    await asyncio.gather(*(run.all() for run in runs))
    tell(result, {run.over: run.measured for run in runs})
    for run in runs:
        (result.failures if run.over == "satellite" else result.remarks).extend(run.missed)
    result.remarks += REMARKS
    return show(result, given.json)


class Run:
    """The chosen parts over one of the two links. `missed`: a sentence for each part that came to no end."""

    def __init__(self, given: argparse.Namespace, thin: Thin, over: Over, chosen: tuple[plan.Part, ...]) -> None:
        self._given, self._thin, self.over = given, thin, over
        self._parts = {part.name: part for part in chosen}
        self.measured: Measured = {}
        self.missed: list[str] = []

    async def all(self) -> None:
        given, thin = self._given, self._thin
        with harness.scratch() as folder:
            if self._parts.keys() & {"quiet", "busy", "outage"}:
                with self._told("the tiers"):
                    await self._one_world(folder / "one")
            await self.part("joining", lambda: joining(folder / "joining", self.over, thin))
            await self.part("away", lambda: _away(given, self.over))
            if self.over == "satellite":  # a leaf connection has one way, and ends with it
                await self.part("paths", lambda: self._paths(folder / "two"))

    async def _one_world(self, folder: Path) -> None:
        given = self._given
        async with running(folder, self.over, self._thin, given.people, "at-once") as world:
            await self.part("quiet", lambda: quiet(world, given.idle))
            await self.part("busy", lambda: busy(world, given.seconds, given.seed))
            await self.part("outage", lambda: outage(world, time_ns(given.outage) / S, given.seed + 1))

    async def _paths(self, folder: Path) -> Measured:
        """The link loses nothing by itself here, so that what is missing is the change's."""
        two = replace(self._thin, ways=2, loss=0.0)
        async with running(folder, self.over, two, self._given.people, "at-once") as world:
            return await paths(world, self._given.seed + 2)

    async def part(self, name: str, what: Callable[[], Awaitable[Measured]]) -> None:
        if (part := self._parts.get(name)) is None:
            return
        began_s = time.monotonic()
        with self._told(name):
            try:
                async with asyncio.timeout(part.most_s):
                    self.measured |= await what()
                note(f"{self.over}, {name}: measured in {time.monotonic() - began_s:.0f} s")
            except TimeoutError:
                self.missed.append(f"{self.over}, {name}: it did not end within {part.most_s:.0f} s.")

    @contextlib.contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """What is wrong in one part is told at the end, and the others go on."""
        try:
            yield
        except Problem as problem:
            self.missed.append(f"{self.over}, {name}: {problem.en}")


async def _away(given: argparse.Namespace, over: Over) -> Measured:
    """In a process of its own, whose clock is moved."""
    words = ["away", "--rate", given.rate, "--rtt", given.rtt, "--loss", given.loss, "--people", given.people]
    words += ["--over", over, "--seed", given.seed, "--json"]
    argv = [sys.executable, "-m", "loadtest", *map(str, words)]
    process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
    try:
        said = json.loads((await process.communicate())[0] or b"{}")
    finally:
        if process.returncode is None:
            process.kill()
    figures = said.get("figures", {})
    if figures.get(AGREED) is None:
        raise Unavailable("72 hours apart were not measured.", "未测得 72 小时中断的结果。")
    return {
        "after 72 hours: both ends agree": figures[AGREED],
        "after 72 hours: bytes, both ways": figures["over the link until then [B]"],
        "after 72 hours: differences left": sum(said["violations"].values()) + len(said["failures"]),
    }


def _thin(given: argparse.Namespace) -> Thin:
    if not 0 <= given.loss < 100:
        raise BadInput("--loss is a percentage from 0 to below 100.", "--loss 为 0 至 100（不含）的百分数。")
    if min(given.seconds, given.idle, time_ns(given.outage) / S) < LEAST_S:
        raise BadInput(
            f"--seconds, --idle and --outage are {LEAST_S:.0f} s at least.",
            f"--seconds、--idle、--outage 不得少于 {LEAST_S:.0f} 秒。",
        )
    if not 1 <= given.people <= PEOPLE_MAX:
        raise BadInput(f"--people is from 1 to {PEOPLE_MAX:,}.", f"--people 为 1 至 {PEOPLE_MAX:,}。")
    return Thin(read_rate(given.rate, "--rate"), time_ns(given.rtt), given.loss / 100, given.seed)


def _some(text: str, known: tuple[str, ...], option: str) -> frozenset[str]:
    found = frozenset(text.split(","))
    if not found <= set(known):
        raise BadInput(f"{option}: some of {', '.join(known)}.", f"{option}：可选 {'、'.join(known)}。")
    return found
