"""A node's links: to the node above it, and to each node below. One loop for all; what is said is the exchange's.

A pipe is two subjects of core NATS (`fc.link.<lower node>.up` and `.down`), carried by a leaf connection: it may lose,
stall or be cut without either end being told. Who is reachable below is said once a second on a subject of its own.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from pyroaring import BitMap

from fusioncmd import subjects
from fusioncmd.bus.port import Bus
from fusioncmd.canary import Trail
from fusioncmd.codes import Path
from fusioncmd.errors import BusRefused, Conflict, Problem, Unavailable
from fusioncmd.exchange import bounds, scope
from fusioncmd.exchange.exchange import Exchange
from fusioncmd.exchange.pace import Pace
from fusioncmd.pulse import Beat, Pulse, pack, unpack
from fusioncmd.reachable import Reachable
from fusioncmd.roster.directory import Roster
from fusioncmd.tally import bitmap_from
from tiers.branches import Branches, Link
from tiers.canaries import Canaries
from tiers.problems import Said
from tiers.replica import Coming, NodeReplica
from tiers.satellite_links import SatelliteLinks

log = structlog.get_logger("links")

FROM_ABOVE = tuple(subject.split(".")[3] for subject in (subjects.link_down("44"), subjects.link_beat_down("44")))
BEAT_S = 0.05  # between two looks at what is due
RETRY_S = 0.3


class Links:
    """`above` is the code of the node above, or empty; time is that of `canaries`."""

    def __init__(
        self, bus: Bus, node: Path, above: str, replica: NodeReplica, reachable: Reachable, roster: Roster,
        canaries: Canaries,
    ) -> None:  # fmt: skip
        self._bus, self._node, self._above, self._replica = bus, node, above, replica
        self._reachable, self._roster = reachable, roster
        self._clock, self._monotonic = canaries.clock, canaries.monotonic
        self.links: dict[str, Link] = {}
        self.canaries = canaries
        self.branches = Branches(node, above, self.links, canaries.flight, self._clock, self._monotonic)
        self.satellites = SatelliteLinks(self._of_kit, self._monotonic)
        self.heed: Callable[[Coming], Awaitable[None]] | None = None  # before it is stored
        self.refused = 0
        self._beat_due_s = 0.0

    @asynccontextmanager
    async def running(self, failed: Callable[[], None]) -> AsyncIterator[None]:
        """Exchanges while the block runs; everything that is stored has been folded before. `failed` is called when it
        ends by a mistake of ours, which is raised after the block."""
        runs = self._run(), self._store_all(), self.canaries.run(lambda: self.branches.said_above)
        tasks = [asyncio.create_task(run) for run in runs]

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and task.exception() is not None:
                failed()

        for task in tasks:
            task.add_done_callback(ended)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()

    async def _run(self) -> None:
        if self._above:
            self._open(self._above)
            for subject in (subjects.link_down(self._node.code), subjects.link_beat_down(self._node.code)):
                await self._bus.hear(subject, self._hear)
        for subject in (subjects.link_up("*"), subjects.link_beat_up("*")):
            await self._bus.hear(subject, self._hear)
        await self._bus.hear(subjects.SATELLITE_ALL, self.satellites.hear)
        while True:
            await self._beat()
            await asyncio.sleep(BEAT_S)

    def problems(self) -> tuple[Said, ...]:
        """For health: what is cut off or carries nothing, and for how long."""
        refused = (
            f"{self.refused} messages of other nodes were refused (see the log)",
            f"已拒绝其他节点的 {self.refused} 条消息（见日志）",
        )  # fmt: skip
        return (*self.branches.problems(), *self.satellites.problems(), *([refused] if self.refused else []))

    def _open(self, peer: str) -> Link:
        now_s, own = self._monotonic(), self._node.code
        leads = peer == self._above
        code = own if leads else peer
        says, beats = (
            (subjects.link_up(code), subjects.link_beat_up(code))
            if leads
            else (subjects.link_down(code), subjects.link_beat_down(code))
        )
        self._replica.flush()  # what came before it is no news to it
        epoch = random.randrange(1, 1 << 16)
        exchange = Exchange(self._replica, scope.link(own, peer), leads, epoch, random.random, Pace())
        exchange.connect(_ms(now_s))
        pulse = Pulse(int(self._clock() * 1000), now_s)
        link = self.links[peer] = Link(peer, exchange, pulse, says, beats, Trail(self.canaries.lost_s))
        log.info("link.opened", peer=peer)
        return link

    # --- what comes

    def _hear(self, subject: str, data: bytes) -> None:
        """Anything of any link: from below under the code of who says it, from above under this node's."""
        _, _, code, what = subject.split(".")
        if (code == self._node.code) != (what in FROM_ABOVE):
            return  # what this node said itself
        peer = self._above if what in FROM_ABOVE else code
        link = self._link(peer, code)
        if link is None:
            self.refused += 1
            return
        try:
            if what.startswith("beat"):
                self._beaten(link, unpack(data))
            else:
                self._receive(link, data)
        except Problem as problem:
            self.refused += 1
            log.error("link.bad_message", peer=link.peer, problem=problem.en)

    def _link(self, peer: str, code: str) -> Link | None:
        """To `peer`; one to the node `code` below is opened."""
        link = self.links.get(peer)
        if link is None and self._is_below(code) and len(self.links) < bounds.LINKS_MAX:
            return self._open(code)
        return link

    def _of_kit(self, kit: str) -> Link | None:
        return self._link(self._above if kit == self._node.code else kit, kit)

    def _beaten(self, link: Link, beat: Beat) -> None:
        if not link.pulse.hear(beat, self._monotonic()):
            return
        if link.peer != self._above:
            numbers = bitmap_from(beat.numbers) & self._roster.members(Path(link.peer)) if beat.numbers else BitMap()
            self._reachable.hear_below(link.peer, numbers, self._clock())
        if beat.word is not None:
            self.branches.hear(link, beat.word, self._monotonic())

    def _receive(self, link: Link, data: bytes) -> None:
        before = link.exchange.intake.refused.total()
        link.exchange.receive(data, _ms(self._monotonic()))
        count = link.exchange.intake.refused.total() - before
        if count:
            self.refused += count
            problem = link.exchange.intake.last_refusal
            log.error("link.refused", peer=link.peer, count=count, problem=problem.en if problem else "")

    def _is_below(self, code: str) -> bool:
        return code.startswith(self._node.code) and code != self._node.code and Path(code) in self._roster.divisions

    # --- what goes

    async def _beat(self) -> None:
        self._replica.flush()
        now_s = self._monotonic()
        try:
            for link in list(self.links.values()):
                for frame in link.exchange.due(_ms(now_s)):
                    await self._bus.say(link.says, frame)
            if now_s >= self._beat_due_s:
                self._beat_due_s = now_s + bounds.LINK_BEAT_S
                for link in list(self.links.values()):
                    numbers = self._here() if link.peer == self._above else b""
                    await self._bus.say(
                        link.beats, pack(link.pulse.beat(now_s, numbers, self.branches.word_to(link, now_s)))
                    )
        except Unavailable as problem:  # the bus of this node is down: what was not said is said again
            log.warning("link.bus_is_down", problem=problem.en)
            await asyncio.sleep(RETRY_S)

    def _here(self) -> bytes:
        numbers = self._reachable.numbers(self._clock()).copy()
        numbers.run_optimize()
        packed: bytes = numbers.serialize()
        return packed

    # --- to disk

    async def _store_all(self) -> None:
        while True:
            if not self._replica.coming:
                await asyncio.sleep(BEAT_S)
                continue
            coming = self._replica.coming[0]
            try:
                if self.heed is not None:
                    await self.heed(coming)
                await self._store(coming)
            except BusRefused as problem:  # it would never be stored, and keeps what comes behind it waiting
                self._replica.coming.popleft()
                self._replica.dropped(coming)
                self.refused += 1
                log.error("link.not_storable", problem=problem.en)
                continue
            except Unavailable as problem:
                log.warning("link.not_stored", problem=problem.en)
                await asyncio.sleep(RETRY_S)
                continue
            self._replica.coming.popleft()
            try:
                self._replica.stored(coming)
            except Problem as problem:
                self.refused += 1
                log.error("link.not_folded", problem=problem.en)

    async def _store(self, coming: Coming) -> None:
        for subject, data in coming.messages:
            if subject.startswith(subjects.AUDIENCE_ALL[:-1]):
                try:
                    await self._bus.store(subject, data, expect_last=0)
                    continue
                except Conflict:
                    last = await self._bus.last(subject)
                    if last is not None and last.data == data:
                        continue
            await self._bus.store(subject, data)


def _ms(now_s: float) -> int:
    return int(now_s * 1000)
