"""Two tiers of real processes with one emulated link between them: a city, and a town's kit below it.

The link is a satellite gateway's QUIC, or a NATS leaf connection; delay, loss and rate are the same, and the headers of
each packet take their time on it. Voice and positions are said and heard on the tiers' own buses, as their gateways do.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Literal

from fusioncmd import api, keys
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import Bus
from fusioncmd.cli.linked import Linked
from fusioncmd.cli.satellite_way import Satellite, Way
from fusioncmd.cli.up import Tier
from fusioncmd.errors import Unavailable
from fusioncmd.roster.load import import_people
from fusioncmd.roster.sample import sample_name
from fusioncmd.trust import joining
from loadtest import tree
from loadtest.harness import BUS_WAIT_S, TICKET_S, free_ports
from loadtest.link.fork import Fork
from loadtest.link.link import Link
from loadtest.link.packets import Profile
from loadtest.people import People
from loadtest.satellite.speech import speech
from loadtest.scenario import all_connected, pause_until
from loadtest.swarm.fleet import Fleet, launched
from loadtest.tree import Branch

HUB, KIT = "4401", "440106001"
Over = Literal["satellite", "leaf"]
LINKED_S_MAX, KNOWN_S_MAX, CONNECTED_S_MAX = 60.0, 180.0, 60.0
SOURCES = ("127.0.0.2", "127.0.0.3")  # of a kit with two ways


@dataclass(frozen=True, slots=True)
class Thin:
    """What the link is. `ways`: 2: the kit has two such links, and a way over each."""

    rate_bps: int
    round_trip_ns: int
    loss: float
    seed: int
    ways: int = 1

    def profile(self) -> Profile:
        return Profile(delay_ns=self.round_trip_ns // 2, loss=self.loss, rate_bps=self.rate_bps, headers=True)


@dataclass(frozen=True, slots=True)
class World:
    """`talk` and `track` are connections to the two buses, the hub's first, as a gateway of voice or positions has;
    `speech` is a burst, in packets."""

    over: Over
    thin: Thin
    hub: Branch
    kit: Branch
    links: tuple[Link, ...]
    talk: tuple[Bus, Bus]
    track: tuple[Bus, Bus]
    people: People
    fleet: Fleet
    speech: Sequence[bytes]

    @property
    def link(self) -> Link:
        return self.links[0]

    def passed(self) -> tuple[int, int]:
        """Bytes that had the line, with headers: up, down."""
        return passed(self.links)


def passed(links: Sequence[Link]) -> tuple[int, int]:
    up, down = (sum(link.counters(way).line_bytes for link in links) for way in ("up", "down"))
    return up, down


@contextlib.asynccontextmanager
async def running(folder: Path, over: Over, thin: Thin, people: int, behaviour: str) -> AsyncIterator[World]:
    """The town's `people` are in the rosters of both, and each has a terminal at the kit."""
    said = speech(thin.seed)  # now: the emulated link stands while this process computes
    async with contextlib.AsyncExitStack() as stack:
        hub, kit, links = await stack.enter_async_context(two_tiers(folder, over, thin))
        known = await _roster(hub, kit, people)
        tier = kit.running.tier
        expires_s = int(time.time()) + TICKET_S
        tickets = known.tickets(people, keys.read_ticket_key(tier.data), expires_s)
        fleet = await stack.enter_async_context(launched(tickets, tier.port, behaviour, thin.seed, tier.data, 1))
        await all_connected(fleet, CONNECTED_S_MAX)
        buses = [
            await _opened(stack, branch, name) for name in (users.TALK, users.TRACK) for branch in (hub, kit)
        ]  # fmt: skip
        yield World(over, thin, hub, kit, links, (buses[0], buses[1]), (buses[2], buses[3]), known, fleet, said)


