"""What a department says, turned into alarms of ours, within the events and places that are listed for it. Pure.

Each department has a chain of its own: none updates or cancels what another said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import structs

from fusioncmd.alarm import cap_xml
from fusioncmd.alarm.alarm import Alarm, fewest
from fusioncmd.departments.department import ANY, Department
from fusioncmd.errors import BadMessage, Forbidden, Unavailable
from gateways.alarm import hooks
from gateways.alarm.from_cap import FromCap, Places
from gateways.alarm.sources import CapSource, HookSource

CHAINS_MAX = 2_000  # alerts of one department whose first is known; shed, the one not heard of for longest
SAID_PER_S, SAID_AT_ONCE = 5.0, 100.0  # of one department; beyond: reject, and it says it again


@dataclass(slots=True)
class _Pace:
    left: float
    at_s: float

    def may(self, now_s: float) -> bool:
        self.left = min(SAID_AT_ONCE, self.left + max(0.0, now_s - self.at_s) * SAID_PER_S)
        self.at_s = now_s
        if self.left < 1:
            return False
        self.left -= 1
        return True


class DepartmentAlarms:
    """`own`: as whom this tier sends CAP; what comes back under that name is not taken."""

    def __init__(
        self, places: Places, make_id: Callable[[int], bytes], at: Callable[[float, float], str], serves: str, own: str
    ) -> None:
        self._places, self._make_id, self._at, self._serves, self._own = places, make_id, at, serves, own
        self._from_cap: dict[str, FromCap] = {}
        self._paces: dict[str, _Pace] = {}

    def alarms(self, department: Department, data: bytes, now_ms: int, now_s: float) -> list[Alarm]:
        """All of it or nothing: BadMessage, NotFound, Forbidden, Unavailable, with why."""
        pace = self._paces.setdefault(department.name, _Pace(SAID_AT_ONCE, now_s))
        if not pace.may(now_s):
            raise Unavailable(
                f"{department.name} says more than {SAID_PER_S:g} a second.",
                f"{department.name} 每秒发送超过 {SAID_PER_S:g} 条。",
            )
        if data.lstrip()[:1] == b"{":
            made = [self._posted(department, data, now_ms)]
        else:
            made = self._alerted(department, data, now_ms)
        return [_given(department, structs.replace(alarm, source=department.source)) for alarm in made]

    def _alerted(self, department: Department, data: bytes, now_ms: int) -> list[Alarm]:
        alert = cap_xml.read(data)
        if alert.sender == self._own:
            raise BadMessage("It is an alert of this tier's own.", "该预警由本节点发出。")
        from_cap = self._from_cap.setdefault(department.name, FromCap(self._places, self._make_id, CHAINS_MAX))
        words = {word: event for event, said in department.gives.items() for word in said}
        events = {event: event for event in department.gives if event != ANY} | words
        made = from_cap.alarms(alert, CapSource(department.name, events=events), now_ms)
        return [structs.replace(alarm, nodes=_own(department, alarm.nodes)) for alarm in made]

    def _posted(self, department: Department, data: bytes, now_ms: int) -> Alarm:
        at = department.at[0] if len(department.at) == 1 else None
        source = HookSource(department.name, "", at=at)
        return hooks.alarm_of(data, source, now_ms, self._make_id, self._at, self._serves)


def _own(department: Department, nodes: tuple[str, ...]) -> tuple[str, ...]:
    """Of an area that goes beyond its places, as areas of weather do, those; all of it, where there is none."""
    found = {node for node in nodes if node.startswith(department.at)}
    found |= {place for place in department.at for node in nodes if place.startswith(node)}
    return fewest(found) or nodes


def _given(department: Department, alarm: Alarm) -> Alarm:
    if ANY not in department.gives and alarm.event not in department.gives:
        given = ", ".join(department.gives)
        raise Forbidden(
            f"{department.name} gives {given}; this is {alarm.event}.",
            f"{department.name} 可提供 {given}，而该预警为 {alarm.event}。",
        )
    beyond = next((node for node in alarm.nodes if not node.startswith(department.at)), None)
    if beyond is not None:
        places = ", ".join(department.at)
        raise Forbidden(
            f"{department.name} speaks for {places}; {beyond} lies beyond.",
            f"{department.name} 只能涉及 {places}，{beyond} 在其范围之外。",
        )
    return alarm
