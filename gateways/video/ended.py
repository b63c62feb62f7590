"""Sessions that their browsers have ended: a page that closes its connection and then DELETEs the session is told that
it is done, whichever came first. Pure.
"""

from __future__ import annotations

from gateways.radio.calls import Caller
from gateways.video.bounds import ENDED_MAX


class Ended:
    def __init__(self) -> None:
        self._callers: dict[str, Caller] = {}

    def add(self, ident: str, caller: Caller) -> None:
        if len(self._callers) >= ENDED_MAX:
            del self._callers[next(iter(self._callers))]
        self._callers[ident] = caller

    def was(self, ident: str, caller: Caller) -> bool:
        """Whether it was theirs."""
        return self._callers.get(ident) == caller
