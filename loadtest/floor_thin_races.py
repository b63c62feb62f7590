"""`python -m loadtest floor-thin`: the races of floor_races.py over a satellite link, which loses and is cut.

What is watched is the same; from button to grant it is seen from the lower end.
"""

from __future__ import annotations

import argparse
from random import Random

from fusioncmd.codes import parse
from fusioncmd.floor.participant import Participant
from fusioncmd.floor.priority import floor_priority
from fusioncmd.floor.timers import RETURN_MS
from loadtest.floor_checks import check_arbiters, check_free
from loadtest.floor_parts import Found, Link, Talker
from loadtest.floor_races import FREED_MS, LAST_CUT_MS, LAST_PRESS_MS, add_arguments, die, heard, play
from loadtest.floor_thin import ThinWorld
from loadtest.floor_world import START_MS

KITS = {"44": {"4401": "44"}, "4401": {"4401": "44", "440106": "4401"}}  # what it hangs under, and the tree
NOTICED_MS = (500, 8_000)  # until the pipe takes a cut for one
BACK_MS = (200, 1_500)  # until it has its connection again


__all__ = ["add_arguments", "main", "thin_race"]


async def main(given: argparse.Namespace) -> int:
    return play("floor-thin", thin_race, given)


def thin_race(seed: int) -> Found:
    """One race from beginning to end."""
    chance = Random(seed)
    world = _world(chance)
    names = list(world.talkers)
    checks: list[int] = []
    edges: list[int] = [START_MS]
    for _ in range(chance.randint(1, 4)):
        when_ms = chance.randint(START_MS + 500, LAST_PRESS_MS)
        if chance.random() < 0.75:
            _cut(world, chance, when_ms, checks, edges)
        for name in chance.sample(names, chance.randint(2, len(names))):
            world.at(when_ms, lambda name=name: world.press(name))  # type: ignore[misc]
            world.at(when_ms + chance.randint(100, 5_000), lambda name=name: world.lift(name))  # type: ignore[misc]
    if chance.random() < 0.3:
        world.at(chance.randint(START_MS + 1_000, LAST_PRESS_MS), lambda: die(world, chance.choice(names)))
    for when_ms in checks:
        if not any(when_ms < edge <= when_ms + RETURN_MS for edge in edges):
            world.at(when_ms + RETURN_MS, lambda: check_arbiters(world))
    let_go_ms = max(LAST_PRESS_MS + 5_001, max(edges))
    for name in names:
        world.at(let_go_ms, lambda name=name: world.lift(name))  # type: ignore[misc]
    world.run(let_go_ms + FREED_MS)
    check_free(world)
    heard(world, [name for name in names if not world.talkers[name].dead and world.side_of(name) == "kit"][:2])
    return world.found


def _world(chance: Random) -> ThinWorld:
    hub = chance.choice(list(KITS))
    nodes = KITS[hub]
    kit = list(nodes)[-1]
    gateways = {"g0": "44", "g1": kit, "g2": kit, "g3": hub}
    above = {**nodes, **gateways}
    loss = chance.choice((0.0, 0.01, 0.05))
    links = {name: Link(loss if name == kit else 0.0, (1, 5), 0.0) for name in above}
    world = ThinWorld(chance, above, links, list(gateways), chance.choice(["44", kit]), kit)
    for n in range(chance.randint(2, 5)):
        gateway = f"g{n % len(gateways)}"
        emergency = chance.random() < 0.15
        priority = floor_priority(parse(gateways[gateway]).tier, emergency)
        world.talkers[f"t{n}"] = Talker(Participant(f"t{n}", 1_000 + n), gateway, priority, emergency)
    return world


def _cut(world: ThinWorld, chance: Random, pressed_ms: int, checks: list[int], edges: list[int]) -> None:
    begin = max(pressed_ms + chance.randint(-2_000, 3_000), max(edges) + 1)
    end = min(begin + chance.choice((chance.randint(50, 1_500), chance.randint(1_500, 9_000))), LAST_CUT_MS)
    if begin >= end:
        return
    noticed_ms, back_ms = begin + chance.randint(*NOTICED_MS), end + chance.randint(*BACK_MS)
    world.links[world.kit].cuts.append((begin, back_ms))
    edges += [begin, back_ms]
    checks.append(back_ms)
    if noticed_ms < back_ms:
        checks.append(noticed_ms)
        world.at(noticed_ms, lambda: world.turn(False))
        world.at(back_ms, lambda: world.turn(True))
