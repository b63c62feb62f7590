"""When a link is cut, and which way: written down, or drawn from a seed. Pure.

Written: `10s+5s` (at 10 s both ways for 5 s), `up@3.2s+5s` (one way), `down@9s+300ms*10` (ten times for 300 ms, with
300 ms between), `9s+300ms*10/1s` (with a second between). *Up* is from who connects to who listens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from fusioncmd.errors import BadInput
from loadtest.link.quantities import MS, S, time_ns, time_text

Direction = Literal["up", "down"]
Ways = Literal["up", "down", "both"]
FLAPS_MAX = 1_000
DRAWN_MAX = 100  # cuts of one drawn schedule


@dataclass(frozen=True, slots=True)
class Cut:
    """From `at_ns` after the link began, for `length_ns`, `times` times with `between_ns` between."""

    ways: Ways
    at_ns: int
    length_ns: int
    times: int = 1
    between_ns: int = 0

    def __str__(self) -> str:
        way = "" if self.ways == "both" else f"{self.ways}@"
        flap = f"*{self.times}/{time_text(self.between_ns)}" if self.times > 1 else ""
        return f"{way}{time_text(self.at_ns)}+{time_text(self.length_ns)}{flap}"

    @property
    def end_ns(self) -> int:
        return self.at_ns + self.times * self.length_ns + (self.times - 1) * self.between_ns

    def spans(self) -> list[tuple[int, int]]:
        step = self.length_ns + self.between_ns
        return [(self.at_ns + n * step, self.at_ns + n * step + self.length_ns) for n in range(self.times)]


@dataclass(frozen=True, slots=True)
class Change:
    """What one direction turns into: `cut` (nothing passes), `deaf` (nothing comes back). None: as it was."""

    at_ns: int
    cut: bool | None = None
    deaf: bool | None = None


def cut_from(text: str) -> Cut:
    """The inverse of `str(cut)`. Raises BadInput."""
    way, at, rest = text.strip().rpartition("@")
    start, plus, rest = rest.partition("+")
    length, star, rest = rest.partition("*")
    times, slash, between = rest.partition("/")
    if not plus or (at and way not in get_args(Direction)) or (star and not (times.isascii() and times.isdigit())):
        raise _unclear(text)
    length_ns = time_ns(length)
    count = int(times) if star else 1
    if not (1 <= count <= FLAPS_MAX and length_ns > 0):
        raise _unclear(text)
    between_ns = 0 if count == 1 else time_ns(between) if slash else length_ns
    ways: Ways = "both" if not at else "up" if way == "up" else "down"
    return Cut(ways, time_ns(start), length_ns, count, between_ns)


def _unclear(text: str) -> BadInput:
    return BadInput(
        f"“{text}” is not a cut, such as 10s+5s, up@10s+5s or 10s+300ms*10 (at most {FLAPS_MAX} times).",
        f"“{text}”不是断链安排，例如 10s+5s、up@10s+5s 或 10s+300ms*10（最多 {FLAPS_MAX} 次）。",
    )


def changes(cuts: Iterable[Cut], direction: Direction) -> list[Change]:
    """What becomes of one direction, in order of time; cuts that overlap are one."""
    cuts = list(cuts)
    own = _edges(cuts, direction)
    back = _edges(cuts, "down" if direction == "up" else "up")
    found = [Change(at_ns, cut=state) for at_ns, state in own] + [Change(at_ns, deaf=state) for at_ns, state in back]
    return sorted(found, key=lambda change: change.at_ns)


def _edges(cuts: list[Cut], direction: Direction) -> list[tuple[int, bool]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(span for cut in cuts if cut.ways in ("both", direction) for span in cut.spans()):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return [edge for start, end in merged for edge in ((start, True), (end, False))]


def drawn(chance: Callable[[], float], until_ns: int) -> list[Cut]:
    """Cuts one after the other, all healed at `until_ns`: half of them both ways, a quarter one way, a quarter flaps.

    `chance` gives numbers in [0, 1): the same numbers draw the same cuts. Times are whole milliseconds, so that the
    schedule can be written down and played again.
    """
    found: list[Cut] = []
    at_ns = 0
    while len(found) < DRAWN_MAX:
        at_ns += _between(chance, S // 5, until_ns // 6)
        kind = chance()
        ways: Ways = "both" if kind < 0.5 else "up" if kind < 0.625 else "down" if kind < 0.75 else "both"
        if kind < 0.75:
            cut = Cut(ways, at_ns, _between(chance, S // 5, until_ns // 4))
        else:
            cut = Cut(ways, at_ns, *(_between(chance, 50 * MS, 500 * MS), 2 + int(chance() * 9)), 300 * MS)
        if cut.end_ns > until_ns:
            return found
        found.append(cut)
        at_ns = cut.end_ns
    return found


def _between(chance: Callable[[], float], least_ns: int, most_ns: int) -> int:
    return (least_ns + int(chance() * max(0, most_ns - least_ns))) // MS * MS
