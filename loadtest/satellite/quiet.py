"""What a link carries when nothing happens, and what one order, its answers and a position add to that."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

from fusioncmd.codes import parse
from fusioncmd.errors import Unavailable
from fusioncmd.track.position import Track, decode, encode, subject_of
from loadtest.output import note
from loadtest.satellite.figures import NEVER, Measured
from loadtest.satellite.orders import issue
from loadtest.satellite.world import KIT, World
from loadtest.scenario import Campaign, until_quiet

FIRST_S = 200.0  # until comparisons are rare: the first is after a minute, and each next one twice as late
SETTLE_S = 8.0
ORDERS = 4
AFTER_S = 12.0  # an order, its answers, and what is said of them later
LATE_S = 60.0  # for those that have not come by then
POSITIONS_S = 40.0
UNITS = 20
SPEED_M_S = 12.0
E7_PER_M = 90  # of latitude: 1e-7 degree is 11 mm


def rest_s() -> float:
    """Beside the time in which nothing happens."""
    return FIRST_S + ORDERS * AFTER_S + 2 * (POSITIONS_S + SETTLE_S)


async def quiet(world: World, idle_s: float) -> Measured:
    await asyncio.sleep(FIRST_S)
    note(f"{world.over}: nothing happens for {idle_s:.0f} s")
    before = world.passed()
    await asyncio.sleep(idle_s)
    up_s, down_s = ((now - then) / idle_s for now, then in zip(world.passed(), before, strict=True))
    campaign, up, down = Campaign(world.hub.running.commander, world.people), 0.0, 0.0
    orders: dict[bytes, int] = {}
    for _ in range(ORDERS):
        before, began_s = world.passed(), time.monotonic()
        order, _ = await issue(campaign)
        orders[order] = len(world.people)
        await until_quiet(world.fleet, {order: len(world.people)}, AFTER_S)
        await asyncio.sleep(max(0.0, AFTER_S - (time.monotonic() - began_s)))
        took_s, after = time.monotonic() - began_s, world.passed()
        up += after[0] - before[0] - up_s * took_s
        down += after[1] - before[1] - down_s * took_s
    _all_came(orders, (await until_quiet(world.fleet, orders, LATE_S)).shown)
    one, many = [await _positions(world, units, up_s + down_s) for units in (1, UNITS)]
    return {
        "bytes at idle, per hour": (up_s + down_s) * 3_600,
        "bytes per order": down / ORDERS,
        "bytes per receipt batch, with answers": up / ORDERS,
        "bytes per position, 1 vehicle": one.bytes_each,
        "bytes per position, 20 vehicles": many.bytes_each,
        "of a position a second came, 1 vehicle": one.share,
        "of a position a second came, 20 vehicles": many.share,
    }


def _all_came(orders: dict[bytes, int], shown: dict[bytes, int]) -> None:
    """What does not come costs nothing: `Unavailable` where that was measured."""
    if few := [shown.get(order, 0) for order, people in orders.items() if shown.get(order, 0) < people]:
        raise Unavailable(f"An order came to {few[0]} only.", f"一条指令仅送达 {few[0]} 人。")


class Positions(NamedTuple):
    said: int
    came: int
    cost: float  # bytes of the link, both ways

    @property
    def bytes_each(self) -> float:
        return self.cost / self.came if self.came else NEVER

    @property
    def share(self) -> float:
        return 100 * self.came / self.said


async def _positions(world: World, units: int, idle_bytes_s: float) -> Positions:
    """Vehicles that drive, and say where they are each second."""
    came, cars = list[Track](), [f"car{units}x{n}" for n in range(units)]
    for car in cars:
        await world.track[0].hear(subject_of(parse(KIT), car), lambda subject, data: came.append(decode(data)))
    before, began_s, said = world.passed(), time.monotonic(), 0
    while time.monotonic() - began_s < POSITIONS_S:
        for n, car in enumerate(cars):
            await world.track[1].say(subject_of(parse(KIT), car), encode(_at(car, n, said // units)))
            said += 1
        await asyncio.sleep(1.0)
    await asyncio.sleep(SETTLE_S)
    took_s = time.monotonic() - began_s
    return Positions(said, len(came), sum(world.passed()) - sum(before) - idle_bytes_s * took_s)


def _at(car: str, n: int, second: int) -> Track:
    """The nth, which goes north from a place of its own."""
    lat_e7 = 231_500_000 + n * 100_000 + int(second * SPEED_M_S * E7_PER_M)
    return Track(KIT, car, "vehicle", f"指挥车{n}", lat_e7, 1_133_500_000, int(time.time() * 1_000), "phone",
                 speed_dm_s=int(10 * SPEED_M_S), course_deg=0, accuracy_m=5, battery=80)  # fmt: skip
