"""A tier node: folds the streams into roster and ledger, keeps the ledger on disk, and serves the desk.

The shell around `Desk`, `Ledger` and `Roster`: it owns the bus, the clock and the disk, and nothing else.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from fusioncmd import __version__, api, codes, keys, limits, subjects
from fusioncmd.access import Actor
from fusioncmd.api import devices as of_devices
from fusioncmd.audit.logged import Logged
from fusioncmd.bus.port import RECEIPT, REPORT, Bus
from fusioncmd.divisions import Divisions
from fusioncmd.errors import Problem, Unavailable
from fusioncmd.messages import Presence, decode
from fusioncmd.reachable import Reachable
from fusioncmd.roster.directory import Roster
from fusioncmd.trust import ring
from fusioncmd.trust.judge import Judge
from tiers.desk import Desk
from tiers.devices import DeviceDesk
from tiers.folding import Folding
from tiers.ledger_files import LedgerFiles, images
from tiers.problems import problems_of
from tiers.serving import Answer, Serving

log = structlog.get_logger("node")


class Node:
    def __init__(
        self, bus: Bus, node: codes.Path, divisions: Divisions, data: Path,
        snapshot_every_s: float = limits.SNAPSHOT_EVERY_S, listen_s: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        """The keys are in `data`; `clock` gives seconds since 1970."""
        self._snapshot_every_s, self._listen_s = snapshot_every_s, listen_s
        self.ready = False  # everything that is stored has been folded
        self._started_s, self._clock = time.monotonic(), clock
        self._ready_s = 0.0
        self._bus, self._data = bus, data
        self._files = LedgerFiles(data / "ledger")
        folder = ring.folder_of(data)
        self._judge = Judge(ring.anchors(folder), clock)
        self._ledger = self._files.load(self._judge)
        self._roster = Roster(divisions)
        self._reachable = Reachable()
        self._covered = dict(self._ledger.handled)  # what the head on disk says
        self._problems: dict[str, str] = {}
        self._folding = Folding(bus, self._roster, self._ledger, self._judge)
        self.desk = Desk(bus, node, self._roster, self._ledger, self._reachable, self._judge, ring.node_key(folder))
        self.desk.problems = self._lagging
        ticket_key = keys.ensure_ticket_key(data)
        self.devices = DeviceDesk(bus, self._roster, ticket_key, ring.roots(folder), Logged(), clock)
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Until `stop`. Health is told from the first moment, the rest once all is read and gateways were listened to
        for `listen_s`: half a tally, or a province that looks unreachable, is worse than none."""
        await self._ensure_streams()
        await Serving(self._bus, lambda: self.ready, self._admit).serve(self._answers())
        await self._bus.hear(subjects.PRESENCE_ALL, self._hear_presence)
        listening = asyncio.create_task(asyncio.sleep(self._listen_s))
        await self._folding.read_everything()
        self._covered.update(dict.fromkeys(self._folding.begun_anew, 0))
        await listening
        self.ready = True
        self._ready_s = time.monotonic() - self._started_s
        log.info("node.ready", node=str(self.desk.node), people=self._roster.people, seconds=round(self._ready_s, 3))
        while not self._stop.is_set():
            try:
                async with asyncio.timeout(self._snapshot_every_s):
                    await self._stop.wait()
            except TimeoutError:
                await self.snapshot()
        await self.snapshot()

    def stop(self) -> None:
        self._stop.set()

    async def snapshot(self) -> None:
        """Write what changed, then let the streams forget what the snapshot *before* already held."""
        handled = dict(self._ledger.handled)
        if handled == self._covered and not self._ledger.dirty:
            return
        made = images(self._ledger)
        try:
            await asyncio.to_thread(self._files.save, made, handled, dict(self._ledger.keep_from))
            for stream in (RECEIPT, REPORT):
                if (await self._bus.edge(stream)).last < handled[stream.name]:
                    log.error("node.stream_went_back", stream=stream.name, handled=handled[stream.name])
                    self.stop()  # and be started again: what it holds now has to be read from its beginning
                    return
                below = self._covered[stream.name] + 1
                await self._bus.forget(stream, min(below, self._ledger.keep_from.get(stream.name, below)))
            self._covered = handled
            self._problems.pop("ledger", None)
        except (OSError, Unavailable) as error:
            self._ledger.dirty.update(ident for ident, _ in made)
            self._problems["ledger"] = f"The ledger was not written: {error}"
            log.error("node.snapshot_failed", error=str(error))

    async def _ensure_streams(self) -> None:
        while True:
            try:
                return await self._bus.ensure_streams()
            except Unavailable as error:
                log.warning("node.waits_for_bus", error=error.en)
                await asyncio.sleep(0.3)

    def _hear_presence(self, subject: str, data: bytes) -> None:
        try:
            self._reachable.hear(decode(Presence, data), self._clock())
        except Problem as problem:
            self._folding.bad_messages += 1
            log.error("node.bad_message", subject=subject, problem=problem.en)

    def _answers(self) -> dict[type[Any], Answer]:
        return {
            api.Health: self._health,
            api.Compose: self.desk.compose,
            api.Issue: self.desk.issue,
            api.Preview: self.desk.preview,
            api.Tally: self.desk.tally,
            api.Who: self.desk.who,
            api.Orders: self.desk.orders,
            api.Reports: self.desk.reports,
            api.Find: self.desk.find,
            of_devices.MakeCodes: self.devices.codes,
            of_devices.Enrol: self.devices.enrol,
            of_devices.Renew: self.devices.renew,
            of_devices.Devices: self.devices.devices,
            of_devices.RevokeDevices: self.devices.revoke,
        }

    def _admit(self, question: api.Question[Any], session: bytes) -> Actor:
        return Actor(str(self.desk.node), frozenset({"commander", "administrator"}), self.desk.node)

    def _lagging(self) -> tuple[str, ...]:
        """Why figures may lag behind what people did."""
        found = [f"{name} cannot store receipts: answers wait there" for name in self._reachable.failing(self._clock())]
        free = shutil.disk_usage(self._data).free
        if free < limits.DISK_FREE_BYTES_MIN:
            found.append(f"Only {free // 2**20} MiB are free on the disk of {self._data}")
        return tuple(found)

    def _all_problems(self) -> tuple[str, ...]:
        refused = {"the node": self._judge.refused} | self._reachable.refused(self._clock())
        found = problems_of(self._files, self._ledger, self._folding.bad_messages, refused)
        return (*self._lagging(), *self._problems.values(), *found)

    async def _health(self, _: api.Health, who: Actor) -> api.HealthReply:
        return api.HealthReply(
            node=self.desk.node.code,
            version=__version__,
            people=self._roster.people,
            towns=len(self._roster.divisions.towns),
            orders=len(self._ledger.book.orders),
            reachable=len(self.desk.reachable),
            gateways=tuple(self._reachable.gateways(self._clock())),
            ready_s=self._ready_s,
            caught_up=self.ready,
            now_ms=self.desk.now_ms,
            problems=self._all_problems(),
        )
