"""`python -m loadtest satellite`: a kit over a satellite link, and the same over a NATS leaf connection, side by side.

    python -m loadtest satellite --rate 64k --rtt 600ms --loss 1
    python -m loadtest satellite --only quiet,busy --seconds 60        (some of it)

Two tiers of real processes, a city and a town's kit below it, on the emulated link of loadtest/link, whose packets have
their headers on it: QUIC over UDP by the satellite gateways, or TCP of NATS, of which acknowledgements are not charged.
Terminals at the kit answer at once; a recorder's clip is uploaded; somebody speaks; the link is cut; the kit changes
its way. For 72 hours apart, `python -m loadtest away` is run over the same link. Everything random comes from --seed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from dataclasses import replace

from fusioncmd.cli.satellite_way import read_rate
from fusioncmd.errors import BadInput
from fusioncmd.supervisor import die_with_parent
from loadtest import harness, measure
from loadtest.link.quantities import S, time_ns
from loadtest.output import Result, show
from loadtest.satellite.busy import busy, outage
from loadtest.satellite.figures import NEVER, Measured, tell
from loadtest.satellite.paths import paths
from loadtest.satellite.quiet import quiet
from loadtest.satellite.world import Over, Thin, running

PARTS = ("quiet", "busy", "outage", "paths", "away")
AGREED = "agreed after the link was back [s]"
OVERS: tuple[Over, ...] = ("satellite", "leaf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rate", default="64k", help="of the link, headers included (%(default)s)")
    parser.add_argument("--rtt", default="600ms", help="there and back, without the line's own time (%(default)s)")
    parser.add_argument("--loss", type=float, default=1.0, help="percent of packets, each way (%(default)s)")
    parser.add_argument("--people", type=int, default=300, help="at the kit, each with a terminal (%(default)s)")
    parser.add_argument("--seconds", type=float, default=120.0, help="with the clip on its way (%(default)s)")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds in which nothing happens (%(default)s)")
    parser.add_argument("--outage", default="600s", help="so long the link is cut (%(default)s)")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, of: %(default)s")
    parser.add_argument("--over", default=",".join(OVERS), help="of: %(default)s")
    parser.add_argument("--seed", type=int, default=1)


async def main(given: argparse.Namespace) -> int:
    thin = Thin(read_rate(given.rate, "--rate"), time_ns(given.rtt), given.loss / 100, given.seed)
    parts, overs = _some(given.only, PARTS, "--only"), _some(given.over, OVERS, "--over")
    names = ("rate", "rtt", "loss", "people", "seconds", "outage", "seed")
    result = Result("satellite", measure.conditions() | {name: getattr(given, name) for name in names})
    found = await asyncio.gather(*(_all(given, thin, over, parts) for over in OVERS if over in overs))
    tell(result, dict(zip((over for over in OVERS if over in overs), found, strict=True)))
    result.remarks.append("Aims are those of the satellite gateway; the leaf connection is beside it to compare.")
    return show(result, given.json)


async def _all(given: argparse.Namespace, thin: Thin, over: Over, parts: frozenset[str]) -> Measured:
    measured: Measured = {}
    with harness.scratch() as folder:
        if parts & {"quiet", "busy", "outage"}:
            async with running(folder / "one", over, thin, given.people, "at-once") as world:
                if "quiet" in parts:
                    measured |= await quiet(world, given.idle)
                if "busy" in parts:
                    measured |= await busy(world, given.seconds, given.seed)
                if "outage" in parts:
                    measured |= await outage(world, time_ns(given.outage) / S, given.seed + 1)
        if "away" in parts:
            measured |= await _away(given, over)
        if "paths" in parts and over == "satellite":  # a leaf connection has one way, and ends with it
            two = replace(thin, ways=2, loss=0.0)
            async with running(folder / "two", over, two, given.people, "at-once") as world:
                measured |= await paths(world, given.seed + 2)
    return measured


async def _away(given: argparse.Namespace, over: Over) -> Measured:
    """In a process of its own, whose clock is moved. It fails where the two do not agree in time."""
    words = ["away", "--rate", given.rate, "--rtt", given.rtt, "--loss", given.loss, "--people", given.people]
    words += ["--over", over, "--seed", given.seed, "--json"]
    argv = [sys.executable, "-m", "loadtest", *map(str, words)]
    process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
    said = json.loads((await process.communicate())[0] or b"{}")
    figures = said.get("figures", {})
    return {
        "after 72 hours: both ends agree": NEVER if said.get("failures", [1]) else figures[AGREED],
        "after 72 hours: bytes, both ways": figures.get("over the link until then [B]", NEVER),
    }


def _some(text: str, known: tuple[str, ...], option: str) -> frozenset[str]:
    found = frozenset(text.split(","))
    if not found <= set(known):
        raise BadInput(f"{option}: some of {', '.join(known)}.", f"{option}：可选 {'、'.join(known)}。")
    return found
