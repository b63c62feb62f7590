"""The beacons of tier nodes that were heard lately, to be told again to who takes part in a further talkgroup. Pure.

A seat or a relay that is made now knows by them what it would have heard since they began.
"""

from __future__ import annotations

from collections.abc import Iterator

from fusioncmd import limits
from fusioncmd.floor.frames import Beacon
from fusioncmd.floor.timers import SERVER, SILENT_MS

_STEP_MS = SILENT_MS // 2


class Beacons:
    def __init__(self) -> None:
        self._since_ms: dict[str, tuple[int, int]] = {}  # heard without a gap since, and last

    def hear(self, node: str, now_ms: int) -> None:
        since_ms, heard_ms = self._since_ms.pop(node, (now_ms, now_ms))
        if now_ms - heard_ms > SILENT_MS:
            since_ms = now_ms
        elif len(self._since_ms) >= limits.FLOOR_NODES_MAX:
            del self._since_ms[next(iter(self._since_ms))]  # not heard for longest
        self._since_ms[node] = since_ms, now_ms

    def again(self) -> Iterator[tuple[Beacon, int]]:
        """Each beacon and when it was heard, as far back as anybody asks; in the order of time."""
        said: list[tuple[int, str]] = []
        for node, (since_ms, heard_ms) in self._since_ms.items():
            first_ms = max(since_ms, heard_ms - 2 * SERVER.t3_ms)
            said += ((ms, node) for ms in range(first_ms, heard_ms, _STEP_MS))
            said.append((heard_ms, node))
        for ms, node in sorted(said):
            yield Beacon(node), ms
