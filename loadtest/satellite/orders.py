"""An order from the hub to everybody at the kit, and their answers back: when each was shown, and when each counted."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

from fusioncmd import api
from fusioncmd.messages import Selector
from loadtest.satellite.figures import by_rank
from loadtest.satellite.world import KIT, World
from loadtest.scenario import Campaign

TEXT = "堤围出现管涌，请立即到岗，清点人员，封闭道路，转移低洼处群众，并报告水位、伤员和需要支援的地点；" * 3
TEXT = TEXT[:100]
ANSWERS = ("到岗", "在途", "需要支援")
OPEN_S = 120
ORDER_S_MAX = 90.0
ASK_S = 0.02
assert len(TEXT.encode()) == 300


class Trip(NamedTuple):
    """Seconds: from the moment at which the commander asked for the order until it was shown, of each terminal; and
    from there until its answer was counted at the hub."""

    shown_s: list[float]
    answered_s: list[float]

    @property
    def whole(self) -> bool:
        return bool(self.answered_s) and max(self.answered_s) < ORDER_S_MAX


async def issue(campaign: Campaign) -> tuple[bytes, float]:
    """To everybody at the kit: the order, and when the commander asked for it."""
    began_s = time.monotonic()
    issued = await campaign.issue(
        text=TEXT,
        answers=ANSWERS,
        audience=Selector((KIT,)),
        status="exercise",
        receive_within_s=OPEN_S,
        answer_within_s=OPEN_S,
        open_s=OPEN_S,
    )
    return issued.order.id, began_s


async def follow(world: World, campaign: Campaign, order: bytes, began_s: float) -> Trip:
    """Until every answer counts, or ORDER_S_MAX."""
    everyone, counted = len(world.people), [(began_s, 0)]
    while counted[-1][1] < everyone and time.monotonic() - began_s < ORDER_S_MAX:
        total = (await campaign.commander.ask(api.Tally(order))).total
        if total.answered > counted[-1][1]:
            counted.append((time.monotonic(), total.answered))
        await asyncio.sleep(ASK_S)
    shown_s = list((await world.fleet.times(order)).shown_s)
    return Trip([at_s - began_s for at_s in shown_s], by_rank(shown_s, counted, everyone))


async def trip(world: World, campaign: Campaign) -> Trip:
    return await follow(world, campaign, *await issue(campaign))
