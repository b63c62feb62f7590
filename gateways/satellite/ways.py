"""By which of several ways a kit reaches its hub, best first. Pure.

`satellite=192.168.1.2@64k,4g=10.0.0.5@2M`: a name, the address of this machine to send from (empty: the system's
choice), and the rate that the way was provisioned with.

The way in use is left when it is silent for `SILENT_S`: then all others are asked at once, and the first that answers
is used. While one that is not the best is in use, the better ones are asked each `ASK_S`, later and later while they do
not answer, up to `ASK_S_MAX`: one packet each. A change is seamless where both ways work: the hub has answered on the
new one before anything else goes there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from fusioncmd.errors import BadInput

WAYS_MAX = 6  # aioquic knows of eight paths
SILENT_S = 2.5  # while something waits for an acknowledgement
ASK_S, ASK_S_MAX = 10.0, 60.0
ASK_AGAIN_S = 1.0  # a question that may have been lost, while the way in use is silent
UNITS = {"": 1, "k": 1_000, "M": 1_000_000}
WAY = re.compile(r"(?P<name>[a-z0-9-]{1,16})=(?P<address>[0-9a-fA-F.:]*)@(?P<rate>[0-9]{1,7})(?P<unit>[kM]?)")


class Way(NamedTuple):
    """`address`: of this machine, to send from; empty: what the system chooses."""

    name: str
    address: str
    rate_bps: int


def read_ways(text: str) -> tuple[Way, ...]:
    """`BadInput` for what is none, for a name twice, and for too many."""
    ways = []
    for part in text.split(","):
        found = WAY.fullmatch(part.strip())
        if found is None:
            raise BadInput(
                f"{part!r} is no way to a hub: NAME=ADDRESS@RATE, as satellite=192.168.1.2@64k.",
                f"“{part}”不是到枢纽的路径：应为 名称=本机地址@速率，如 satellite=192.168.1.2@64k。",
            )
        ways.append(Way(found["name"], found["address"], int(found["rate"]) * UNITS[found["unit"]]))
    if len({way.name for way in ways}) < len(ways) or len(ways) > WAYS_MAX or not all(way.rate_bps for way in ways):
        raise BadInput(
            f"Ways need names of their own and a rate, and there are {WAYS_MAX} at most.",
            f"各路径须名称不同并给出速率，且不超过 {WAYS_MAX} 条。",
        )
    return tuple(ways)


class Asking:
    """Which ways are asked when. `used`: that on which letters go."""

    def __init__(self, ways: Sequence[Way]) -> None:
        self.ways = tuple(ways)
        self.used = self.ways[0]
        self._wanted: Way | None = None  # by a person: it is kept to while it answers
        self._next_s: dict[str, float] = {}
        self._wait_s = dict.fromkeys((way.name for way in self.ways), ASK_S)

    def want(self, name: str, now_s: float) -> None:
        """By order of a person; `BadInput` where there is none of that name."""
        self._wanted = self._named(name)
        if self._wanted is None:
            raise BadInput(f"There is no way {name}.", f"没有路径 {name}。")
        self._next_s[name] = now_s
        self._wait_s[name] = ASK_AGAIN_S

    def use(self, name: str) -> None:
        """It answered."""
        self.used = self._named(name) or self.used
        self._wait_s[name] = ASK_S
        self._next_s.clear()

    def due(self, now_s: float, silent: bool) -> list[str]:
        """The ways that are to be asked now."""
        found = []
        for way in self._candidates(silent):
            at = self._next_s.get(way.name)
            if at is None or (silent and at > now_s + ASK_AGAIN_S):
                at = self._next_s[way.name] = now_s if silent else now_s + self._wait_s[way.name]
            if now_s < at:
                continue
            found.append(way.name)
            self._next_s[way.name] = now_s + (ASK_AGAIN_S if silent else self._wait_s[way.name])
            if not silent:
                self._wait_s[way.name] = min(2 * self._wait_s[way.name], ASK_S_MAX)
        return found

    def next_s(self, now_s: float, silent: bool) -> float | None:
        """When `due` is to be asked again, if nothing changes."""
        return min((self._next_s.get(way.name, now_s) for way in self._candidates(silent)), default=None)

    def _candidates(self, silent: bool) -> list[Way]:
        if silent:
            return [way for way in self.ways if way is not self.used]
        if self._wanted is not None:
            return [] if self._wanted is self.used else [self._wanted]
        return list(self.ways[: self.ways.index(self.used)])

    def _named(self, name: str) -> Way | None:
        return next((way for way in self.ways if way.name == name), None)
