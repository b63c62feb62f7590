"""How one order climbs its ladder: which step is due, whom it means, and who is handed over next. Pure.

Time is the ladder's own: milliseconds since the node took the order, by a clock that nobody sets (`Elapsed`). Whom a
step means is decided once, when it begins, and is a bitmap; who was handed to a channel is another, which is on disk
before the channel hears of them. So nobody is handed over twice for one step, whatever is killed and whenever: what was
handed over and not sent is lost to that step, and the next one reaches them. No object per person is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice

from pyroaring import BitMap

from fusioncmd.ladder.steps import SUPERIOR, Ladder, Step

Kind = str  # "accepted", "delivered", "failed", "unsure": what a channel says became of whom


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an order's people stand now. `excused`: somebody answered on their behalf."""

    targeted: BitMap
    received: BitMap
    answered: BitMap
    excused: BitMap

    def met(self, step: Step) -> BitMap:
        """Whom `step` need not reach (any more). An answer meets every condition."""
        done = self.answered | self.excused
        return done | self.received if step.unless == "received" else done


@dataclass(slots=True)
class Rung:
    """One step of one order, once it has begun."""

    begun_ms: int  # in the ladder's time
    chosen: BitMap
    handed: BitMap = field(default_factory=BitMap)
    unaddressed: BitMap = field(default_factory=BitMap)  # of those handed: there is no number or subscription of theirs
    outcomes: dict[Kind, BitMap] = field(default_factory=dict)

    def note(self, kind: Kind, numbers: BitMap) -> bool:
        """What became of some of those who were handed over; True when it is news."""
        known = self.outcomes.setdefault(kind, BitMap())
        news = (numbers & self.handed) - known
        known |= news
        return bool(news)

    def count(self, kind: Kind) -> int:
        return len(self.outcomes.get(kind, ()))

    @property
    def unsure(self) -> BitMap:
        """Handed over, and nothing is known of it."""
        heard = BitMap.union(*self.outcomes.values()) if self.outcomes else BitMap()
        return self.handed - self.unaddressed - heard


class Climb:
    """One order's ladder. `begin`, `take` and `note` change it; who calls them stores it before anything is sent."""

    def __init__(self, ladder: Ladder, status: str, open_ms: int) -> None:
        self.ladder, self._status, self._open_ms = ladder, status, open_ms
        self.rungs: dict[int, Rung] = {}

    def is_over(self, elapsed_ms: int) -> bool:
        """The order has ended by the ladder's own time: a clock that was set ends nothing early."""
        return elapsed_ms >= self._open_ms

    def open_left_s(self, elapsed_ms: int) -> int:
        return max(0, self._open_ms - elapsed_ms) // 1000

    def due(self, elapsed_ms: int) -> int | None:
        """The step to begin now, if there is one: `wait_s` after the one before began. One that may not be taken in an
        exercise begins, and means nobody."""
        i = len(self.rungs)
        if i >= len(self.ladder.steps) or self.is_over(elapsed_ms):
            return None
        before_ms = self.rungs[i - 1].begun_ms if i else 0
        return i if elapsed_ms >= before_ms + self.ladder.steps[i].wait_s * 1000 else None

    def begin(self, i: int, elapsed_ms: int, standing: Standing) -> Rung:
        """Step `i` begins: whom it means is decided, once."""
        assert i == len(self.rungs)
        step = self.ladder.steps[i]
        chosen = standing.targeted - standing.met(step)
        if not self.ladder.reaches(step.channel, self._status):
            chosen = BitMap()
        chosen.run_optimize()
        self.rungs[i] = Rung(elapsed_ms, chosen, chosen.copy() if step.channel == SUPERIOR else BitMap())
        return self.rungs[i]

    def open_steps(self, standing: Standing) -> list[int]:
        """The steps that have people to hand over."""
        return [i for i in self.rungs if self.waiting(i, standing)]

    def waiting(self, i: int, standing: Standing) -> BitMap:
        """Whom step `i` still has to hand over: nobody who has met its condition meanwhile."""
        rung = self.rungs[i]
        left = rung.chosen - rung.handed
        return left - standing.met(self.ladder.steps[i]) if left else left

    def take(self, i: int, standing: Standing, people_max: int) -> BitMap:
        """The next people of step `i`, counted as handed over from now on."""
        batch = BitMap(islice(self.waiting(i, standing), people_max))
        self.rungs[i].handed |= batch
        return batch

    def give_back(self, i: int, numbers: BitMap) -> None:
        """The channel said that it did not take them."""
        self.rungs[i].handed -= numbers


@dataclass(slots=True)
class Elapsed:
    """How long a ladder has run, by a monotonic clock. `boot` names the run of that clock: after a restart of the node
    on a machine that went on, the time between counts; after one of the machine, it goes on from what was stored, so
    that nothing comes early."""

    boot: bytes
    origin_ms: int  # on that clock
    ran_ms: int = 0

    @classmethod
    def resumed(cls, stored: Elapsed, boot: bytes, now_ms: int) -> Elapsed:
        if stored.boot == boot:
            return cls(boot, min(stored.origin_ms, now_ms - stored.ran_ms), stored.ran_ms)
        return cls(boot, now_ms - stored.ran_ms, stored.ran_ms)

    def at(self, now_ms: int) -> int:
        """Never less than before."""
        self.ran_ms = max(self.ran_ms, now_ms - self.origin_ms)
        return self.ran_ms
