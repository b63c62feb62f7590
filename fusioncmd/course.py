"""The course of an order: how many had received and answered after how long, at a place and right below it. Pure.

What is kept are cumulative counts at the end of steps of time whose edges are the same for every order: half a second
at first, later a tenth of the time since it was issued, for as long as an order can be open. So a course is bounded,
its times are right to within such a step, and evidence costs nothing until it begins another one. A time is that of
the stream where the evidence lies, never of who reads it: read again, from any earlier place, it gives the same
course. Of what came by a link the time is when it came here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from pyroaring import BitMap

from fusioncmd import limits
from fusioncmd.api.course import Point, Quantile, Share

STEP_MS = 500
COUNT_BYTES = 4
SHARES = (50, 90, 95, 99)  # percent of those who are meant
BRANCHES_MAX = 256  # shed: of a place with more right below it, the course of the whole is kept, and of the first ones
NEVER = 1 << 62


def _edges() -> tuple[int, ...]:
    edges = [0]
    while edges[-1] < limits.ORDER_OPEN_S_MAX * 1000:
        edges.append(edges[-1] + max(STEP_MS, edges[-1] // 10))
    return tuple(edges)


EDGES_MS = _edges()  # since an order was issued
Counts = tuple[tuple[int, ...], tuple[int, ...]]  # received and answered, of each place


@dataclass(frozen=True, slots=True)
class Gauge:
    """Whose courses are kept: the codes of the places, the whole first, and how many of some people are in each."""

    places: tuple[str, ...]
    count: Callable[[BitMap], tuple[int, ...]]


WHOLE = Gauge(("",), lambda numbers: (len(numbers),))


class Step(NamedTuple):
    """The last evidence of it came `after_ms` after the order was issued; then so many had received and answered, of
    each place: numbers of 32 bits, little-endian."""

    after_ms: int
    received: bytes
    answered: bytes


@dataclass(slots=True)
class Course:
    """Of one order. `last_ms` is the time of its newest evidence (0: there is none); evidence of `due_ms` or later
    begins a step, so the one before has to be closed first."""

    issued_ms: int = 0
    last_ms: int = 0
    due_ms: int = NEVER  # until the order is known
    places: tuple[str, ...] = ()
    steps: list[Step] = field(default_factory=list)

    def begin(self, issued_ms: int) -> None:
        self.issued_ms = issued_ms
        self._wait_for(self.last_ms)

    def close(self, places: tuple[str, ...], counts: Counts, at_ms: int) -> None:
        """`counts` of `places` are those before the evidence of `at_ms`."""
        if self.last_ms:
            self._put(places, counts)
        self._wait_for(at_ms)

    def until(self, places: tuple[str, ...], counts: Counts) -> Course:
        """A copy that ends with `counts`, those of now."""
        now = Course(self.issued_ms, self.last_ms, self.due_ms, self.places, list(self.steps))
        if self.last_ms:
            now._put(places, counts)
        return now

    def points(self, place: str) -> tuple[Point, ...]:
        """Of one of `places`; empty for any other."""
        if place not in self.places:
            return ()
        at = slice(COUNT_BYTES * (i := self.places.index(place)), COUNT_BYTES * (i + 1))
        return tuple(Point(s.after_ms, _number(s.received[at]), _number(s.answered[at])) for s in self.steps)

    def _put(self, places: tuple[str, ...], counts: Counts) -> None:
        if self.places != places:  # another map: who was not on the one before counts none until now
            self.steps = [Step(s.after_ms, *(self._moved(row, places) for row in s[1:])) for s in self.steps]
            self.places = places
        row = (_packed(counts[0]), _packed(counts[1]))
        if not self.steps or self.steps[-1][1:] != row:
            self.steps.append(Step(max(self.last_ms - self.issued_ms, 0), *row))

    def _moved(self, row: bytes, places: tuple[str, ...]) -> bytes:
        known = {place: row[COUNT_BYTES * i : COUNT_BYTES * (i + 1)] for i, place in enumerate(self.places)}
        return b"".join(known.get(place, bytes(COUNT_BYTES)) for place in places)

    def _wait_for(self, at_ms: int) -> None:
        i = bisect_right(EDGES_MS, max(at_ms - self.issued_ms, 0))
        self.due_ms = self.issued_ms + EDGES_MS[i] if i < len(EDGES_MS) else NEVER


def _packed(counts: tuple[int, ...]) -> bytes:
    return b"".join(count.to_bytes(COUNT_BYTES, "little") for count in counts)


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def quantiles(points: Sequence[Point], targeted: int) -> tuple[Quantile, ...]:
    """After how long each of `SHARES` of `targeted` people had received, had answered; None: not yet."""

    def first(name: str, percent: int) -> int | None:
        least = -(-targeted * percent // 100)
        return next((p.after_ms for p in points if targeted and getattr(p, name) >= least), None)

    return tuple(Quantile(percent, first("received", percent), first("answered", percent)) for percent in SHARES)


def middle(courses: Iterable[tuple[Sequence[Point], int, int]]) -> tuple[Share, ...]:
    """The median share of several orders, each with its points, how many it meant, and how long it ran (ms); at each
    time only of those that ran so long."""
    known = [(points, meant, ran_ms) for points, meant, ran_ms in courses if meant]
    found: list[Share] = []
    for edge in EDGES_MS[1:]:
        then = [(_at(points, edge), meant) for points, meant, ran_ms in known if ran_ms >= edge]
        if not then:
            break
        share = Share(
            edge, median(p.received / meant for p, meant in then), median(p.answered / meant for p, meant in then)
        )
        if not found or (share.received, share.answered) != (found[-1].received, found[-1].answered):
            found.append(share)
    return tuple(found)


def _at(points: Sequence[Point], after_ms: int) -> Point:
    i = bisect_right(points, after_ms, key=lambda point: point.after_ms)
    return points[i - 1] if i else Point(0, 0, 0)
