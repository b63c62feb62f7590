"""How often somebody may try a password, and how often failures are written down. Pure; time is an argument.

After each failure of a name nobody is heard under it for 1, 2, 4 … 60 s. A try counts as a failure until it is known to
be none, so that tries made at once do not slip through together. Names that no account has are treated alike; they have
a table of their own, which is bounded, so that they push out no failure of an account.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from fusioncmd import limits

Tried = tuple[int, float]  # failures, and until when nobody is heard


class Limiter:
    def __init__(self) -> None:
        self._tables: dict[bool, OrderedDict[bytes, Tried]] = {True: OrderedDict(), False: OrderedDict()}

    def begin(self, name: bytes, known: bool, now_s: float) -> int:
        """0 when the try is heard; else the seconds after which one will be, and nothing has changed."""
        table = self._tables[known]
        failures, until_s = table.get(name, (0, now_s))
        if now_s < until_s:
            return math.ceil(until_s - now_s)
        if now_s - until_s > limits.LOGIN_FORGOTTEN_S:
            failures = 0
        delay_s = min(2 ** min(failures, 16), limits.LOGIN_DELAY_S_MAX)
        table[name] = (failures + 1, now_s + delay_s)
        table.move_to_end(name)
        if len(table) > (limits.ACCOUNTS_MAX if known else limits.LOGIN_STRANGERS_MAX):
            table.popitem(last=False)
        return 0

    def succeeded(self, name: bytes) -> None:
        """The last try was none that failed, and those before it are forgotten."""
        self._tables[True].pop(name, None)


class Noted:
    """Failures are written down, but a flood of them must not fill the disk."""

    def __init__(self) -> None:
        self._began_s = -math.inf
        self._count = self._shed = 0
        self._failed = self._failed_before = 0  # since then, and in the window before

    def count(self, now_s: float) -> None:
        """One more that is not written down: it was not even heard."""
        passed_s = now_s - self._began_s
        if passed_s >= limits.LOGIN_FAILURES_NOTED_S:
            self._failed_before = self._failed if passed_s < 2 * limits.LOGIN_FAILURES_NOTED_S else 0
            self._began_s, self._count, self._failed = now_s, 0, 0
        self._failed += 1

    def allow(self, now_s: float) -> int | None:
        """None: this one is only counted. Else it is written down, with so many that were not before it."""
        self.count(now_s)
        if self._count >= limits.LOGIN_FAILURES_NOTED_MAX:
            self._shed += 1
            return None
        self._count += 1
        shed, self._shed = self._shed, 0
        return shed

    def failed(self, now_s: float) -> int:
        """How many there were within LOGIN_FAILURES_NOTED_S lately."""
        passed_s = now_s - self._began_s
        if passed_s < limits.LOGIN_FAILURES_NOTED_S:
            return max(self._failed, self._failed_before)
        return self._failed if passed_s < 2 * limits.LOGIN_FAILURES_NOTED_S else 0


class Pace:
    """At most `per_s` each second, and at most `waiting_max` that wait for their turn."""

    def __init__(self, per_s: float, waiting_max: int) -> None:
        self._every_s, self._waiting_max = 1 / per_s, waiting_max
        self._next_s = -math.inf

    def wait_s(self, now_s: float) -> float:
        """How long the next one will wait."""
        return max(0.0, self._next_s - now_s)

    def is_full(self, now_s: float) -> bool:
        return self.wait_s(now_s) >= self._waiting_max * self._every_s

    def take(self, now_s: float) -> float:
        """The next turn is taken: after so many seconds."""
        wait_s = self.wait_s(now_s)
        self._next_s = now_s + wait_s + self._every_s
        return wait_s


class Buckets:
    """For each name a burst, and then so many a second; who takes none for long has the whole burst again."""

    def __init__(self) -> None:
        self._short: dict[bytes, tuple[float, float]] = {}  # how much was taken, and when that was so

    def __len__(self) -> int:
        return len(self._short)

    def wait_s(self, name: bytes, burst: int, per_s: float, now_s: float) -> float:
        """After how many seconds there is one for `name`; 0 when there is one now."""
        return max(0.0, (self._taken(name, per_s, now_s) + 1 - burst) / per_s)

    def take(self, name: bytes, per_s: float, now_s: float) -> None:
        self._short[name] = self._taken(name, per_s, now_s) + 1, now_s

    def sweep(self, per_s: float, now_s: float) -> None:
        """Forget who has the whole burst."""
        self._short = {name: held for name, held in self._short.items() if self._taken(name, per_s, now_s) > 0}

    def _taken(self, name: bytes, per_s: float, now_s: float) -> float:
        taken, at_s = self._short.get(name, (0.0, now_s))
        return max(0.0, taken - max(0.0, now_s - at_s) * per_s)
