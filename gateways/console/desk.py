"""The console's end of the bus: asks the node for whoever shows a session, and keeps no session itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TypeVar

from fusioncmd import api
from fusioncmd.bus.port import Bus
from fusioncmd.client import Commander
from fusioncmd.divisions import Divisions
from fusioncmd.errors import Unavailable
from gateways.console import bounds

R = TypeVar("R")


class Desk:
    """`bus` lets it ask questions and nothing else; `places` are the names of the tree, which are no secret."""

    def __init__(self, bus: Bus, places: Divisions) -> None:
        self._bus, self.places = bus, places
        self._free = bounds.QUESTIONS_MAX

    async def ask(self, question: api.Question[R], session: bytes = b"", wait_s: float = bounds.ASK_S_MAX) -> R:
        """The node's reply to who shows `session`; its `Problem` is raised here."""
        if not self._free:
            raise Unavailable("The console is busy; try again.", "指挥台繁忙，请稍后重试。")
        self._free -= 1
        try:
            return await Commander(self._bus, session).ask(question, wait_s)
        finally:
            self._free += 1

    async def ask_all(self, questions: Iterable[api.Question[R]], session: bytes) -> list[R]:
        """All replies, in their order."""
        return await asyncio.gather(*(self.ask(question, session) for question in questions))
