"""The link while a clip is uploaded: orders down, answers up, and a voice, all at once."""

from __future__ import annotations

import asyncio
import time

from fusioncmd.errors import Unavailable
from loadtest.output import note
from loadtest.satellite import clip
from loadtest.satellite.figures import NEVER, Measured, first_full_s, percentile
from loadtest.satellite.orders import Trip, issue, trip
from loadtest.satellite.talk import Talk
from loadtest.satellite.world import World
from loadtest.scenario import Campaign

CLIP_BYTES = 5_000_000
REST_S = 2.0  # between an order whose answers came and the next
FLOWING_BYTES, FLOWING_S_MAX = 40_000, 60.0
SAMPLE_S = 0.05
FULL = 0.95
RETURN_S_MAX = 180.0
BEFORE_S = 1.0  # the order of an outage is issued so long before the link returns


async def busy(world: World, seconds: float, seed: int) -> Measured:
    row = await asyncio.to_thread(clip.put, world, CLIP_BYTES, seed)
    await _flowing(world)
    note(f"{world.over}: a clip of {CLIP_BYTES:,} bytes is on its way; orders and a voice for {seconds:.0f} s")
    talk, campaign, trips = Talk(world), Campaign(world.hub.running.commander, world.people), list[Trip]()
    await talk.listen()
    began_s, had, lost, sent = time.monotonic(), clip.here(world, row), *_lost(world)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(talk.speak(seconds))
        while time.monotonic() - began_s < seconds:
            trips.append(await trip(world, campaign))
            await asyncio.sleep(REST_S)
    took_s, came = time.monotonic() - began_s, clip.here(world, row) - had
    lost, sent = _lost(world)[0] - lost, _lost(world)[1] - sent
    own = lost / sent if sent and world.over == "satellite" else 0.0
    shown = [at_s for one in trips for at_s in one.shown_s]
    shown += [NEVER] * (len(trips) * len(world.people) - len(shown))
    answered = [at_s for one in trips for at_s in one.answered_s]
    return {
        "order of 300 bytes shown, p50": percentile(shown, 0.5),
        "order of 300 bytes shown, p95": percentile(shown, 0.95),
        "answers back in the tally, p50": percentile(answered, 0.5),
        "answers back in the tally, p95": percentile(answered, 0.95),
        "orders that came, of those issued": 100 * sum(one.whole for one in trips) / len(trips),
        "voice lost or 1 s late, beyond the link's": max(
            0.0, 100 * (talk.missing() / len(talk.said) - own)
        ),
        "voice, mouth to ear, p95": percentile(talk.delays_s(), 0.95),
        "clip uploaded meanwhile": came / took_s,
    }  # fmt: skip


async def outage(world: World, seconds: float, seed: int) -> Measured:
    """While the clip is still on its way the link goes, and comes back. An order waits for it."""
    campaign = Campaign(world.hub.running.commander, world.people)
    row = await asyncio.to_thread(clip.put, world, CLIP_BYTES, seed)
    await _flowing(world)
    note(f"{world.over}: the link is cut for {seconds:.0f} s")
    world.link.cut()
    await asyncio.sleep(seconds - BEFORE_S)
    order, _ = await issue(campaign)
    await asyncio.sleep(BEFORE_S)
    world.link.heal()
    healed_s, samples = time.monotonic(), [(time.monotonic(), world.passed()[0])]
    shown_s, full_s, line_bps = NEVER, NEVER, FULL * world.thin.rate_bps
    while time.monotonic() - healed_s < RETURN_S_MAX and NEVER in (shown_s, full_s):
        await asyncio.sleep(SAMPLE_S)
        samples.append((time.monotonic(), world.passed()[0]))
        full_s = first_full_s(samples, line_bps) if full_s == NEVER else full_s
        if shown_s == NEVER and (found := (await world.fleet.times(order)).shown_s):
            shown_s = min(found) - healed_s
    assert clip.here(world, row) >= 0
    return {
        "after the outage: first order shown": shown_s,
        "after the outage: 95 % of rate in use": full_s,
    }


def _lost(world: World) -> tuple[int, int]:
    """Packets of the way up that the link lost, and that it was given."""
    counters = world.link.counters("up")
    return counters.lost, counters.packets


async def _flowing(world: World) -> None:
    """`Unavailable` where no clip comes."""
    began, give_up = world.passed()[0], time.monotonic() + FLOWING_S_MAX
    while world.passed()[0] - began < FLOWING_BYTES:
        if time.monotonic() > give_up:
            raise Unavailable("The clip does not come.", "片段未开始上传。")
        await asyncio.sleep(SAMPLE_S)
