"""`python -m loadtest alarms`: from an alarm to the first delivery at a terminal, beside 1,000 sensors and in a storm.

A tier whose alarms come in by MQTT, signed hook and CAP, and whose playbook issues without a hand under a key that was
granted for it. A thousand sensors report each second all the while; one of them crosses its limit, a hook posts, the
weather service warns: each time a connected terminal is waited for. Then storms of 10,000 alarms in 10 s, of few things
and all of different ones, whose every distinct alarm has to be in the stream and in the node's list; and they too
are not to delay an alarm that calls somebody. And how long it takes to say where a point is.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

from fusioncmd import divisions, gazetteer
from fusioncmd.gazetteer import Gazetteer
from fusioncmd.ground import COUNTIES, TOWNS
from loadtest import harness, measure
from loadtest.alarm_sending import KINDS, Probes, Reporting
from loadtest.alarm_storm import Storm, storm
from loadtest.alarm_terminal import holding
from loadtest.alarm_world import World, world, write_map
from loadtest.output import Result, note, show

AIM_MS = 300.0
LOOKUPS = 20_000
SETTLE_S = 2.0
REPORTED_MIN = 0.98  # of the reports that were due


async def run(given: argparse.Namespace) -> Result:
    names = ("sensors", "alarms", "storm", "seconds", "distinct", "people", "seed")
    result = Result("alarms", measure.conditions() | {name: getattr(given, name) for name in names})
    with harness.scratch() as folder:
        _lookups(result, folder / "map", given)
        async with world(folder / "tier", given.sensors, given.people, given.seed) as tier:
            people = await tier.running.people()
            tickets = dict(tier.running.tickets(people, len(people)))
            mine = next(n for n, place in zip(people.numbers, people.places, strict=True) if place[:9] == tier.town)
            async with holding(tier.running.tier.port, tickets[mine]) as terminal, _reporting(tier) as reporting:
                probes = Probes(tier, terminal, reporting.sensors)
                await _calm(result, probes, reporting, given)
                for distinct in (given.distinct, given.storm):
                    note(f"a storm of {given.storm:,} about {distinct:,}")
                    probes.ms = {kind: [] for kind in KINDS}
                    _tell_storm(
                        result, probes,
                        await storm(tier, probes, f"d{distinct}", given.storm, distinct, given.seconds), given,
                    )  # fmt: skip
    return result


@contextlib.asynccontextmanager
async def _reporting(tier: World) -> AsyncIterator[Reporting]:
    began_s = time.monotonic()
    sensors = await tier.sensors()
    note(f"{len(sensors):,} sensors connected in {time.monotonic() - began_s:.1f} s")
    reporting = Reporting(tier, sensors)
    task = asyncio.create_task(reporting.run())
    try:
        yield reporting
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for sensor in reporting.sensors:
            sensor.close()


async def _calm(result: Result, probes: Probes, reporting: Reporting, given: argparse.Namespace) -> None:
    await asyncio.sleep(SETTLE_S)
    pids = probes.world.running.pids()
    before, said, began_s = measure.costs(pids), reporting.said, time.monotonic()
    for _ in range(given.alarms):
        for kind in KINDS:
            await probes.one(kind)
            await asyncio.sleep(0.1)
    seconds = time.monotonic() - began_s
    result.add("sensors: reports", round((reporting.said - said) / seconds), "/s")
    for kind in KINDS:
        _tell_ms(result, f"{kind}: alarm to delivery", sorted(probes.ms[kind]), probes.missed)
    for name in ("alarm", "node", "nats"):
        share = (measure.cost(pids[name]).cpu_s - before[name].cpu_s) / seconds
        result.add(f"calm: {name}'s CPU", round(100 * share, 1), "% of a core")
    await asyncio.sleep(SETTLE_S)
    sent, confirmed = reporting.acknowledged
    result.add("sensors: QoS 1 confirmed", f"{confirmed:,} of {sent:,}")
    if lost := len(reporting.gone) + sum(sensor.lost for sensor in reporting.sensors):
        result.remarks.append(f"{lost} connections of sensors were lost: NATS ends one whose store takes 60 s.")
    if confirmed < REPORTED_MIN * sent:
        result.failures.append(f"{confirmed} of {sent} reports were confirmed.")
    if (reporting.said - said) / seconds < REPORTED_MIN * len(reporting.sensors):
        result.failures.append("The sensors could not report each second.")


def _tell_ms(result: Result, name: str, ms: list[float], missed: list[str]) -> None:
    if ms:
        result.add(f"{name}, p50", round(ms[len(ms) // 2], 1), "ms")
        result.add(f"{name}, p95", round(ms[len(ms) * 95 // 100], 1), "ms")
    if missed:
        result.failures.append(f"{name}: no order came of {', '.join(missed[:10])}.")
        missed.clear()
    if not ms or ms[len(ms) * 95 // 100] > AIM_MS:
        result.failures.append(f"{name}: more than {AIM_MS:.0f} ms for more than 5 of 100.")


def _tell_storm(result: Result, probes: Probes, made: Storm, given: argparse.Namespace) -> None:
    name = f"storm of {made.distinct:,}"
    result.add(f"{name}: posted", round(made.posted / made.seconds), "/s")
    replies = sorted(made.reply_ms)
    if replies:
        result.add(f"{name}: answered, p95", round(replies[len(replies) * 95 // 100], 1), "ms")
    result.add(f"{name}: messages in the stream", made.messages)
    result.add(f"{name}: distinct ones lost", made.lost)
    result.add(f"{name}: in the node's list", made.listed)
    result.add(f"{name}: looked at after", round(made.looked_s, 1), "s")
    for each, cpu_s in made.cpu.items():
        result.add(f"{name}: {each}'s CPU", round(1_000_000 * cpu_s / made.posted), "µs an alarm")
    _tell_ms(result, f"{name}: alarm to delivery", probes.all_ms, probes.missed)
    result.failures += [f"{name}: {words}." for words in sorted(set(made.failed))[:5]]
    if made.taken < given.storm:
        result.failures.append(f"{name}: {made.taken} of {given.storm} were taken.")
    if made.lost or made.listed != made.distinct:
        result.failures.append(
            f"{name}: of {made.distinct} distinct alarms {made.lost} are not in the stream, {made.listed} in the list."
        )
    if made.seconds > 1.1 * given.seconds:
        result.failures.append(f"{name}: {made.posted} took {made.seconds:.1f} s, not {given.seconds:.0f}.")


def _lookups(result: Result, folder: Path, given: argparse.Namespace) -> None:
    """On the map given, or on the grid."""
    write_map(folder, divisions.guangdong())
    polygons = gazetteer.read_polygons((given.counties or folder / COUNTIES).read_bytes())
    towns = gazetteer.read_towns((given.towns or folder / TOWNS).read_bytes())
    random_ = random.Random(given.seed)
    some = [random_.choice(towns)[1] for _ in range(LOOKUPS)]
    points = [(at.lat + random_.uniform(-0.02, 0.02), at.lon + random_.uniform(-0.02, 0.02)) for at in some]
    for name, held in (("county of a point", Gazetteer(polygons)), ("nearest town", Gazetteer(polygons, towns))):
        began_s = time.process_time()
        found = sum(bool(held.at(lat, lon)) for lat, lon in points)
        took_s = time.process_time() - began_s
        result.add(f"{name}, of {len(held):,} places: CPU", round(took_s / LOOKUPS * 1e6, 1), "µs")
        if found < LOOKUPS * 0.9:
            said = result.remarks if found > LOOKUPS * 0.5 else result.failures  # in the sea, or of another map
            said.append(f"{name}: {LOOKUPS - found} of {LOOKUPS} points lie in no county.")


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sensors", type=int, default=1_000, help="that report each second")
    parser.add_argument("--alarms", type=int, default=40, help="of each of three kinds, waited for at a terminal")
    parser.add_argument("--storm", type=int, default=10_000, help="alarms")
    parser.add_argument("--seconds", type=float, default=10.0, help="that a storm lasts")
    parser.add_argument("--distinct", type=int, default=700, help="things that the first storm is about")
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--counties", type=Path, help="GeoJSON to look points up in (default: a grid)")
    parser.add_argument("--towns", type=Path, help="CSV of towns: code, lat, lon")
    parser.add_argument("--seed", type=int, default=1)
