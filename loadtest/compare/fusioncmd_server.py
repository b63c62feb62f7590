"""fusioncmd in a comparison: the whole tier, with its disk, its tickets, its node and its confirmations."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import msgpack

from fusioncmd import api, terminal
from fusioncmd.messages import Selector
from loadtest import harness
from loadtest.compare.servers import Answered, Plan, Server
from loadtest.harness import Running
from loadtest.output import note
from loadtest.scenario import Campaign

TEXT = "台风红色预警，请立即到岗并报告。 Answer here."  # so long that a delivery is about ORDER_BYTES
ANSWERS = ("到岗", "求援")


@dataclass(slots=True)
class Tier:
    """The order goes out as a commander issues it; what is counted is what a commander is told."""

    running: Running
    campaign: Campaign
    tickets: Path | None
    dialect: str = "terminal"
    path: str = ""
    confirms: bool = True
    port: int = field(init=False)
    _counted: int = 0
    _changed_s: float = 0.0

    def __post_init__(self) -> None:
        self.port = self.running.tier.port

    @property
    def order_bytes(self) -> int:
        return len(terminal.encode(terminal.Deliver(self.running.commander.sealed(self.campaign.orders[-1]))))

    def pids(self) -> dict[str, int]:
        return self.running.pids()

    async def call(self) -> None:
        self._counted, self._changed_s = 0, 0.0
        await self.campaign.issue(text=TEXT, answers=ANSWERS, audience=Selector(("44",)), status="exercise")

    async def answers(self) -> Answered:
        tally = await self.running.commander.ask(api.Tally(self.campaign.orders[-1].id))
        if tally.total.answered != self._counted:
            self._counted, self._changed_s = tally.total.answered, time.monotonic()
        return Answered(self._counted, self._changed_s)


@contextlib.asynccontextmanager
async def fusioncmd(plan: Plan) -> AsyncIterator[Server]:
    async with harness.running(plan.folder / "tier", plan.servers) as tier:
        note(f"importing {plan.people:,} people …")
        await tier.fill(plan.people, plan.seed)
        while (await tier.commander.ask(api.Health())).people != plan.people:
            await asyncio.sleep(0.05)
        people = await tier.people()
        tickets = plan.folder / "tickets.msgpack"
        tickets.write_bytes(msgpack.packb([ticket for _, ticket in tier.tickets(people, plan.terminals)]))
        yield Tier(tier, Campaign(tier.commander, people), tickets)
