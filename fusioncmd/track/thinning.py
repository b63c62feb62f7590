"""Which positions are passed on over a thin link: by distance moved, turn of course and time, in a budget. Pure.

What the other end knows of a unit is what it was told last; the further the unit is from that, the sooner it is told
again. Nothing is foretold: what is passed on was measured. A unit that stands costs one position each `STANDS_S`, none
at all costs nothing. Budgets are bytes a second, saved up for at most `SAVED_S`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fusioncmd.track.bounds import LINK_UNITS_MAX
from fusioncmd.track.position import Track, metres, place

STEP_M = 20.0  # a unit is told again when it moved so far
TURN_DEG, TURN_M = 30, 8.0  # or turned by so much, and moved so far since
MOVED_M, MOVED_S = 4.0, 30.0  # or moved so far, after so long
CHANGED_S = 10.0  # or its battery, link or mark is another, after so long
BATTERY_STEP = 5  # percent
STANDS_S = 600.0  # or after so long, if it was heard of since
SAVED_S = 4.0
COST_BYTES = 14  # of one position, before it is said

assert TURN_M < STEP_M and MOVED_M < TURN_M


@dataclass(slots=True)
class Passed:
    """A unit: its `last` position, and what the other end was `told`, when."""

    last: Track
    told: Track | None = None
    told_s: float = 0.0


class Thinning:
    """`bytes_per_s` is what positions may cost."""

    def __init__(self) -> None:
        self._units: dict[str, Passed] = {}  # by address; who was heard last stands last
        self._saved, self._since_s = 0.0, -1e9  # the first time all that may be saved is there
        self.shed = 0

    def __len__(self) -> int:
        return len(self._units)

    def take(self, track: Track) -> None:
        """At most `LINK_UNITS_MAX` units; beyond, the one not heard of for longest is shed."""
        unit = self._units.pop(track.address, None)
        if unit is None:
            unit = Passed(track)
            if len(self._units) >= LINK_UNITS_MAX:
                del self._units[next(iter(self._units))]
                self.shed += 1
        if track.at_ms >= unit.last.at_ms:
            unit.last = track
        self._units[track.address] = unit

    def forget_told(self) -> None:
        """The other end may know nothing: after a cut, or where it says so."""
        for unit in self._units.values():
            unit.told = None

    def forget_told_of(self, address: str) -> None:
        if (unit := self._units.get(address)) is not None:
            unit.told = None

    def due(self, now_s: float, bytes_per_s: float) -> Iterator[Track]:
        """Those to be told now, the furthest from what is known first. Each is taken for told when the next is asked
        for; who stops asking has told those. `spend` says what they cost."""
        self._saved = min(self._saved + bytes_per_s * max(0.0, now_s - self._since_s), bytes_per_s * SAVED_S)
        self._since_s = now_s
        wanting = [(want, unit) for unit in self._units.values() if (want := _want(unit, now_s)) >= 1]
        wanting.sort(key=lambda one: -one[0])
        for _, unit in wanting:
            if self._saved < COST_BYTES:
                return
            yield unit.last
            unit.told, unit.told_s = unit.last, now_s
            if unit.last.over:
                del self._units[unit.last.address]

    def spend(self, size: int) -> None:
        """So many bytes were said; more than was saved is made up for later."""
        self._saved -= size


def _want(unit: Passed, now_s: float) -> float:
    """How urgent it is: 1 and more is due, and twice as far is twice as urgent."""
    told, last = unit.told, unit.last
    if told is None or last.over:
        return 1e6
    if last is told:
        return 0.0
    moved, waited_s = metres(place(told), place(last)), now_s - unit.told_s
    want = moved / STEP_M
    if moved >= TURN_M and told.course_deg is not None and last.course_deg is not None:
        turned = abs((last.course_deg - told.course_deg + 180) % 360 - 180)
        want = max(want, turned / TURN_DEG)
    if moved >= MOVED_M:
        want = max(want, waited_s / MOVED_S)
    if _is_changed(told, last):
        want = max(want, waited_s / CHANGED_S)
    return max(want, waited_s / STANDS_S)


def _is_changed(told: Track, last: Track) -> bool:
    return (told.link, told.mark, told.title, told.kind) != (last.link, last.mark, last.title, last.kind) or (
        abs((told.battery or 0) - (last.battery or 0)) >= BATTERY_STEP
    )
