"""`python -m loadtest ladder`: what a step of a ladder costs the node: whom it means, and each batch handed over.

A province of silent people, as bitmaps in their town's blocks; pure, in one process, without a bus or a disk.
"""

from __future__ import annotations

import argparse
import time

from pyroaring import BitMap

from fusioncmd.ladder.climb import Climb, Standing
from fusioncmd.ladder.steps import NAMED, parse
from fusioncmd.ladder.wire import Progress, decode, encode
from loadtest import measure
from loadtest.output import Result, show

TOWNS = 1_700
ROUNDS = 20
BATCHES = 200
BATCH = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=840_000)


async def main(given: argparse.Namespace) -> int:
    result = Result("ladder", measure.conditions() | {"people": given.people})
    per_town = -(-given.people // TOWNS)
    people = BitMap(town << 16 | slot for town in range(TOWNS) for slot in range(per_town))
    people = BitMap(people[: given.people])
    standing = Standing(people, BitMap(people[::3]), BitMap(people[::7]), BitMap())
    plans: list[float] = []
    for _ in range(ROUNDS):
        climb = Climb(parse(NAMED["standard"]), "actual", 86_400_000)
        start = time.perf_counter()
        rung = climb.begin(0, 60_000, standing)
        climb.begin(1, 180_000, standing)
        data = encode(Progress.of(bytes(16), 1, 0, climb.rungs[1]))
        plans.append((time.perf_counter() - start) / 2)
    start, handed = time.perf_counter(), BitMap()
    for _ in range(BATCHES):
        batch = climb.take(1, standing, BATCH)
        handed |= batch
        data = encode(Progress.of(bytes(16), 1, 0, climb.rungs[1]))
    batch_ms = (time.perf_counter() - start) / BATCHES * 1000
    result.add("people silent in the step", len(climb.rungs[1].chosen), "people")
    result.add("planning one step", min(plans) * 1000, "ms")
    result.add("a batch of 200, packed for the disk", batch_ms, "ms")
    result.add("a step's record", len(data), "B")
    whole = climb.rungs[1]
    whole.handed |= whole.chosen
    whole.note("accepted", whole.handed)
    whole.note("delivered", whole.handed)
    reached = len(encode(Progress.of(bytes(16), 1, 0, whole)))
    result.add("a step's record when everyone was reached, per person", reached / given.people, "B")
    if len(handed) != min(BATCHES * BATCH, len(climb.rungs[1].chosen)) or not rung.chosen <= people:
        result.failures.append("somebody is in two batches, or outside the audience")
    if decode(Progress, data).rung().handed != handed:
        result.failures.append("a record does not come back as it was written")
    return show(result, given.json)
