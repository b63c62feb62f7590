"""The alarms that a node knows, and where each stands: open, confirmed, dismissed or over; what playbooks did. Pure.

It is built again from the stream at each start, and everything in it may come twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from msgspec import structs

from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.decided import Decided
from fusioncmd.codes import LENGTHS
from fusioncmd.messages import Status

ALARMS_MAX = 20_000  # known to a node; shed, the one of which was heard longest ago
GOES_ON_MS = 10 * 60_000  # so long after it was said last, what a sensor or a camera says under another id is new
DECIDED_MAX = 64  # kept of one alarm; shed, what a department was told, then the oldest but the first

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
        looks = [each.what for each in self._held if each.what in ("confirmed", "dismissed")]
        if not looks:
            return "open"
        return "dismissed" if looks[-1] == "dismissed" else "confirmed"

    def of(self, playbook: str) -> Decided | None:
        """What that playbook did last."""
        return next((each for each in reversed(self._held) if each.playbook == playbook), None)

    @property
    def _held(self) -> list[Decided]:
        """What was decided while it was what it is: an exercise that turns actual was looked at by nobody yet."""
        return [each for each in self.decided if each.status == self.alarm.status]


Done = tuple[str, str, str]  # playbook, place, mode: an exercise keeps no actual alarm waiting
_COUNTY = LENGTHS[2]
_RANK = {"unknown": 0, "minor": 1, "moderate": 2, "severe": 3, "extreme": 4}


class Book:
    def __init__(self) -> None:
        self.changed: Callable[[Known], None] = lambda _: None  # of each that was heard or decided about
        self.alarms: OrderedDict[bytes, Known] = OrderedDict()
        self._last: dict[tuple[str, str], bytes] = {}  # of a source about a thing
        self._done_ms: OrderedDict[Done, int] = OrderedDict()  # → when
        self._beside: OrderedDict[Done, tuple[int, bytes]] = OrderedDict()  # and what stands beside an order
        self.prepared: OrderedDict[bytes, tuple[bytes, str]] = (
            OrderedDict()
        )  # order → for which alarm, by which playbook
        self.called: OrderedDict[bytes, Decided] = OrderedDict()  # order by which experts are called → why
        self.shed = 0

    def hear(self, alarm: Alarm) -> Known:
        """What a gateway that began anew says of the same thing, under another id, is more of it: nobody is called
        again, and what was dismissed stays so."""
        known = self.alarms.get(alarm.id) or self._goes_on(alarm)
        if known is None:
            while len(self.alarms) >= ALARMS_MAX:
                gone, shed = self.alarms.popitem(last=False)
                if self._last.get(shed.alarm.key) == gone:
                    del self._last[shed.alarm.key]
                self.shed += 1
            known = self.alarms[alarm.id] = Known(alarm, alarm.said_ms, alarm.times, alarm.severity)
            self._last[alarm.key] = alarm.id
            self.changed(known)
            return known
        if alarm.id != known.alarm.id:
            alarm = structs.replace(alarm, id=known.alarm.id, state="over" if alarm.state == "over" else "more")
        self.alarms.move_to_end(known.alarm.id)
        if alarm.said_ms >= known.alarm.said_ms and alarm != known.alarm:
            known.times += alarm.times
            known.gravest = max(known.gravest, alarm.severity, key=_RANK.__getitem__)
            known.alarm = alarm
            self.changed(known)
        return known

    def _goes_on(self, alarm: Alarm) -> Known | None:
        known = self.alarms.get(self._last.get(alarm.key, b""))
        if known is None or known.alarm.state == "over":
            return None
        is_named = alarm.source.startswith("cap.")  # by an id that no other has: a feed says it for days
        return known if is_named or alarm.said_ms - known.alarm.said_ms <= GOES_ON_MS else None

    def decide(self, decided: Decided) -> None:
        """Of an alarm that is known no more, nothing is kept but when a playbook was done."""
        if decided.what in ("issued", "prepared") and decided.playbook:
            self._note_done(decided)
        if decided.what == "prepared" and decided.order is not None:
            _put(self.prepared, decided.order, (decided.alarm, decided.playbook))
        if decided.calls is not None:
            _put(self.called, decided.calls, decided)
        if decided.what in ("shown", "drawn") and decided.order is not None:
            done = decided.playbook, decided.path[:_COUNTY], decided.status
            _put(self._beside, done, (decided.at_ms, decided.order))
        known = self.alarms.get(decided.alarm)
        if known is None or decided in known.decided:
            return
        known.decided.append(decided)
        if len(known.decided) > DECIDED_MAX:
            told = (i for i, each in enumerate(known.decided) if each.what == "told")
            del known.decided[next(told, 1)]
        self.changed(known)

    def done_ms(self, playbook: str, place: str, status: Status) -> int | None:
        """When that playbook was done last for that place."""
        return self._done_ms.get((playbook, place, status))

    def newest(self, place: str, standing: Standing | None = None) -> Iterator[Known]:
        """Those that concern `place` or what is below it or above, the newest first."""
        for known in reversed(self.alarms.values()):
            if standing is not None and known.standing != standing:
                continue
            if any(node.startswith(place) or place.startswith(node) for node in known.alarm.nodes):
                yield known

    def beside(self, playbook: str, place: str, status: Status) -> tuple[int, bytes] | None:
        """When that playbook last showed a camera or drew experts in that county, and beside which order: a storm over
        a hundred villages does not take a hundred experts."""
        return self._beside.get((playbook, place[:_COUNTY], status))

    def _note_done(self, decided: Decided) -> None:
        key = decided.playbook, decided.path, decided.status
        _put(self._done_ms, key, max(decided.at_ms, self._done_ms.get(key, 0)))


def _put(held: OrderedDict[K, V], key: K, value: V) -> None:
    held[key] = value
    held.move_to_end(key)
    if len(held) > ALARMS_MAX:
        held.popitem(last=False)
