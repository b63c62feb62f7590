"""The tier nodes whose beacons a gateway hears: those above it, and those on the way down to a talkgroup's own."""

from __future__ import annotations

import time
from collections.abc import Callable

from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path, parse
from fusioncmd.errors import BadInput
from fusioncmd.floor import frames
from fusioncmd.floor.frames import Beacon
from fusioncmd.floor.known import Beacons
from fusioncmd.voice import subjects


class NodesHeard:
    """`heard` is told of each beacon, with the time in milliseconds by the monotonic clock."""

    def __init__(self, bus: Bus, heard: Callable[[Beacon, int], None]) -> None:
        self._bus, self._heard = bus, heard
        self._listening: set[Path] = set()
        self.beacons = Beacons()
        self.refused = 0  # that are none, or another node's

    async def listen(self, lowest: Path) -> None:
        """From now on, to that node and all above it."""
        for path in (*lowest.ancestors(), lowest):
            if path not in self._listening:
                self._listening.add(path)
                await self._bus.hear(subjects.beacon(path), self._hear)

    def _hear(self, subject: str, data: bytes) -> None:
        try:
            beacon = frames.decode(data)
            if not isinstance(beacon, Beacon) or subject != subjects.beacon(parse(beacon.node)):
                raise BadInput("Not a beacon of that node.", "不是该节点的信标。")
        except BadInput:
            self.refused += 1
            return
        now_ms = time.monotonic_ns() // 1_000_000
        self.beacons.hear(beacon.node, now_ms)
        self._heard(beacon, now_ms)
