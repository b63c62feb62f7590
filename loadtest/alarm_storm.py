"""A storm of alarms: posted as fast as is asked for, and held against what the node and its stream have of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from fusioncmd.alarm import alarm as alarms
from fusioncmd.alarm import decided as decisions
from fusioncmd.alarm import subjects
from fusioncmd.api.alarms import Alarms
from fusioncmd.bus.port import ALARM, Stored
from fusioncmd.errors import Problem
from loadtest.alarm_sending import Probes
from loadtest.alarm_world import World, posting
from loadtest.measure import cost
from loadtest.scenario import pause_until

CONNECTIONS = 24
PROBE_EVERY_S = 0.5
SETTLED_S_MAX = 180.0
STORM = "hook.storm"


@dataclass(slots=True)
class Storm:
    """`taken` were answered 202; `cpu`: by process, in seconds; `looked_s`: after the last was posted, until the node
    had looked at all."""

    posted: int = 0
    taken: int = 0
    seconds: float = 0.0
    distinct: int = 0
    messages: int = 0
    lost: int = 0
    listed: int = 0
    looked_s: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    reply_ms: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


async def storm(world: World, probes: Probes, name: str, count: int, distinct: int, over_s: float) -> Storm:
    """`count` alarms about `distinct` things, evenly over so long; and now and then one that calls somebody."""
    made = Storm(distinct=distinct)
    before_seq, before = await _end(world), await _total(world)
    probed = probes.sent - probes.cut
    pids = {each: pid for each, pid in world.running.pids().items() if each in ("alarm", "node", "nats", "responder-1")}
    cpu = {each: cost(pid).cpu_s for each, pid in pids.items()}
    waits: set[bytes] = set()

    def decided(stored: Stored) -> None:
        waits.update(made.alarm for made in decisions.decode(stored.data) if made.playbook == "look-first")

    await world.running.bus.tail(ALARM, decided, from_seq=before_seq + 1, filters=(subjects.DECIDED_ALL,))
    began_s = time.monotonic()
    probing = asyncio.create_task(_probe(probes))
    async with asyncio.TaskGroup() as group:
        for first in range(CONNECTIONS):
            group.create_task(_post(world, made, name, first, count, distinct, began_s, over_s / count))
    made.seconds = time.monotonic() - began_s

    async def looked() -> bool:
        return len(waits) >= distinct

    if not await pause_until(looked, SETTLED_S_MAX):
        made.failed.append(f"after {SETTLED_S_MAX:.0f} s the node had not looked at all")
    made.looked_s = time.monotonic() - began_s - made.seconds
    probing.cancel()
    (ended,) = await asyncio.gather(probing, return_exceptions=True)
    if not isinstance(ended, asyncio.CancelledError):
        made.failed.append(f"the alarms that call somebody ended: {ended!r}")
    made.cpu = {each: cost(pid).cpu_s - cpu[each] for each, pid in pids.items()}
    await _compare(world, made, name, before_seq)
    made.listed = await _total(world) - before - (probes.sent - probes.cut - probed)
    return made


async def _post(
    world: World, made: Storm, name: str, first: int, count: int, distinct: int, began_s: float, every_s: float
) -> None:
    """Each connection its share of them, each at its time or as soon after as the one before is answered."""
    async with posting(world.alarms.http) as to:
        for n in range(first, count, CONNECTIONS):
            await asyncio.sleep(max(0.0, began_s + n * every_s - time.monotonic()))
            made.posted += 1
            asked_s = time.monotonic()
            try:
                status = await to.hook("storm", {"about": f"{name}-{n % distinct}", "headline": f"storm {n}"})
            except Problem as problem:
                made.failed.append(problem.en)
                return
            made.reply_ms.append(1_000 * (time.monotonic() - asked_s))
            made.taken += status == 202


async def _probe(probes: Probes) -> None:
    while True:
        await probes.one("hook" if probes.sent % 2 else "sensor")
        await asyncio.sleep(PROBE_EVERY_S)


async def _end(world: World) -> int:
    return (await world.running.bus.edge(ALARM)).last


async def _total(world: World) -> int:
    return (await world.running.commander.ask(Alarms(limit=1), 30.0)).total


async def _compare(world: World, made: Storm, name: str, after: int) -> None:
    """Everything that was said to be taken has to be in the stream."""
    kept: set[str] = set()
    async for stored in world.running.bus.read(ALARM, after + 1):
        if stored.subject.startswith("fc.alarm."):
            alarm = alarms.decode(stored.data)
            if alarm.source == STORM and alarm.about.startswith(f"{name}-"):
                kept.add(alarm.about)
                made.messages += 1
    made.lost = made.distinct - len(kept)
