"""How an order was received and answered over time, as far as somebody watched. Pure; time is an argument.

A curve has a bounded number of points: when it is full, every other one goes, and from then on points are taken half
as often; so an order of ten minutes and one of a week both fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from gateways.console import bounds

SHARES = (50, 90, 95, 99)  # percent of those who are meant


class Point(Struct, frozen=True, array_like=True):
    """People, and milliseconds since the order was issued."""

    after_ms: int
    received: int
    answered: int


class Quantile(Struct, frozen=True):
    """After how long so many percent of those who are meant had received, had answered; None: not yet, or not seen."""

    percent: int
    received_ms: int | None
    answered_ms: int | None


@dataclass(slots=True)
class Curve:
    points: list[Point] = field(default_factory=list)
    _apart_ms: int = 500

    def add(self, point: Point) -> bool:
        """True when it was taken: it is later than the last by enough, and says something new."""
        if self.points:
            last = self.points[-1]
            same = (point.received, point.answered) == (last.received, last.answered)
            if same or point.after_ms - last.after_ms < self._apart_ms:
                return False
        self.points.append(point)
        if len(self.points) > bounds.CURVE_POINTS_MAX:
            del self.points[1:-1:2]
            self._apart_ms *= 2
        return True


def quantiles(points: Sequence[Point], targeted: int) -> tuple[Quantile, ...]:
    """Of each of `SHARES`, from what was seen."""

    def first(name: str, percent: int) -> int | None:
        least = -(-targeted * percent // 100)
        return next((p.after_ms for p in points if targeted and getattr(p, name) >= least), None)

    return tuple(Quantile(percent, first("received", percent), first("answered", percent)) for percent in SHARES)
