"""`python -m loadtest kept`: a day of video is recorded, with gaps and kills: each second is kept, or stated missing.

Simulated time, the real recorder and its files (loadtest/kept_world.py). Then each file is read back: every picture
lies at the moment at which it was taken, its digest is the index's, and what the index says of each second is what
happened.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from fusioncmd.video.keeping_bounds import HOLE_MS
from fusioncmd.video.kept import Missing, Row, Segment, Shed, stretches
from loadtest.kept_files import pictures
from loadtest.kept_world import Simulated, Trouble, World
from loadtest.output import Result, note, show

HOUR_MS, START_MS = 3_600_000, 1_795_000_000_000
TURN_MS, RATE, KEY_MS = 500, 2, 5_000
EDGE_MS = 2_000 + HOLE_MS  # around a kill or trouble, pictures that came may be missing
OFF_MS = 100  # a picture's moment in the file, against the truth: rounding, and the way before the first report
SHOWN_MAX = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hours", type=float, default=24.0, help="simulated (%(default)s)")
    parser.add_argument("--kills", type=int, default=24, help="of the recorder (%(default)s)")
    parser.add_argument("--sources", type=int, default=2, help="cameras (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="plays the same day again (%(default)s)")
    parser.add_argument("--mib", type=int, default=10_000, help="bound of the disk's share (%(default)s)")


async def main(given: argparse.Namespace) -> int:
    conditions = {name: getattr(given, name) for name in ("hours", "kills", "sources", "seed", "mib")}
    result = Result("kept", dict(conditions))
    with tempfile.TemporaryDirectory() as folder:
        day(Path(folder), given.hours, given.kills, given.sources, given.seed, given.mib * 2**20, result)
    return show(result, given.json)


def day(data: Path, hours: float, kills: int, count: int, seed: int, bytes_max: int, result: Result) -> World:
    random, began = Random(seed), time.perf_counter()
    end_ms = START_MS + int(hours * HOUR_MS)
    world = World(data, "4401", START_MS, bytes_max)
    sources = [
        Simulated("440106001", f"p{i:08x}", random, _troubles(random, end_ms, hours), RATE, KEY_MS)
        for i in range(1, count + 1)
    ]  # fmt: skip
    deaths = sorted(random.randrange(START_MS, end_ms) for _ in range(kills))
    world.start()
    told_ms = START_MS
    while world.now_ms < end_ms:
        if deaths and world.now_ms >= deaths[0]:
            deaths.pop(0)
            world.kill(random)
            died_ms = world.now_ms
            for _ in range(random.randrange(4, 400)):
                world.turn(sources, TURN_MS)
            world.kills.append((died_ms, world.now_ms))
            world.start()
        world.turn(sources, TURN_MS)
        if world.now_ms - told_ms >= HOUR_MS:
            told_ms = world.now_ms
            note(f"{(told_ms - START_MS) // HOUR_MS} h")
    assert world.keeper is not None
    world.keeper.end(world.now_ms)
    for one in sources:
        _check(world, one, result)
    result.add("kills", len(world.kills))
    result.add("segments shed", sum(isinstance(row, Shed) for row in _rows(world)))
    result.add("time", round(time.perf_counter() - began, 1), "s")
    return world


def _troubles(random: Random, end_ms: int, hours: float) -> list[Trouble]:
    made = []
    for _ in range(max(4, int(4 * hours))):
        begin_ms = random.randrange(START_MS + 10_000, end_ms)
        kind = random.choice(("lost", "silent", "away", "clock"))
        lasts_ms = random.randrange(1_000, 120_000)
        made.append(Trouble(begin_ms, begin_ms + lasts_ms, kind, random.choice((-7_200_000, 3_600_000, 86_400_000))))
    return made


def _rows(world: World) -> Iterator[Row]:
    for hour in world.store.hours():
        yield from world.store.rows(hour)


def _check(world: World, source: Simulated, result: Result) -> None:
    rows = [row for row in _rows(world) if isinstance(row, Shed) or row.source == source.name]
    begin_ms = min(row.begin_ms for row in rows if isinstance(row, Missing | Segment))
    known = stretches(rows, begin_ms, world.now_ms)
    wrong: list[str] = []
    if begin_ms > START_MS + 2 * TURN_MS:
        wrong.append(f"nothing is stated of the first {begin_ms - START_MS} ms")
    wrong += [f"{one.end_ms - one.begin_ms} ms are neither kept nor missing" for one in known if one.cause == "none"]
    found = _read(world, rows, wrong, source)
    kept_ms = sum(one.end_ms - one.begin_ms for one in known if not one.cause)
    shed = [(one.begin_ms, one.end_ms) for one in known if one.cause == "shed"]
    lost = [
        at_ms for number, at_ms in source.sent.items()
        if number not in found and not _excused(world, source, at_ms) and not any(b <= at_ms < e for b, e in shed)
    ]  # fmt: skip
    if lost:
        wrong.append(f"{len(lost)} pictures that came are not in any file, the first after {lost[0] - START_MS} ms")
    result.add(f"{source.name} seconds kept", kept_ms // 1_000, "s")
    for cause in sorted({one.cause for one in known} - {""}):
        result.add(
            f"{source.name} {cause}", sum(x.end_ms - x.begin_ms for x in known if x.cause == cause) // 1_000, "s"
        )
    result.add(f"{source.name} pictures in files", len(found))
    result.add(f"{source.name} pictures that came and are nowhere", len(source.sent) - len(found))
    result.failures += [f"{source.name}: {one}" for one in wrong[:SHOWN_MAX]]


def _read(world: World, rows: list[Row], wrong: list[str], source: Simulated) -> set[int]:
    gone = {row.id for row in rows if isinstance(row, Shed)}
    found: set[int] = set()
    for row in rows:
        if not isinstance(row, Segment) or row.id in gone:
            continue
        data = world.store.file(row).read_bytes()
        if hashlib.sha256(data).hexdigest() != row.sha256 or len(data) != row.bytes:
            wrong.append(f"{row.id} is not what the index says")
        for number, ms in pictures(data):
            sent_ms = source.sent.get(number)
            if sent_ms is None or abs(row.begin_ms + ms - sent_ms) > OFF_MS:
                wrong.append(f"picture {number} of {row.id} was sent at {sent_ms}, and is kept at {row.begin_ms + ms}")
            elif not row.begin_ms - OFF_MS <= sent_ms < row.end_ms + OFF_MS:
                wrong.append(f"picture {number} is outside of {row.id}")
            found.add(number)
    return found


def _excused(world: World, source: Simulated, at_ms: int) -> bool:
    """Near a kill or a trouble: until a keyframe came, and at most two seconds of the segment that was open."""
    spans = [(one.begin_ms, one.end_ms) for one in source.troubles] + world.kills
    return at_ms < START_MS + EDGE_MS or any(begin - 2_000 <= at_ms < end + EDGE_MS for begin, end in spans)
