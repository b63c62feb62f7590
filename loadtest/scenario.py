"""What scenarios have in common: an order issued to people, awaited, and held against what the terminals did."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from pyroaring import BitMap

from fusioncmd import api, ids
from fusioncmd.errors import Unavailable
from fusioncmd.messages import Order, Selector, encode
from loadtest.checker import Meant, Verdict, check
from loadtest.harness import OfficeCommander
from loadtest.people import People
from loadtest.reading import read_order
from loadtest.swarm.fleet import Fleet, Status
from loadtest.swarm.record import Record

ISSUE_S_MAX = 60.0
PAUSE_S = 0.1


@dataclass(slots=True)
class Campaign:
    """The orders of a scenario, as they were issued."""

    commander: OfficeCommander
    people: People
    orders: list[Order] = field(default_factory=list)

    async def issue(self, **draft: Any) -> api.Issued:
        """Issue an order; asked again under the same id for as long as no reply comes."""
        ident = ids.make(int(time.time() * 1000), os.urandom(ids.ENTROPY_BYTES))
        issued = await self.commander.call(api.Draft(id=ident, **draft), ISSUE_S_MAX)
        self.orders.append(issued.order)
        return issued

    async def verdict(self, record: Record, connected: BitMap) -> Verdict:
        """All orders, as the node tells them, against what the terminals wrote down."""
        counted = {order.id: await read_order(self.commander, order) for order in self.orders}
        return check(record, self._meant(record), counted, connected)

    def _meant(self, record: Record) -> dict[bytes, Meant]:
        """By the roster, person by person; of a cancel, by who saw what it ends."""
        audiences: dict[Selector, BitMap] = {}
        by_id = {order.id: order for order in self.orders}
        ended = {order.refs for order in self.orders}
        meant: dict[bytes, Meant] = {}
        for order in self.orders:
            if order.audience not in audiences:
                audiences[order.audience] = self.people.meant_by(order.audience)
            told = None
            if order.msg_type == "cancel":
                told, before = BitMap(), order
                while before.refs is not None:
                    before = by_id[before.refs]
                    told |= record.deeds[before.id].shown if before.id in record.deeds else BitMap()
            meant[order.id] = Meant(audiences[order.audience], encode(order), told, order.id in ended)
        return meant


async def all_connected(fleet: Fleet, wait_s: float) -> None:
    """`Unavailable` when not every terminal is connected within so long."""
    status = await fleet.until_welcomed(wait_s)
    if status.welcomed < status.terminals:
        raise Unavailable(
            f"Only {status.welcomed:,} of {status.terminals:,} terminals could connect: try more --gateways.",
            f"{status.terminals:,} 个终端中只有 {status.welcomed:,} 个连上：请增加 --gateways。",
        )


async def pause_until(holds: Callable[[], Awaitable[bool]], wait_s: float) -> bool:
    """Whether it came true within so long."""
    give_up = time.monotonic() + wait_s
    while not await holds():
        if time.monotonic() > give_up:
            return False
        await asyncio.sleep(PAUSE_S)
    return True


async def until_quiet(fleet: Fleet, expected: dict[bytes, int], wait_s: float, every_s: float = 0.0) -> Status:
    """Until each order was shown to so many, everyone is connected, and nothing is left to touch or to confirm."""
    give_up = time.monotonic() + wait_s
    while True:
        status = await fleet.status()
        shown = all(status.shown.get(ident, 0) >= people for ident, people in expected.items())
        whole = status.welcomed + status.stopped + status.deaf == status.terminals
        if (shown and whole and not status.waiting) or time.monotonic() > give_up:
            return status
        await asyncio.sleep(max(every_s, fleet.poll_s))
