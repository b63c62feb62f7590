"""What of the bus's voice a node records: its own talkgroups, and those to which somebody listens through its gateways.

A talkgroup is heard only while somebody here does: a recorder alone draws no voice over a link. Private calls are not
recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path as FilePath

import structlog

from fusioncmd.bus.port import Bus, Hearing
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput
from fusioncmd.voice import frames, joined, subjects
from fusioncmd.voice.bounds import TALKGROUPS_MAX
from fusioncmd.voice.faults import Kind
from tiers.bursts import Bursts, Ended
from tiers.recordings import Recordings

log = structlog.get_logger("talk")

JOINED_S = 10.0  # for so long after a gateway said that somebody listens
LOOK_S = 0.5
PRIVATE = "p"  # then digits: a person


class Listener:
    """`clock` gives seconds since 1970, `monotonic` those of no particular time."""

    def __init__(
        self, bus: Bus, node: Path, data: FilePath, clock: Callable[[], float], monotonic: Callable[[], float]
    ) -> None:
        self._bus, self._node, self._clock, self._monotonic = bus, node, clock, monotonic
        self._bursts, self._store = Bursts(), Recordings(data, clock)
        self.joined: Callable[[str], None] = lambda group: None  # told again and again
        self._wanted: dict[str, float] = {}  # talkgroups as subjects have them, and when somebody listened last
        self._hearings: dict[str, Hearing] = {}
        self._ended: list[Ended] = []
        self.refused = self.failed = 0  # frames that are none; recordings that the disk did not take

    async def run(self) -> None:
        """Until cancelled; what was heard by then is written."""
        await self._bus.hear(f"fc.voice.{self._node.dotted}.*", self._hear)
        await self._bus.hear(subjects.joined("*"), self._hear_joined)
        try:
            await asyncio.to_thread(self._store.prune)
        except OSError as error:  # floors are arbitrated all the same
            self.failed += 1
            log.error("talk.not_pruned", error=str(error))
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                await self._follow()
                self._ended += self._bursts.over(self._now_ms)
                await asyncio.to_thread(self._write)
        finally:
            self._ended += self._bursts.over(self._now_ms, all_of_them=True)
            self._write()

    @property
    def faults(self) -> dict[Kind, int]:
        return {"unwritten": self.failed, "unrecorded": self._bursts.shed}

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1_000)

    def _hear(self, subject: str, data: bytes) -> None:
        try:
            path, group = subjects.talkgroup_of(subject)
            frame = frames.decode(data)
        except BadInput:
            self.refused += 1
            return
        if not (group.startswith(PRIVATE) and group[1:].isdigit()):
            self._ended += self._bursts.hear(path.code, group, frame, self._now_ms)

    def _hear_joined(self, subject: str, data: bytes) -> None:
        try:
            said = joined.decode(data)
        except BadInput:
            self.refused += 1
            return
        for group in said.groups:
            if group in self._wanted or len(self._wanted) < TALKGROUPS_MAX:
                self._wanted[group] = self._monotonic()
                self.joined(group)

    async def _follow(self) -> None:
        own = self._node.dotted
        for group, seen_s in list(self._wanted.items()):
            if self._monotonic() - seen_s > JOINED_S:
                del self._wanted[group]
                if (hearing := self._hearings.pop(group, None)) is not None:
                    await hearing.stop()
            elif group not in self._hearings and group.rpartition(".")[0] != own:
                self._hearings[group] = await self._bus.hear(f"fc.voice.{group}", self._hear)

    def _write(self) -> None:
        while self._ended:
            one = self._ended.pop(0)
            try:
                self._store.write(one)
            except OSError as error:
                self.failed += 1
                log.error("talk.not_recorded", burst=one.recorded.id, error=str(error))
