"""`python -m loadtest kit`: a kit is killed at any point, in parts or all at once, and what it accepted is all there.

`fusioncmd kit` as a person starts it, under nobody. Responders answer and report, a drone pushes its picture, which is
recorded, and orders are issued on the kit; each round one of its processes, or all of them at once as when the battery
is taken out, is killed with SIGKILL at a random moment. Kept beside it is what was accepted: orders that were told to
be issued, answers and reports that were confirmed, segments that stood in the recorder's index. At the end all is read
from the disk and compared. SIGKILL is not a disk that lies about its cache: that takes the power of the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import os
import signal
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

from pyroaring import BitMap

from fusioncmd import api, divisions, keys
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.codes import Path as Place
from fusioncmd.errors import Unavailable
from fusioncmd.messages import Selector
from fusioncmd.roster.load import import_people
from fusioncmd.video.kept import Missing, Segment, Shed, stretches
from loadtest import harness, measure, people
from loadtest.harness import OfficeCommander
from loadtest.kit_process import Drone, Kit
from loadtest.output import Result, note, show
from loadtest.scenario import Campaign, all_connected, pause_until, until_quiet
from loadtest.swarm.fleet import Fleet, launched
from tiers.kept_store import KeptStore, folder_of

TOWN = "440106001"
WHOLE = "everything at once"
WHOLE_SHARE = 0.4  # of the kills
AFTER_S_MAX = 2.0
UP_S_MAX, QUIET_S_MAX = 60.0, 90.0
LOOK_EVERY_S = 0.25
SNAPSHOT_EVERY_S = "1"
ANSWERS = ("here", "on the way", "need help")
REST_S = 1.0


class Clips:
    """Segments that stood in the index of the kit's recorder at some time: accepted from then on."""

    def __init__(self, data: Path) -> None:
        self._store = KeptStore(data, folder_of(data), time.time)
        self.accepted: dict[str, Segment] = {}

    async def watch(self) -> None:
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        for hour in self._store.hours():
            for row in self._store.rows(hour):
                if isinstance(row, Segment):
                    self.accepted.setdefault(row.id, row)

    def lost(self) -> list[str]:
        """What is not there any more, or is another than it was."""
        return [one.id for one in self.accepted.values() if not self._is_there(one)]

    def _is_there(self, one: Segment) -> bool:
        file = self._store.file(one)
        known = one in self._store.rows(one.id[:10])
        return known and file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == one.sha256

    def unstated_ms(self) -> int:
        """Of the time from the first row to the last: neither kept nor stated missing."""
        rows = [row for hour in self._store.hours() for row in self._store.rows(hour)]
        spans = [row for row in rows if isinstance(row, Segment | Missing)]
        if not spans:
            return 0
        begin_ms, end_ms = min(row.begin_ms for row in spans), max(row.end_ms for row in spans)
        shown = [row for row in rows if isinstance(row, Segment | Missing | Shed)]
        return sum(one.end_ms - one.begin_ms for one in stretches(shown, begin_ms, end_ms) if one.cause == "none")


