"""The last position of each unit, and a short trail of it: what a node knows. Pure; time is given.

An edition counts changes, so that who looks at a map asks for what is new to them and no more.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import takewhile

from fusioncmd.errors import BadInput, Problem
from fusioncmd.track.bounds import GONE_MAX, KEPT_MS, TRAIL_POINTS_MAX, TRAIL_STEP_M, UNITS_MAX, UNITS_OF_PLACE_MAX
from fusioncmd.track.judging import Doubt, Jump, OldPosition, judged
from fusioncmd.track.position import Track, heard, metres, place

Point = tuple[int, int, int]  # 1e-7 degree of latitude and longitude, ms since 1970


@dataclass(slots=True)
class Known:
    """`heard_ms`: when the last one came here; `edition`: when that was among all changes."""

    track: Track
    heard_ms: int
    edition: int
    trail: deque[Point] = field(default_factory=lambda: deque(maxlen=TRAIL_POINTS_MAX))
    doubt: Doubt | None = None


class Units:
    """At most `UNITS_MAX`, and `UNITS_OF_PLACE_MAX` of one place; beyond, the one not heard of for longest goes, and
    `shed` counts it. `refused` counts what was not believed, `late` what was older than what is known."""

    def __init__(self, edition: int = 0) -> None:
        """`edition`: where counting begins; beyond that of anybody who lived before."""
        self._known: dict[str, Known] = {}  # by address; who was heard last stands last
        self._of_place: dict[str, int] = {}
        self._gone: deque[tuple[int, str]] = deque(maxlen=GONE_MAX)
        self._begun = self.edition = edition
        self.shed = self.refused = self.late = 0
        self.why: tuple[str, str] = ("", "")  # of the last that was refused

    def __len__(self) -> int:
        return len(self._known)

    def take(self, subject: str, data: bytes, now_ms: int) -> Track | None:
        """What lies on `fc.track.….<unit>`, as it is believed; None, and counted, when it is not."""
        try:
            return self.put(heard(subject, data), now_ms, came_in=False)
        except OldPosition:
            self.late += 1
        except BadInput as problem:
            self.refuse(problem)
        return None

    def refuse(self, problem: Problem) -> None:
        self.refused += 1
        self.why = problem.en, problem.zh

    def put(self, said: Track, now_ms: int, came_in: bool = True) -> Track:
        """`BadInput` with why it is not believed. `came_in` here: jumps are doubted where a position comes in."""
        known = self._known.get(said.address)
        try:
            track = judged(said, known.track if known else None, known.doubt if known else None, now_ms, came_in)
        except Jump as jump:
            if known is not None:
                known.doubt = jump.doubt
            raise
        if track.over:
            self._forget(said.address)
            return track
        self.keep(track, now_ms)
        return track

    def keep(self, track: Track, heard_ms: int) -> None:
        """As it is: it was believed before."""
        known = self._known.pop(track.address, None)
        if known is None:
            known = Known(track, heard_ms, 0)
            self._make_room(track.node)
            self._of_place[track.node] = self._of_place.get(track.node, 0) + 1
        self.edition += 1
        known.track, known.heard_ms, known.edition, known.doubt = track, heard_ms, self.edition, None
        if not known.trail or metres(known.trail[-1][:2], place(track)) >= TRAIL_STEP_M:
            known.trail.append((track.lat_e7, track.lon_e7, track.at_ms))
        self._known[track.address] = known

    def find(self, address: str) -> Known | None:
        return self._known.get(address)

    def within(self, code: str, now_ms: int) -> list[Known]:
        """Those of that place and below, in the order of their addresses."""
        self.forget_silent(now_ms)
        return [one for _, one in sorted(self._known.items()) if one.track.node.startswith(code)]

    def new_within(self, code: str, edition: int) -> list[Known]:
        """Those of them that changed since, in the same order; what it costs is what changed."""
        new = takewhile(lambda one: one.edition > edition, reversed(self._known.values()))
        return sorted((one for one in new if one.track.node.startswith(code)), key=lambda one: one.track.address)

    def forget_silent(self, now_ms: int) -> None:
        """Who was not heard of for `KEPT_MS`."""
        while self._known and now_ms - (first := next(iter(self._known.values()))).heard_ms > KEPT_MS:
            self._forget(first.track.address)

    def gone_since(self, edition: int) -> list[str] | None:
        """Addresses of those that were forgotten since; None where that is not known (any more)."""
        oldest = self._gone[0][0] if len(self._gone) == GONE_MAX else self._begun
        if not oldest <= edition <= self.edition:
            return None
        return [address for at, address in self._gone if at > edition and address not in self._known]

    def tracks(self) -> list[tuple[Track, int]]:
        """All of them with when each was heard, to be kept; the one heard last stands last."""
        return [(one.track, one.heard_ms) for one in self._known.values()]

    def _make_room(self, node: str) -> None:
        if self._of_place.get(node, 0) >= UNITS_OF_PLACE_MAX:
            self._forget(next(key for key, one in self._known.items() if one.track.node == node))
            self.shed += 1
        elif len(self._known) >= UNITS_MAX:
            self._forget(next(iter(self._known)))
            self.shed += 1

    def _forget(self, address: str) -> None:
        gone = self._known.pop(address, None)
        if gone is not None:
            self.edition += 1
            self._gone.append((self.edition, address))
            self._of_place[gone.track.node] -= 1
            if not self._of_place[gone.track.node]:
                del self._of_place[gone.track.node]
