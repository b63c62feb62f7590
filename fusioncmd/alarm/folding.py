"""What is told on of what sources say: each distinct alarm at once, what is said again counted, a flood limited. Pure.

A sensor that crosses a limit says so each second, and a camera that sees smoke with each picture. The first is told
at once, and so is all that makes it graver, surer or over; what else is said of it is counted and told each
`AGAIN_MS`. So a storm of repetitions costs one message per alarm and interval, and no distinct alarm is lost. A source
that begins more distinct alarms than anybody could look at is limited by name: what it says beyond waits, as one alarm
about the source itself.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from msgspec import structs

from fusioncmd.alarm.alarm import TIMES_MAX, Alarm

AGAIN_MS = 10_000
OPEN_MAX = 65_536  # alarms that are known; shed, the one not heard of for longest
FORGET_MS = 6 * 3_600_000  # one that was not said for so long is over for the folder; said again, it is new
SOURCES_MAX = 16_384  # whose pace is known; shed, the one not heard of for longest
BEGUN_PER_S, BEGUN_AT_ONCE = 100.0, 20_000.0  # distinct alarms of one source

_SEVERITY = {"extreme": 4, "severe": 3, "moderate": 2, "minor": 1, "unknown": 0}
_CERTAINTY = {"observed": 4, "likely": 3, "possible": 2, "unlikely": 1, "unknown": 0}


@dataclass(slots=True)
class _Known:
    told: Alarm
    told_ms: int
    heard_ms: int
    waiting: Alarm | None = None
    times: int = 0  # said since it was told


@dataclass(slots=True)
class _Allowance:
    left: float
    at_ms: int


class Folder:
    def __init__(self, begun_per_s: float = BEGUN_PER_S, begun_at_once: float = BEGUN_AT_ONCE) -> None:
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._pace: OrderedDict[str, _Allowance] = OrderedDict()
        self._limited: dict[str, int] = {}
        self._per_ms, self._at_once = begun_per_s / 1_000, begun_at_once
        self._due: OrderedDict[tuple[str, str], None] = (
            OrderedDict()
        )  # those of which something waits, the oldest first
        self.heard = self.told = self.shed = 0

    def hear(self, alarm: Alarm, now_ms: int) -> Alarm | None:
        """What to tell now; None: it is counted, or its source is limited (`limited`)."""
        self.heard += 1
        known = self._known.get(alarm.key)
        if known is not None and (now_ms - known.heard_ms > FORGET_MS or known.told.state == "over"):
            if alarm.state == "over":
                return None
            self._forget(alarm.key)
            known = None
        if known is None:
            return self._begin(alarm, now_ms)
        self._known.move_to_end(alarm.key)
        known.heard_ms, known.times = now_ms, min(known.times + 1, TIMES_MAX)
        if alarm.state == "over" or _graver(alarm, known.told):
            return self._tell(alarm.key, known, alarm, now_ms)
        known.waiting = alarm
        self._due[alarm.key] = None
        return None

    def due(self, now_ms: int) -> list[Alarm]:
        """Those of which more was said, each at most each AGAIN_MS."""
        told = []
        for key in list(self._due):
            known = self._known[key]
            if known.waiting is not None and now_ms - known.told_ms >= AGAIN_MS:
                told.append(self._tell(key, known, known.waiting, now_ms))
        return told

    def limited(self) -> dict[str, int]:
        """Sources that began too many, and how many alarms of theirs were not told."""
        return self._limited

    def _begin(self, alarm: Alarm, now_ms: int) -> Alarm | None:
        """An end of what nobody knows is told too: whoever missed the beginning should know that it is over."""
        if not self._may_begin(alarm.source, now_ms):
            return None
        if len(self._known) >= OPEN_MAX:
            self._forget(next(iter(self._known)))
            self.shed += 1
        first = structs.replace(alarm, state="over" if alarm.state == "over" else "new", times=1)
        self._known[alarm.key] = _Known(first, now_ms, now_ms)
        self.told += 1
        return first

    def _tell(self, key: tuple[str, str], known: _Known, alarm: Alarm, now_ms: int) -> Alarm:
        """Under the first one's id, since when it was first said."""
        said = structs.replace(
            alarm, id=known.told.id, since_ms=min(alarm.since_ms, known.told.since_ms),
            state="over" if alarm.state == "over" else "more", times=max(1, known.times),
        )  # fmt: skip
        known.told, known.told_ms, known.waiting, known.times = said, now_ms, None, 0
        self._due.pop(key, None)
        self.told += 1
        return said

    def _may_begin(self, source: str, now_ms: int) -> bool:
        pace = self._pace.get(source)
        if pace is None:
            if len(self._pace) >= SOURCES_MAX:
                self._limited.pop(self._pace.popitem(last=False)[0], None)
            pace = self._pace[source] = _Allowance(self._at_once, now_ms)
        self._pace.move_to_end(source)
        pace.left = min(self._at_once, pace.left + max(0, now_ms - pace.at_ms) * self._per_ms)
        pace.at_ms = max(pace.at_ms, now_ms)
        if pace.left < 1:
            self._limited[source] = self._limited.get(source, 0) + 1
            return False
        pace.left -= 1
        return True

    def _forget(self, key: tuple[str, str]) -> None:
        del self._known[key]
        self._due.pop(key, None)


def _graver(alarm: Alarm, told: Alarm) -> bool:
    return (
        _SEVERITY[alarm.severity] > _SEVERITY[told.severity]
        or _CERTAINTY[alarm.certainty] > _CERTAINTY[told.certainty]
        or set(alarm.nodes) - set(told.nodes) != set()
    )