class Killing:
    def __init__(self, kit: Kit, fleet: Fleet, campaign: Campaign, random: Random, everyone: int) -> None:
        self._kit, self._fleet, self.campaign, self._random = kit, fleet, campaign, random
        self._everyone = everyone
        self.killed: Counter[str] = Counter()
        self.starts_s: list[float] = []
        self.failures: list[str] = []

    async def round(self, number: int) -> None:
        """One order, and one kill at some moment of it, until everything is confirmed."""
        victim = WHOLE if self._random.random() < WHOLE_SHARE else self._random.choice(sorted(self._kit.parts()))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._kill(victim, self._random.uniform(0.0, AFTER_S_MAX)))
            group.create_task(self._call(number))
        await self._until_up(number)
        last = self.campaign.orders[-1]
        status = await until_quiet(self._fleet, {last.id: self._everyone}, QUIET_S_MAX, every_s=0.1)
        shown = status.shown.get(last.id, 0)
        note(f"{number}: {victim}; shown to {shown:,}, {status.welcomed:,} connected")
        if status.waiting or status.welcomed < status.terminals or shown < self._everyone:
            self.failures.append(f"Round {number} ({victim}) did not come to rest: {shown:,} shown, "
                                 f"{status.waiting:,} waiting, {status.welcomed:,} connected.")  # fmt: skip

    async def _call(self, number: int) -> None:
        await self.campaign.issue(
            text=f"Round {number}", answers=ANSWERS, audience=Selector((TOWN,)), status="exercise"
        )

    async def _kill(self, victim: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self.killed[victim] += 1
        parts = self._kit.parts()
        if victim in (WHOLE, "supervisor") or victim not in parts:
            await self._kit.power_off(all_at_once=victim != "supervisor")
            self.starts_s.append(await self._kit.start())
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(parts[victim], signal.SIGKILL)

    async def _until_up(self, number: int) -> None:
        async def whole() -> bool:
            with contextlib.suppress(Unavailable):
                health = await self.campaign.commander.ask(api.Health(), timeout_s=2.0)
                return health.caught_up and len(health.gateways) == 1
            return False

        if not await pause_until(whole, UP_S_MAX):
            self.failures.append(f"Round {number}: the kit was not whole again within {UP_S_MAX:.0f} s.")


@contextlib.asynccontextmanager
async def commanding(kit: Kit) -> AsyncIterator[OfficeCommander]:
    key = users.seed_file(users.folder_of(kit.data), users.NODE)
    bus = await open_bus(kit.nats, "loadtest", wait_s=UP_S_MAX, quiet=True, key=key)
    try:
        commander = OfficeCommander(bus, kit.data)
        await commander.log_in()
        yield commander
    finally:
        await bus.close()


def roster(count: int) -> bytes:
    """People of the town's villages, in turn."""
    villages = [path.code for path in divisions.guangdong().children(Place(TOWN))]
    rows = (f"k{n},k{n},1380000{n:04},{villages[n % len(villages)]},flood\n" for n in range(count))
    return ("id,name,phone,village,roles\n" + "".join(rows)).encode()


async def run(given: argparse.Namespace) -> Result:
    names = ("seed", "kills", "terminals")
    result = Result("kit", measure.conditions() | {name: getattr(given, name) for name in names})
    began_s, random, places = time.monotonic(), Random(f"kit/{given.seed}"), divisions.guangdong()
    with harness.scratch() as folder:
        kit = Kit(folder / "data", TOWN, {"FUSIONCMD_SNAPSHOT_EVERY_S": SNAPSHOT_EVERY_S}, random)
        first_s = await kit.start()
        try:
            async with commanding(kit) as commander, Drone(folder, await kit.drone()):
                await import_people(commander.bus, places, roster(given.terminals))
                known = await people.read(commander.bus, places)
                expires_s = int(time.time()) + harness.TICKET_S
                tickets = known.tickets(given.terminals, keys.read_ticket_key(kit.data), expires_s)
                async with launched(tickets, kit.port, "hasty", given.seed, kit.data) as fleet:
                    await all_connected(fleet, UP_S_MAX)
                    clips = Clips(kit.data)
                    watching = asyncio.create_task(clips.watch())
                    killing = Killing(kit, fleet, Campaign(commander, known), random, len(tickets))
                    for number in range(1, given.kills + 1):
                        await killing.round(number)
                    watching.cancel()
                    await asyncio.sleep(REST_S)
                    record = await fleet.record()
                    await kit.power_off()  # what the node tells from now on is what it read from the disk
                    killing.starts_s.append(await kit.start())
                    result.verdict = await killing.campaign.verdict(record, BitMap(number for number, _ in tickets))
        finally:
            await kit.stop()
        result.failures += killing.failures
        if lost := clips.lost():
            result.failures.append(f"{len(lost)} segments that were accepted are gone or changed: {lost[:5]}")
        if unstated_ms := clips.unstated_ms():
            result.failures.append(f"{unstated_ms} ms of video are neither kept nor stated missing.")
        if not clips.accepted:
            result.failures.append("Nothing was recorded.")
    result.add("kills", sum(killing.killed.values()))
    for name, count in sorted(killing.killed.items()):
        result.add(f"killed: {name}", count)
    result.add("orders", len(killing.campaign.orders))
    result.add("answers confirmed", sum(len(c) for d in record.deeds.values() for c in d.confirmed))
    result.add("reports stored", sum(written.stored for written in record.reports.values()))
    result.add("segments accepted", len(clips.accepted))
    result.add("ready after its first start", round(first_s, 1), "s")
    result.add("ready after everything was killed: median", round(statistics.median(killing.starts_s), 1), "s")
    result.add("ready after everything was killed: longest", round(max(killing.starts_s), 1), "s")
    result.add("took", round(time.monotonic() - began_s), "s")
    return result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=1, help="kills the same again (%(default)s)")
    parser.add_argument("--kills", type=int, default=50, help="%(default)s")
    parser.add_argument("--terminals", type=int, default=60, help="%(default)s")


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)
