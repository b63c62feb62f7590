"""What a node says to the processes that have the channels: how much room they have, and whom to reach."""

from __future__ import annotations

import asyncio
import os

import structlog

from fusioncmd import subjects
from fusioncmd.bus.port import Bus
from fusioncmd.errors import BusDown
from fusioncmd.ladder import bounds
from fusioncmd.ladder.steps import Channel
from fusioncmd.ladder.wire import Notice, Taken, decode, encode
from tiers.ladder_records import Kept

log = structlog.get_logger("ladders")

AGAIN_S = 1.0
ASKS_MAX = 3


class ChannelAsks:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def ask(self, channel: Channel, notice: Notice) -> Taken:
        data = await self._bus.ask(subjects.notify(channel), encode(notice), bounds.CHANNEL_ANSWER_S_MAX)
        return decode(Taken, data)

    async def give(self, channel: Channel, work: Notice) -> Taken | None:
        """None when nobody can say what became of it: then these count as handed over, and the next step has them."""
        for _ in range(ASKS_MAX):
            try:
                return await self.ask(channel, work)
            except BusDown:
                await asyncio.sleep(AGAIN_S)
        log.warning("ladders.unsure", channel=channel, people=len(work.targets))
        return None


def notice_of(kept: Kept, i: int, left_s: int) -> Notice:
    """Step `i` of an order, without anybody to reach: it asks how much room there is."""
    order = kept.order
    return Notice(os.urandom(16), b"", order.id, i, order.status, order.text, order.answers, left_s)
