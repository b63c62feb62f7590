"""`python -m loadtest floor`: two and more press at once, over bad links: one speaks, and the floor is freed.

Pure simulation of real arbiters, gateways and terminals (loadtest/floor_world.py says what is watched). Each race is
its seed: `--seed S --races 1` plays race S again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from random import Random
from statistics import median

from fusioncmd.codes import parse
from fusioncmd.floor.participant import Participant
from fusioncmd.floor.participant import State as Standing
from fusioncmd.floor.priority import floor_priority
from fusioncmd.floor.timers import RETURN_MS
from loadtest.floor_checks import check_arbiters, check_free
from loadtest.floor_parts import Found, Link, Talker
from loadtest.floor_world import START_MS, World
from loadtest.output import Result, note, show

RACES, SHOWN_MAX = 10_000, 10
LAST_CUT_MS = START_MS + 9_000
LAST_PRESS_MS = START_MS + 10_000
FREED_MS = 11_000  # after everybody let go: T1 of who fell silent, T3 of who hears no revoke, and T100
HEARD_MS = 6_000
TREE = {"4401": "44", "440106": "4401", "4402": "44"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--races", type=int, default=RACES, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the first race's; the others count on (%(default)s)")


async def main(given: argparse.Namespace) -> int:
    return play("floor", race, given)


def play(name: str, race: Callable[[int], Found], given: argparse.Namespace) -> int:
    """All of them, and what came of it."""
    result = Result(name, {"races": given.races, "seed": given.seed})
    began, granted, together, bursts = time.perf_counter(), [], 0, 0
    for seed in range(given.seed, given.seed + given.races):
        found = race(seed)
        granted += found.granted_ms
        together, bursts = max(together, found.together_ms), bursts + found.bursts
        if found.wrong and len(result.failures) < SHOWN_MAX:
            result.failures.append(f"race {seed}: {found.wrong[0]} (--seed {seed} --races 1)")
            note(result.failures[-1])
        if (seed - given.seed + 1) % 1_000 == 0:
            note(f"{seed - given.seed + 1:,} races")
    granted.sort()
    result.add("bursts granted", bursts)
    result.add("two sides that met had two holders, at most", together, "ms")
    if granted:
        result.add("button to grant, median", median(granted), "ms simulated")
        result.add("button to grant, p95", granted[len(granted) * 95 // 100], "ms simulated")
    result.add("time", round(time.perf_counter() - began, 1), "s")
    return show(result, given.json)


def race(seed: int) -> Found:
    """One race from beginning to end."""
    chance = Random(seed)
    world = _world(chance)
    names = list(world.talkers)
    for _ in range(chance.randint(1, 4)):
        when_ms = chance.randint(START_MS + 500, LAST_PRESS_MS)
        _cut(world, chance, when_ms)
        for name in chance.sample(names, chance.randint(2, len(names))):
            world.at(when_ms, lambda name=name: world.press(name))  # type: ignore[misc]
            world.at(when_ms + chance.randint(100, 5_000), lambda name=name: world.lift(name))  # type: ignore[misc]
    if chance.random() < 0.3:
        world.at(chance.randint(START_MS + 1_000, LAST_PRESS_MS), lambda: die(world, chance.choice(names)))
    for when_ms in _quiet_moments(world):
        world.at(when_ms, lambda: check_arbiters(world))
    let_go_ms = LAST_PRESS_MS + 5_001
    for name in names:
        world.at(let_go_ms, lambda name=name: world.lift(name))  # type: ignore[misc]
    world.run(let_go_ms + FREED_MS)
    check_free(world)
    heard(world, [name for name in names if not world.talkers[name].dead][:2])
    return world.found


def _world(chance: Random) -> World:
    nodes = dict(list(TREE.items())[: chance.randint(1, 3)])
    gateways = {f"g{n}": chance.choice(["44", *nodes]) for n in range(chance.randint(3, 5))}
    gateways["g0"], gateways["g1"], gateways["g2"] = "44", list(nodes)[-1], list(nodes)[-1]
    bad = chance.random()  # from a good network to a very bad one
    above = {**nodes, **gateways}
    links = {
        name: Link(
            loss=chance.random() * 0.1 * bad,
            delay_ms=(1, chance.choice((2, 20, 150)) if name in nodes else 5),
            doubled=chance.random() * 0.1 * bad,
        )
        for name in above
    }
    world = World(chance, above, links, list(gateways), chance.choice(["44", *nodes]))
    for n in range(chance.randint(2, 5)):
        gateway = f"g{n % len(gateways)}"
        emergency = chance.random() < 0.15
        tier = parse(gateways[gateway]).tier
        world.talkers[f"t{n}"] = Talker(
            Participant(f"t{n}", 1_000 + n), gateway, floor_priority(tier, emergency), emergency
        )
    return world


def _cut(world: World, chance: Random, pressed_ms: int) -> None:
    """Before or in the bursts of who presses then: mostly between nodes, sometimes a gateway's own link, or nothing."""
    if chance.random() < 0.25:
        return
    between = [name for name in world.links if name in TREE]
    link = world.links[chance.choice(between if chance.random() < 0.75 else list(world.links))]
    begin = pressed_ms + chance.randint(-2_000, 3_000)
    end = min(begin + chance.choice((chance.randint(50, 1_500), chance.randint(1_500, 7_000))), LAST_CUT_MS)
    if begin < end:
        link.cuts.append((begin, end))


def _quiet_moments(world: World) -> list[int]:
    """RETURN_MS after a change of links, when none followed."""
    edges = sorted([START_MS] + [edge for link in world.links.values() for cut in link.cuts for edge in cut])
    after = [*edges[1:], 1 << 60]
    return [edge + RETURN_MS for edge, following in zip(edges, after, strict=True) if following > edge + RETURN_MS]


def die(world: World, name: str) -> None:
    world.talkers[name].dead = True


def heard(world: World, names: list[str]) -> None:
    """Each alone: who presses is granted the floor."""
    for name in names:
        talker, pressed_ms = world.talkers[name], world.now_ms
        world.press(name)
        while talker.participant.state is not Standing.HAS_PERMISSION and world.now_ms < pressed_ms + HEARD_MS:
            if talker.participant.state is Standing.NO_PERMISSION:
                world.press(name)
            world.run(world.now_ms + 1)
        if talker.participant.may_speak:
            world.found.granted_ms.append(world.now_ms - pressed_ms)
        else:
            world.found.wrong.append(f"{world.now_ms} ms: {name} pressed and was not granted a free floor")
        world.lift(name)
        world.run(world.now_ms + 2_000)
