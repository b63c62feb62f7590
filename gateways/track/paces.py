"""How much each sender may say: a pace for each, for a bounded number of them. Pure; time is given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """`per_s`, saved up to `burst`."""

    per_s: float
    burst: float
    left: float
    at_s: float

    def lets(self, now_s: float) -> bool:
        """Whether one more may pass now; then it is counted."""
        self.left = min(self.burst, self.left + max(0.0, now_s - self.at_s) * self.per_s)
        self.at_s = now_s
        if self.left < 1:
            return False
        self.left -= 1
        return True


def pace(per_s: float, burst: float, now_s: float) -> Pace:
    return Pace(per_s, burst, burst, now_s)


class Paces:
    """One for each sender, `most` of them: beyond, the one not heard of for longest is forgotten."""

    def __init__(self, per_s: float, burst: float, most: int) -> None:
        self._per_s, self._burst, self._most = per_s, burst, most
        self._of: dict[str, Pace] = {}

    def lets(self, sender: str, now_s: float) -> bool:
        found = self._of.pop(sender, None)
        if found is None:
            if len(self._of) >= self._most:
                del self._of[next(iter(self._of))]
            found = pace(self._per_s, self._burst, now_s)
        self._of[sender] = found
        return found.lets(now_s)
