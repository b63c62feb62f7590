"""The sky closes: an order and a town's 300 answers pass two serial lines and a satellite that loses and doubles.

Nodes, carriers, modems and serial lines are the real parts; the terminals are the simulator's. An hour takes
two seconds.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from fusioncmd.lastline import twins
from gateways.shortmessage.carrier import Carrier
from gateways.shortmessage.simulator import Sky, Weather
from tests.line_world import CARDS, HUB, KIT, PEOPLE, line_world
from tests.nats_server import until

NODES_FASTER, MODEMS_FASTER = 2_000, 100
WAVES_MAX = 30  # of ten people each


def nodes_time() -> float:
    return time.monotonic() * NODES_FASTER


def modems_time() -> float:
    return time.monotonic() * MODEMS_FASTER


async def test_an_order_and_300_answers_pass_a_satellite_that_loses_a_fifth_and_doubles(tmp_path: Path) -> None:
    async with line_world(tmp_path, monotonic=nodes_time) as world:
        sky = Sky(Weather(loss=0.2, twice=0.3, delay_s=0.02, every_s=0), seed=5)
        for terminal, code in zip(sky.terminals, (HUB, KIT), strict=True):
            terminal.card = CARDS[code]
        sky.start()
        carriers = [
            Carrier(world.buses[code], terminal.device, 115_200, modems_time, 0.005)
            for terminal, code in zip(sky.terminals, (HUB, KIT), strict=True)
        ]
        running = [asyncio.create_task(carrier.run()) for carrier in carriers]
        try:
            order = await world.call("请立即组织群众撤离至五山小学。", answers=("已撤离", "正在撤离", "需要帮助"))
            await until(lambda: bool(world.orders(KIT)), 20.0)
            (here,) = world.orders(KIT)
            assert twins.are_one(here, order)
            counts = [0, 0, 0]
            for wave in range(WAVES_MAX):
                await world.answer(here, PEOPLE[10 * wave : 10 * wave + 10], wave % 3)
                counts[wave % 3] += 10
                await until(lambda: world.answered(order) == counts, 20.0)
                if wave >= 5 and sky.lost and sky.doubled:
                    break
            assert sky.lost and sky.doubled
            rest = PEOPLE[sum(counts) :]
            await world.answer(here, rest, 0)
            await until(lambda: world.answered(order) == [counts[0] + len(rest), *counts[1:]], 20.0)
            assert world.orders(KIT) == [here]
            assert all(terminal.said for terminal in sky.terminals)
        finally:
            for carrier in carriers:
                carrier.stop()
            await asyncio.gather(*running)
            sky.stop()
