"""The alarms that a node knows, and where each stands: open, confirmed, dismissed or over; what playbooks did. Pure.

It is built again from the stream at each start, and everything in it may come twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.decided import Decided
from fusioncmd.codes import LENGTHS

ALARMS_MAX = 20_000  # known to a node; shed, the one of which was heard longest ago
DECIDED_MAX = 64  # kept of one alarm; shed, the oldest but the first

K = TypeVar("K")
V = TypeVar("V")
Standing = Literal["open", "confirmed", "dismissed", "over"]


@dataclass(slots=True)
class Known:
    alarm: Alarm  # as it was said last
    first_ms: int
    times: int
    gravest: str
    decided: list[Decided] = field(default_factory=list)

    @property
    def standing(self) -> Standing:
        if self.alarm.state == "over":
            return "over"
        looks = [each.what for each in self.decided if each.what in ("confirmed", "dismissed")]
        if not looks:
            return "open"
        return "dismissed" if looks[-1] == "dismissed" else "confirmed"

    def of(self, playbook: str) -> Decided | None:
        """What that playbook did last."""
        return next((each for each in reversed(self.decided) if each.playbook == playbook), None)


_COUNTY = LENGTHS[2]
_RANK = {"unknown": 0, "minor": 1, "moderate": 2, "severe": 3, "extreme": 4}


class Book:
    def __init__(self) -> None:
        self.changed: Callable[[Known], None] = lambda _: None  # of each that was heard or decided about
        self.alarms: OrderedDict[bytes, Known] = OrderedDict()
        self._done_ms: OrderedDict[tuple[str, str], int] = OrderedDict()  # (playbook, place) → when
        self._beside: OrderedDict[tuple[str, str], tuple[int, bytes]] = OrderedDict()  # and what stands beside an order
        self.prepared: OrderedDict[bytes, tuple[bytes, str]] = (
            OrderedDict()
        )  # order → for which alarm, by which playbook
        self.called: OrderedDict[bytes, Decided] = OrderedDict()  # order by which experts are called → why
        self.shed = 0

    def hear(self, alarm: Alarm) -> Known:
        known = self.alarms.get(alarm.id)
        if known is None:
            while len(self.alarms) >= ALARMS_MAX:
                self.alarms.popitem(last=False)
                self.shed += 1
            known = self.alarms[alarm.id] = Known(alarm, alarm.said_ms, alarm.times, alarm.severity)
            self.changed(known)
            return known
        self.alarms.move_to_end(alarm.id)
        if alarm.said_ms >= known.alarm.said_ms and alarm != known.alarm:
            known.times += alarm.times
            known.gravest = max(known.gravest, alarm.severity, key=_RANK.__getitem__)
            known.alarm = alarm
            self.changed(known)
        return known

    def decide(self, decided: Decided) -> None:
        """Of an alarm that is known no more, nothing is kept but when a playbook was done."""
        if decided.what in ("issued", "prepared") and decided.playbook:
            self._note_done(decided)
        if decided.what == "prepared" and decided.order is not None:
            _put(self.prepared, decided.order, (decided.alarm, decided.playbook))
        if decided.calls is not None:
            _put(self.called, decided.calls, decided)
        if decided.what in ("shown", "drawn") and decided.order is not None:
            _put(self._beside, (decided.playbook, decided.path[:_COUNTY]), (decided.at_ms, decided.order))
        known = self.alarms.get(decided.alarm)
        if known is None or decided in known.decided:
            return
        known.decided.append(decided)
        if len(known.decided) > DECIDED_MAX:
            del known.decided[1]
        self.changed(known)

    def done_ms(self, playbook: str, place: str) -> int | None:
        """When that playbook was done last for that place."""
        return self._done_ms.get((playbook, place))

    def newest(self, place: str, standing: Standing | None = None) -> Iterator[Known]:
        """Those that concern `place` or what is below it or above, the newest first."""
        for known in reversed(self.alarms.values()):
            if standing is not None and known.standing != standing:
                continue
            if any(node.startswith(place) or place.startswith(node) for node in known.alarm.nodes):
                yield known

    def beside(self, playbook: str, place: str) -> tuple[int, bytes] | None:
        """When that playbook last showed a camera or drew experts in that county, and beside which order: a storm over
        a hundred villages does not take a hundred experts."""
        return self._beside.get((playbook, place[:_COUNTY]))

    def _note_done(self, decided: Decided) -> None:
        key = decided.playbook, decided.path
        _put(self._done_ms, key, max(decided.at_ms, self._done_ms.get(key, 0)))


def _put(held: OrderedDict[K, V], key: K, value: V) -> None:
    held[key] = value
    held.move_to_end(key)
    if len(held) > ALARMS_MAX:
        held.popitem(last=False)
