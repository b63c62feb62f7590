"""A tier node: folds the streams into roster and ledger, keeps the ledger on disk, and serves the desk.

The shell around `Desk`, `Ledger` and `Roster`: it owns the bus, the clock and the disk, and nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog

from fusioncmd import __version__, api, codes, limits, subjects
from fusioncmd import keys as secret_keys
from fusioncmd.accounts.provider import provider_in
from fusioncmd.audit.entries import Entry
from fusioncmd.audit.head_file import head_file
from fusioncmd.bus.port import Bus
from fusioncmd.divisions import Divisions
from fusioncmd.errors import Problem, Unavailable
from fusioncmd.exchange import bounds
from fusioncmd.messages import Presence, decode
from fusioncmd.reachable import Reachable
from fusioncmd.room import check_room
from fusioncmd.roster.directory import Roster
from fusioncmd.trust import ring, told_ends
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.notices import Notices
from tiers.accounts import Accounts
from tiers.canaries import Canaries
from tiers.checks import Checks, Pause
from tiers.desk import Desk
from tiers.desks import Desks
from tiers.folding import Folding
from tiers.health import HealthDesk
from tiers.lastline import Lastline
from tiers.ledger_files import LedgerFiles
from tiers.links import Links
from tiers.logins import Logins
from tiers.losses import Elsewhere
from tiers.recording import Recording
from tiers.replica import NodeReplica
from tiers.serving import Answer, Serving
from tiers.signing_keys import SigningKeys
from tiers.snapshots import Snapshots

log = structlog.get_logger("node")


class Node:
    def __init__(
        self, bus: Bus, node: codes.Path, divisions: Divisions, data: Path,
        snapshot_every_s: float = limits.SNAPSHOT_EVERY_S, listen_s: float = 0.0,
        clock: Callable[[], float] = time.time, second_above: int = limits.SECOND_PERSON_PEOPLE,
        pause: Pause = asyncio.sleep, monotonic: Callable[[], float] = time.monotonic, above: str = "",
        canary_every_s: float = bounds.CANARY_EVERY_S,
    ) -> None:  # fmt: skip
        """Keys are in `data`; `above` is the node above, if this one is linked to it. `clock` gives seconds since
        1970. `second_above`: see `Issuing`. Logins are timed by `monotonic` and wait by `pause`."""
        self._snapshot_every_s, self._listen_s = snapshot_every_s, listen_s
        self._started_s, self._clock, self._bus, self._data = time.monotonic(), clock, bus, data
        self._files = LedgerFiles(data / "ledger")
        keys = ring.folder_of(data)
        anchors, own = ring.anchors(keys), ring.node_key(keys)
        self._judge = Judge(anchors, clock)
        self._own: Callable[[], Credential] = lambda: own  # until it is known which of the node's keys is good
        self.recorder = Recording(bus, node, lambda: self._own(), anchors, clock, head_file(data))
        self._ledger = self._files.load(self._judge)
        self._roster, self._reachable, self._notices = Roster(divisions), Reachable(), Notices()
        self._folding = Folding(bus, self._roster, self._ledger, self._judge, self.recorder, self.recorder.name)
        self.desk = Desk(
            bus, node, self._roster, self._ledger, self._reachable, self._judge, own, self.recorder, second_above
        )  # fmt: skip
        self._checks = Checks(monotonic, pause)
        hashed = self._checks.hashed
        self.accounts = Accounts(bus, divisions, self._judge, lambda: self._keys.own_key(), self.recorder, hashed)
        self.logins = Logins(
            node, self.accounts, self._judge, self.recorder, secret_keys.ensure_session_key(data),
            provider_in(data), self._checks, monotonic, pause,
        )  # fmt: skip
        self._folding.fold_account, self._folding.fold_trust = self.accounts.fold, self._notices.fold
        self._keys = SigningKeys(bus, self._judge, self._ledger, keys, self.recorder)
        self._own = lambda: self._keys.own
        self._keys.listen(self._notices)
        self._notices.on("proposal", self.desk.proposals.fold)
        self.desk.sign_with(self._keys.own_key)
        self.health = HealthDesk(
            self.desk, self._reachable, self._ledger, self._files, self._folding, self._judge, data, clock,
            (
                self._keys.problems, lambda: self.recorder.said,
                lambda: (*self.logins.problems(), *self.desks.problems(), *self.lastline.problems()),
            ),
        )  # fmt: skip
        self.desk.problems = self.health.lagging
        self.desk.room_by(lambda: check_room(data))
        self.recorder.check_room = lambda: check_room(data, limits.AUDIT_PAGE_BYTES_MAX)
        self._snapshots = Snapshots(bus, self._ledger, self._files, self.health.troubles)
        self.desks = Desks(
            bus, self.desk, data, self._judge, self.recorder, self._notices, self._reachable,
            self.accounts.officials, clock, monotonic,
        )  # fmt: skip
        self.media = self.desks.media
        self.links = self._linked(above, Canaries(bus, clock, monotonic, canary_every_s))
        self.lastline: Lastline = Lastline(
            bus, self.desk, self.links, data, self._judge, self.recorder, monotonic, self.media.tracks
        )
        self._folding.trust_filters = self._notices.filters
        self.beside: list[Callable[[], Coroutine[Any, Any, None]]] = [self.lastline.run, *self.desks.runs]
        self._stop = asyncio.Event()

    def _linked(self, above: str, canaries: Canaries) -> Links:
        """To the node above and to those below, with what this one holds behind them."""
        replica = NodeReplica(self._roster, self._ledger, self._judge, self._folding.fold_coming)
        self._folding.slice_changed = replica.note_slice
        self._notices.on("head", replica.fold_head)
        links = Links(self._bus, self.desk.node, above, replica, self._reachable, self._roster, canaries)
        links.satellites.tell_ends(self._data / told_ends.FOLDER, self._judge.revocations)
        self._folding.canary_read, self._ledger.canary_answered = canaries.read, canaries.flight.answer
        self.health.cut, self.health.links = links.problems, links.branches.lines
        self.desk.cuts = links.branches.cuts
        Elsewhere(self._bus, self._roster, replica, self.desks.devices, links, self._notices, self._keys.own_key)
        return links

    @property
    def ready(self) -> bool:
        """Everything that is stored has been folded."""
        return self.health.ready

    async def run(self) -> None:
        """Until `stop`. Health is told from the first moment, the rest once all is read and gateways were listened to
        for `listen_s`: half a tally, or a province that looks unreachable, is worse than none."""
        await self._ensure_streams()
        self._note_life("start")
        async with self.recorder.running(self.stop):
            await self._live()
            self._folding.note_roster()
            self._note_life("stop")

    async def _live(self) -> None:
        serving = Serving(self._bus, lambda: self.health.ready, self.logins.admit, self.recorder, self._clock)
        await serving.serve(self._answers())
        await self._bus.hear(subjects.PRESENCE_ALL, self._hear_presence)
        await self.media.start()
        listening = asyncio.create_task(asyncio.sleep(self._listen_s))
        await self._folding.read_everything()
        self._snapshots.begin_anew(self._folding.begun_anew)
        await self._keys.begin()
        self.recorder.sign()
        await listening
        self.health.ready_s = time.monotonic() - self._started_s
        log.info(
            "node.ready", node=str(self.desk.node), people=self._roster.people, seconds=round(self.health.ready_s, 3)
        )
        climbing = await self.desks.ladders.start()
        showing = asyncio.create_task(self.media.run())
        showing.add_done_callback(self.media.note_end)
        beside = [asyncio.create_task(run()) for run in self.beside]
        for task in beside:
            task.add_done_callback(self._note_end)
        async with self.links.running(self.stop):
            while not self._stop.is_set():
                try:
                    async with asyncio.timeout(self._snapshot_every_s):
                        await self._stop.wait()
                except TimeoutError:
                    await self.snapshot()
                    await self._keys.tend()
                    await self.media.tend()
        for task in (climbing, showing, *beside):
            task.cancel()
        await self.snapshot()
        self._checks.close()

    def stop(self) -> None:
        self._stop.set()

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("node.part_failed", error=repr(error))
            self.health.troubles["part"] = "A part of the node failed (see its log)", "节点的一部分已出错停止（见日志）"

    def _note_life(self, change: str) -> None:
        details = {"change": change, "version": __version__}
        self.recorder.note(Entry(self.desk.now_ms, self.recorder.name, "node", self.desk.node.code, "", details))

    async def snapshot(self) -> None:
        if not await self._snapshots.write():
            self.stop()  # and be started again: what it holds now has to be read from its beginning

    async def _ensure_streams(self) -> None:
        while True:
            try:
                return await self._bus.ensure_streams()
            except Unavailable as error:
                log.warning("node.waits_for_bus", error=error.en)
                await asyncio.sleep(0.3)

    def _hear_presence(self, subject: str, data: bytes) -> None:
        try:
            said = decode(Presence, data)
            self._reachable.hear(said, self._clock())
            self.links.canaries.expect(said, subject)
        except Problem as problem:
            self._folding.bad_messages += 1
            log.error("node.bad_message", subject=subject, problem=problem.en)

    def _answers(self) -> dict[type[Any], Answer]:
        return {
            api.Health: self.health.health,
            api.Compose: self.desk.compose,
            api.Issue: self.desk.issue,
            api.Preview: self.desk.preview,
            api.Propose: self.desk.proposals.propose,
            api.Proposals: self.desk.proposals.proposals,
            api.Withdraw: self.desk.proposals.withdraw,
            api.Tally: self.desk.tally,
            api.Who: self.desk.who,
            api.Orders: self.desk.orders,
            api.Reports: self.desk.reports,
            api.Picture: self.desk.picture,
            api.Find: self.desk.find,
            **self.desks.answers(),
            **self.logins.answers(),
            api.AddAccount: self.accounts.add,
            api.ChangeAccount: self.accounts.change,
            api.Accounts: self.accounts.list,
            **self._keys.answers(),
        }
