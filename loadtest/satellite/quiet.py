"""What a link carries when nothing happens, and what one order, its answers and a position add to that."""

from __future__ import annotations

import asyncio
import time

from fusioncmd.codes import parse
from fusioncmd.track.position import Track, decode, encode, subject_of
from loadtest.output import note
from loadtest.satellite.figures import Measured
from loadtest.satellite.orders import issue
from loadtest.satellite.world import KIT, World
from loadtest.scenario import Campaign, until_quiet

SETTLE_S = 8.0
ORDERS = 4
AFTER_S = 12.0  # an order, its answers, and what is said of them later
POSITIONS_S = 40.0
SPEED_M_S = 12.0
E7_PER_M = 90  # of latitude: 1e-7 degree is 11 mm


async def quiet(world: World, idle_s: float) -> Measured:
    await asyncio.sleep(SETTLE_S)
    note(f"{world.over}: nothing happens for {idle_s:.0f} s")
    before = world.passed()
    await asyncio.sleep(idle_s)
    up_s, down_s = ((now - then) / idle_s for now, then in zip(world.passed(), before, strict=True))
    campaign, up, down = Campaign(world.hub.running.commander, world.people), 0.0, 0.0
    for _ in range(ORDERS):
        before, began_s = world.passed(), time.monotonic()
        order, _ = await issue(world, campaign)
        await until_quiet(world.fleet, {order: len(world.people)}, AFTER_S)
        await asyncio.sleep(max(0.0, AFTER_S - (time.monotonic() - began_s)))
        took_s, after = time.monotonic() - began_s, world.passed()
        up += after[0] - before[0] - up_s * took_s
        down += after[1] - before[1] - down_s * took_s
    said, came, cost = await _positions(world, up_s + down_s)
    return {
        "bytes at idle, per hour": (up_s + down_s) * 3_600,
        "bytes per order": down / ORDERS,
        "bytes per order's receipts and answers": up / ORDERS,
        "bytes per position": cost / max(1, came),
        "positions that came, of those said": 100 * came / said,
    }


async def _positions(world: World, idle_bytes_s: float) -> tuple[int, int, float]:
    """One vehicle that drives, and says where it is each second: positions said, come, and bytes of the link."""
    came = list[Track]()
    subject = subject_of(parse(KIT), "car")
    await world.track[0].hear(subject, lambda subject, data: came.append(decode(data)))
    before, began_s, said = world.passed(), time.monotonic(), 0
    while time.monotonic() - began_s < POSITIONS_S:
        lat_e7 = 231_500_000 + int(said * SPEED_M_S * E7_PER_M)
        track = Track(KIT, "car", "vehicle", "指挥车", lat_e7, 1_133_500_000, int(time.time() * 1_000), "phone",
                      speed_dm_s=int(10 * SPEED_M_S), course_deg=0, accuracy_m=5, battery=80)  # fmt: skip
        await world.track[1].say(subject, encode(track))
        said += 1
        await asyncio.sleep(1.0)
    await asyncio.sleep(SETTLE_S)
    took_s = time.monotonic() - began_s
    return said, len(came), sum(world.passed()) - sum(before) - idle_bytes_s * took_s
