"""A kit that comes to its hub for the first time, and the hub has a roster of thousands for it: orders do not wait."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path

from fusioncmd import api
from fusioncmd.errors import NotFound, Unavailable
from loadtest.output import note
from loadtest.satellite.figures import NEVER, Measured, percentile
from loadtest.satellite.orders import issue
from loadtest.satellite.world import Over, Thin, fill, passed, two_tiers
from loadtest.scenario import Campaign
from loadtest.tree import Branch

PEOPLE = 4_000
REST_S = 2.0
ORDER_S_MAX = 60.0
ROSTER_S_MAX = 300.0
ASK_S = 0.02


async def joining(folder: Path, over: Over, thin: Thin) -> Measured:
    """Orders one after the other from the moment of the link on until the roster is there: when the kit's node has each
    of them. Whom it means it knows only when their names have come."""
    filled = partial(fill, people=PEOPLE)
    async with two_tiers(folder, over, thin, voice=False, fill=filled) as (hub, kit, links):
        note(f"{over}: orders while a roster of {PEOPLE:,} people goes down")
        began_s, before = time.monotonic(), passed(links)[1]
        campaign, came_s, whole_s = Campaign(hub.running.commander, await hub.running.people()), list[float](), NEVER
        while whole_s == NEVER and time.monotonic() - began_s < ROSTER_S_MAX:
            order, issued_s = await issue(campaign)
            came_s.append(await _comes(kit, order) - issued_s)
            await asyncio.sleep(REST_S)
            if await _whole(kit):
                whole_s = time.monotonic() - began_s
        return {
            "joining: roster of 4,000 people there": whole_s,
            "joining: bytes, down": passed(links)[1] - before,
            "joining: order at the kit's node, p50": percentile(came_s, 0.5),
            "joining: order at the kit's node, p95": percentile(came_s, 0.95),
        }


async def _comes(kit: Branch, order: bytes) -> float:
    """When the kit's node tells of it."""
    give_up = time.monotonic() + ORDER_S_MAX
    while time.monotonic() < give_up:
        try:
            await kit.running.commander.ask(api.Tally(order), timeout_s=5.0)
            return time.monotonic()
        except (NotFound, Unavailable):
            await asyncio.sleep(ASK_S)
    return NEVER


async def _whole(kit: Branch) -> bool:
    return (await kit.running.commander.ask(api.Health())).people == PEOPLE
