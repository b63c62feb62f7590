"""A kit with two ways to its hub changes from one to the other, in the middle of a burst and of an upload."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from loadtest.output import note
from loadtest.satellite import clip
from loadtest.satellite.figures import NEVER, Measured
from loadtest.satellite.orders import issue
from loadtest.satellite.speech import PACKET_MS
from loadtest.satellite.talk import Talk
from loadtest.satellite.world import World
from loadtest.scenario import Campaign, pause_until

CLIP_BYTES = 400_000
BEFORE_S, AFTER_S = 10.0, 12.0
CHANGE_S_MAX = 90.0
CLIP_S_MAX = 240.0
GROWS_BYTES = 6_000


async def paths(world: World, seed: int) -> Measured:
    """The better way goes, and comes back: the kit leaves it when it is silent, and returns when it answers. The link
    loses nothing by itself, so that what is missing is the change's."""
    note(f"{world.over}: the kit changes its way to the hub")
    row = await asyncio.to_thread(clip.put, world, CLIP_BYTES, seed)
    talk, campaign = Talk(world), Campaign(world.hub.running.commander, world.people)
    await talk.listen()
    speaking = asyncio.create_task(talk.speak(BEFORE_S + 2 * CHANGE_S_MAX))
    await asyncio.sleep(BEFORE_S)
    first, second = world.links
    cut_s = time.monotonic()
    first.cut()
    order, _ = await issue(campaign)
    left = await pause_until(_carries(second.counters), CHANGE_S_MAX)
    await asyncio.sleep(AFTER_S)
    healed_s = time.monotonic()
    first.heal()
    back = await pause_until(_carries(first.counters), CHANGE_S_MAX)
    back_s = time.monotonic()
    await asyncio.sleep(AFTER_S)
    ended_s = time.monotonic()
    speaking.cancel()
    await asyncio.gather(speaking, return_exceptions=True)

    async def whole() -> bool:
        return clip.here(world, row) == CLIP_BYTES

    came = await pause_until(whole, CLIP_S_MAX)
    shown = len((await world.fleet.times(order)).shown_s)
    grace_s = ended_s - 3.0
    return {
        "change of path: voice lost": PACKET_MS * talk.missing(healed_s, grace_s) if back else NEVER,
        "change of path: bytes of the clip lost": 0 if came else CLIP_BYTES - max(0, clip.here(world, row)),
        "change of path: after it is possible": back_s - healed_s if back else NEVER,
        "the path is cut: voice lost": PACKET_MS * talk.missing(cut_s, healed_s) if left else NEVER,
        "the path is cut: orders lost": float(shown < len(world.people)),
    }


def _carries(counters: Callable[..., object]) -> Callable[[], Awaitable[bool]]:
    """More than questions whether it answers."""
    before = counters("up").carried_bytes  # type: ignore[attr-defined]

    async def grows() -> bool:
        return bool(counters("up").carried_bytes - before > GROWS_BYTES)  # type: ignore[attr-defined]

    return grows
