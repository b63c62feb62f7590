"""What terminals say of orders that they were delivered and could not believe. Pure; time is an argument.

This gateway verifies whatever it delivers. So when a terminal comes to another verdict, one of them is taken over, or
is out of date: a person has to look. Each person counts once, however often it is said.
"""

from __future__ import annotations

import structlog
from pyroaring import BitMap

from fusioncmd import ids, limits
from fusioncmd.terminal import Distrust
from fusioncmd.trust.refusals import REASONS

log = structlog.get_logger("gateway")

OTHER = "other"  # a reason that is none of ours


class Distrusted:
    def __init__(self) -> None:
        self.numbers = BitMap()  # whose terminals said so
        self._minute_s, self._logged = 0.0, 0

    def hear(self, number: int, said: Distrust, now_s: float) -> None:
        """The first time that a terminal says so is logged, `REFUSALS_LOGGED_MAX` a minute at most."""
        if number in self.numbers:
            return
        self.numbers.add(number)
        if not 0 <= now_s - self._minute_s < limits.REFUSALS_LOGGED_S:
            self._minute_s, self._logged = now_s, 0
        self._logged += 1
        if self._logged <= limits.REFUSALS_LOGGED_MAX:
            order = None if said.order is None else ids.to_text(said.order)
            reason = said.reason if said.reason in REASONS else OTHER
            log.error("gateway.distrusted", order=order, reason=reason, number=number, terminals=len(self.numbers))
