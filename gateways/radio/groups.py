"""The talkgroups in which somebody at a gateway takes part: what the bus says of them, their time, and who is told.

The shell around `Talkgroup`, of radios (`media.py`) and of browsers (`gateways/video/talking.py`): it owns the
subscriptions and the clock.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from fusioncmd.bus.port import Bus, Hearing
from fusioncmd.bus.saying import Saying
from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage, Unavailable
from fusioncmd.floor.frames import Beacon
from fusioncmd.voice import joined, subjects
from fusioncmd.voice.bounds import TALKGROUPS_MAX
from gateways.radio.leg import Leg
from gateways.radio.nodes_heard import NodesHeard
from gateways.radio.places import talkgroup_of
from gateways.radio.talkgroup import Talkgroup
from gateways.radio.wire import Wire

TICK_S = 0.01
IDLE_TICKS = 20  # talkgroups in which nobody speaks are looked at so much more rarely
JOINED_TICKS = 100
LISTENS_TICKS = 200


@dataclass(slots=True)
class _Group:
    group: Talkgroup
    hearings: list[Hearing] = field(default_factory=list)


class Groups:
    """Of the gateway named `gateway`, unique in the tree, which serves the place `serves`; `wire` leads to its people.
    `clock` gives seconds since 1970; `ticked` is called each 10 ms, with the time in milliseconds."""

    def __init__(
        self, bus: Bus, gateway: str, serves: Path, clock: Callable[[], float], wire: Wire,
        ticked: Callable[[int], None] = lambda at_ms: None,
    ) -> None:  # fmt: skip
        self._bus, self._gateway, self._serves, self._clock, self._wire = bus, gateway, serves, clock, wire
        self._ticked = ticked
        self._saying = Saying(bus)
        self.say = self._saying.say
        self._groups: dict[str, _Group] = {}
        self._nodes = NodesHeard(bus, self._hear_node)
        self._ssrc = int.from_bytes(os.urandom(3), "big") << 8
        self._changing = asyncio.Lock()  # who comes and goes, one after the other: the last one out ends the hearing
        self.refused = 0  # frames that are none

    async def start(self) -> None:
        await self._nodes.listen(self._serves)

    async def run(self) -> None:
        """Until cancelled; what goes wrong in it is raised."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._saying.run())
            ticks = 0
            while True:
                await asyncio.sleep(TICK_S)
                ticks += 1
                at_ms = now_ms()
                for each in list(self._groups.values()):
                    if ticks % IDLE_TICKS == 0 or each.group.busy:
                        each.group.tick(at_ms)
                self._ticked(at_ms)
                if ticks % LISTENS_TICKS == 0:
                    for each in self._groups.values():
                        self._say_listens(each.group)
                if ticks % JOINED_TICKS == 0:
                    self._say_joined()
                    await self.leave_empty()

    @property
    def shed(self) -> int:  # frames that the bus did not take
        return self._saying.shed

    async def join(self, where: str, make: Callable[[int], Leg | None]) -> tuple[Leg, Talkgroup] | None:
        """`make` gives who joins, with that SSRC; None: they are gone by now. BadInput for a place of
        no branch here, `Unavailable` for a talkgroup too many."""
        async with self._changing:
            group = await self._group(where)
            self._ssrc += 1
            leg = make(self._ssrc & 0xFFFFFFFF)
            if leg is None:
                return None
            group.join(leg)
            return leg, group

    def find(self, where: str) -> Talkgroup | None:
        """Where somebody is in it. BadInput."""
        path, name = talkgroup_of(where, self._serves)
        found = self._groups.get(f"{path.dotted}.{name}")
        return None if found is None else found.group

    def check(self, where: str) -> Path:
        """The place of a talkgroup. BadInput."""
        return talkgroup_of(where, self._serves)[0]

    def _hear_node(self, beacon: Beacon, at_ms: int) -> None:
        for each in self._groups.values():
            each.group.beacon(beacon, at_ms)

    def _hear(self, what: Callable[[Talkgroup, bytes, int], None], subject: str, data: bytes) -> None:
        found = self._groups.get(subject.split(".", 2)[2])
        try:
            if found is not None:
                what(found.group, data, now_ms())
        except BadMessage:
            self.refused += 1

    async def _group(self, where: str) -> Talkgroup:
        path, name = talkgroup_of(where, self._serves)
        key = f"{path.dotted}.{name}"
        if (known := self._groups.get(key)) is not None:
            return known.group
        if len(self._groups) >= TALKGROUPS_MAX:
            raise Unavailable("This gateway carries no further talkgroup.", "本网关无法再承载通话组。")
        group = Talkgroup(path, name, self._gateway, self._ssrc, int(self._clock() * 1_000), self._wire)
        self._ssrc += 1
        made = self._groups[key] = _Group(group)
        for beacon, ms in self._nodes.beacons.again():
            group.beacon(beacon, ms)
        await self._nodes.listen(max(path, self._serves, key=lambda each: each.tier))
        made.hearings.append(await self._bus.hear(subjects.floor(path, name), partial(self._hear, Talkgroup.floor)))
        made.hearings.append(await self._bus.hear(subjects.voice(path, name), partial(self._hear, Talkgroup.voice)))
        self._say_joined()
        self._say_listens(group)
        return group

    async def leave_empty(self) -> None:
        """Nobody is in it any more, nor is spoken to: no link has to carry it for us."""
        async with self._changing:
            for key in [key for key, each in self._groups.items() if not each.group.legs]:
                for hearing in self._groups.pop(key).hearings:
                    await hearing.stop()

    def _say_joined(self) -> None:
        said = joined.Joined(self._gateway, tuple(self._groups)[: joined.GROUPS_MAX])
        self.say(subjects.joined(self._gateway), joined.encode(said))

    def _say_listens(self, group: Talkgroup) -> None:
        self.say(subjects.listens(group.path, group.name), b"")


def now_ms() -> int:
    """Of the monotonic clock."""
    return time.monotonic_ns() // 1_000_000
