"""A sensor's readings against its limits: beyond one, changing too fast, or not there at all. Pure.

Every reading is one small step on a few numbers, so a thousand sensors that report each second cost nothing much. A
limit that was crossed is left only when the value is back by `back` (hysteresis), so a value that trembles on the line
is one alarm and not a hundred.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from fusioncmd.errors import BadInput
from fusioncmd.messages import Severity

VALUE_MAX = 1e15  # a reading beyond it is none
PAST_MS_MAX = (
    300_000  # a reading that says it is older is told by when it came; sensors' clocks are not trusted further
)
RATE_OVER_S = 60.0  # a rate of change is measured over at most so long
What = Literal["above", "below", "rising", "falling", "silent", "invalid"]


class Limit(Struct, frozen=True, forbid_unknown_fields=True):
    """Any of: a value `above` or `below` which it is an alarm, by `back` less it is over; a change per second beyond
    `rising` or `falling`. The gravest limit that is crossed counts."""

    severity: Severity
    above: float | None = None
    below: float | None = None
    rising_per_s: Annotated[float, Meta(gt=0)] | None = None
    falling_per_s: Annotated[float, Meta(gt=0)] | None = None
    back: Annotated[float, Meta(ge=0)] = 0.0


class Series(Struct, frozen=True, forbid_unknown_fields=True):
    """One series of one sensor: `event` is what an alarm of it is called. `silent_s`: so long without a reading is an
    alarm of its own, of `silent_severity`; 0: never."""

    event: Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9-]{0,31}\Z")]
    unit: Annotated[str, Meta(max_length=16)] = ""
    limits: Annotated[tuple[Limit, ...], Meta(max_length=8)] = ()
    silent_s: Annotated[float, Meta(ge=0, le=7 * 86_400)] = 0.0
    silent_severity: Severity = "minor"


class Crossing(NamedTuple):
    """`severity` None: over, it is back. `value` NaN where there is none."""

    what: What
    severity: Severity | None
    value: float
    at_s: float


_RANK = {"unknown": 0, "minor": 1, "moderate": 2, "severe": 3, "extreme": 4}


def check(series: Series) -> None:
    """BadInput for limits that can never be crossed or never be left."""
    for limit in series.limits:
        edges = (limit.above, limit.below, limit.rising_per_s, limit.falling_per_s)
        if all(edge is None for edge in edges):
            raise BadInput("A limit says above, below, rising or falling.", "限值须给出上限、下限或变化率。")
        if not all(edge is None or math.isfinite(edge) for edge in edges):
            raise BadInput("A limit that is no number.", "限值不是有效数值。")
        if limit.above is not None and limit.below is not None and limit.below > limit.above:
            raise BadInput(
                f"Below {limit.below} and above {limit.above} at once: every value is an alarm.",
                f"下限 {limit.below} 高于上限 {limit.above}：任何读数都会告警。",
            )


@dataclass(slots=True)
class Watch:
    """What is known of one series. Times are seconds of a clock that nobody sets."""

    series: Series
    began_s: float
    heard_s: float | None = None
    value: float = math.nan
    severity: Severity | None = None  # of the limit that is crossed now
    what: What = "above"
    _rate_from: tuple[float, float] | None = None
    _rate: float = 0.0
    silent: bool = False

    def read(self, value: float, now_s: float) -> list[Crossing]:
        """What changed by this reading; at most two: it is heard again, and beyond a limit or back."""
        found: list[Crossing] = []
        if self.silent:
            self.silent = False
            found.append(Crossing("silent", None, value, now_s))
        if not math.isfinite(value) or abs(value) > VALUE_MAX:
            return [*found, Crossing("invalid", "minor", math.nan, now_s)]
        self._measure(value, now_s)
        self.heard_s, self.value = now_s, value
        crossed = self._crossed(value)
        if crossed is None:
            if self.severity is not None:
                found.append(Crossing(self.what, None, value, now_s))
                self.severity = None
        elif crossed != (self.what, self.severity):
            self.what, self.severity = crossed
            found.append(Crossing(*crossed, value, now_s))
        return found

    def late(self, now_s: float) -> Crossing | None:
        """Asked now and then: a sensor that stops is an alarm."""
        since_s = self.began_s if self.heard_s is None else self.heard_s
        if self.silent or not self.series.silent_s or now_s - since_s <= self.series.silent_s:
            return None
        self.silent = True
        return Crossing("silent", self.series.silent_severity, self.value, now_s)

    def _measure(self, value: float, now_s: float) -> None:
        """The rate from the last reading but not over less than a second: two readings at once have none."""
        before = self._rate_from
        if before is None or now_s - before[0] > RATE_OVER_S:
            self._rate_from, self._rate = (now_s, value), 0.0
        elif now_s - before[0] >= 1.0:
            self._rate = (value - before[1]) / (now_s - before[0])
            self._rate_from = now_s, value

    def _crossed(self, value: float) -> tuple[What, Severity] | None:
        best: tuple[What, Severity] | None = None
        for limit in self.series.limits:
            held = self.severity == limit.severity  # then it takes `back` to leave it
            what = self._beyond(limit, value, limit.back if held else 0.0)
            if what is not None and (best is None or _RANK[limit.severity] > _RANK[best[1]]):
                best = what, limit.severity
        return best

    def _beyond(self, limit: Limit, value: float, back: float) -> What | None:
        if limit.above is not None and value > limit.above - back:
            return "above"
        if limit.below is not None and value < limit.below + back:
            return "below"
        if limit.rising_per_s is not None and self._rate > limit.rising_per_s:
            return "rising"
        if limit.falling_per_s is not None and -self._rate > limit.falling_per_s:
            return "falling"
        return None
