"""Something to be done in a moment, once, however often it was asked for meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Pulse:
    def __init__(self, after_s: float, call: Callable[[], None]) -> None:
        self._after_s, self._call = after_s, call
        self._timer: asyncio.TimerHandle | None = None

    def soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._after_s, self._beat)

    def _beat(self) -> None:
        self._timer = None
        self._call()