@contextlib.asynccontextmanager
async def two_tiers(
    folder: Path, over: Over, thin: Thin, codes: tuple[str, str] = (HUB, KIT), voice: bool = True,
    fill: Callable[[Branch, str], Awaitable[None]] | None = None,
) -> AsyncIterator[tuple[Branch, Branch, tuple[Link, ...]]]:  # fmt: skip
    """Linked; with `voice` each has floors and recorders, too. `fill(hub, code of the kit)` before there is a kit."""
    upper, lower = codes
    port, satellite_port = free_ports(2)
    comes_in = ("127.0.0.1", satellite_port if over == "satellite" else port)
    listens = None if over == "satellite" else comes_in
    with_kits = Satellite(listens=comes_in, rate_bps=thin.rate_bps) if over == "satellite" else None
    async with contextlib.AsyncExitStack() as stack:

        def fit(tier: Tier, satellite: Satellite | None) -> Tier:
            for name, role in ((users.TALK, "talk"), (users.TRACK, "track")):
                users.ensure(users.folder_of(tier.data), name, role, tier.node)  # type: ignore[arg-type]
            return replace(tier, satellite=satellite, voice=voice, beside=_recorder(tier) if voice else ())

        linked = Linked(listens=listens)
        running = tree.up(folder / upper, upper, linked, lambda tier: fit(tier, with_kits))
        hub = Branch(upper, await stack.enter_async_context(running), None)
        if fill is not None:
            await fill(hub, lower)
        links = tuple([
            await stack.enter_async_context(
                Link(comes_in, thin.profile(), seed=thin.seed + n, carries="udp" if over == "satellite" else "tcp")
            )
            for n in range(thin.ways)
        ])  # fmt: skip
        await tree.approve(hub.running.tier, folder / lower, lower)
        key = users.seed_file(users.folder_of(folder / lower), joining.PARENT)
        linked, satellite = Linked(upper, f"nats-leaf://127.0.0.1:{links[0].port}", key), None
        if over == "satellite":
            linked, satellite = Linked(upper, by_satellite=True), await _ways(stack, upper, links, thin)
        running = tree.up(folder / lower, lower, linked, lambda tier: fit(tier, satellite))
        kit = Branch(lower, await stack.enter_async_context(running), links[0])
        await tree.until_linked(hub, kit, LINKED_S_MAX)
        yield hub, kit, links


async def _ways(stack: contextlib.AsyncExitStack, above: str, links: Sequence[Link], thin: Thin) -> Satellite:
    ways: tuple[Way, ...] = (Way("satellite", "", thin.rate_bps),)
    port = links[0].port
    if len(links) > 1:
        at = dict(zip(SOURCES, (("127.0.0.1", link.port) for link in links), strict=True))
        port = (await stack.enter_async_context(Fork(at))).port
        ways = tuple(Way(f"way-{n}", source, thin.rate_bps) for n, source in enumerate(SOURCES))
    return Satellite(("127.0.0.1", port), above, ways)


def _recorder(tier: Tier) -> tuple[tuple[str, list[str]], ...]:
    key = users.seed_file(users.folder_of(tier.data), users.FLOOR)
    argv = [sys.executable, "-m", "tiers.keep", "--node", tier.node, "--nats", tier.nats_url, "--data", str(tier.data)]
    return (("keep", [*argv, "--gib", "1", "--bus-key", str(key)]),)


async def fill(hub: Branch, town: str, people: int) -> None:
    """The roster of the kit's town, at the hub: names and numbers that do not repeat each other more than people's."""
    villages = sorted(code for code in hub.running.places.names if len(code) == 12 and code.startswith(town))
    random = Random(f"roster/{town}/{people}")
    phones = random.sample(range(10**9), people)
    rows = (
        f"{town}{n:05},{sample_name(random)},13{phone:09},{villages[n % len(villages)]},flood"
        for n, phone in enumerate(phones)
    )
    csv = "\n".join(("id,name,phone,village,roles", *rows, ""))
    await import_people(hub.running.bus, hub.running.places, csv.encode())


async def _roster(hub: Branch, kit: Branch, people: int) -> People:
    await fill(hub, kit.code, people)

    async def known() -> bool:
        return (await kit.running.commander.ask(api.Health())).people == people

    if not await pause_until(known, KNOWN_S_MAX):
        raise Unavailable(f"{kit.code} does not get its roster.", f"{kit.code} 未收到名册。")
    return await hub.running.people()


async def _opened(stack: contextlib.AsyncExitStack, branch: Branch, name: str) -> Bus:
    tier = branch.running.tier
    bus = await open_bus(tier.nats_url, "loadtest", wait_s=BUS_WAIT_S, quiet=True, key=tier.bus_key(name))
    stack.push_async_callback(bus.close)
    return bus
