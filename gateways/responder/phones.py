"""Where phones are, on their way to the node: gathered for a second, said together, the newest of each, kept by nobody.

Nothing is confirmed: what the bus does not take is said anew by its phone. A phone that speaks too often costs a write
in a dictionary; there is no timer but the process's own tick.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice

import structlog

from fusioncmd import terminal
from fusioncmd.bus.port import Bus
from fusioncmd.errors import BadInput, Unavailable
from fusioncmd.track.bounds import PHONE_EVERY_S, PHONES_AT_ONCE_MAX, PHONES_WAITING_MAX
from fusioncmd.track.phones import PhonePosition, Phones, encode, subject
from fusioncmd.track.position import degrees

log = structlog.get_logger("phones")
REMEMBERED_MAX = 65_536  # whose last position is known by its time; beyond, the oldest may speak again at once


class PhoneBox:
    """`clock` gives seconds since 1970."""

    def __init__(self, bus: Bus, gateway: str, clock: Callable[[], float]) -> None:
        self._bus, self._gateway, self._clock = bus, gateway, clock
        self._waiting: dict[int, PhonePosition] = {}
        self._said_s: dict[int, float] = {}
        self._saying: asyncio.Task[None] | None = None
        self.shed = self.refused = 0

    def take(self, number: int, said: terminal.Position) -> None:
        """What is no place is counted, and nothing else becomes of it."""
        try:
            place = degrees(said.lat, said.lon)
        except BadInput:
            self.refused += 1
            return
        if number not in self._waiting and len(self._waiting) >= PHONES_WAITING_MAX:
            self.shed += 1
            return
        now_ms = int(self._clock() * 1_000)
        self._waiting[number] = PhonePosition(number, *place, now_ms, said.accuracy_m, said.battery, said.over)

    def tick(self) -> None:
        """Once a second: those whose time it is."""
        if not self._waiting or (self._saying is not None and not self._saying.done()):
            return
        now_s = self._clock()
        due = [one for one in self._waiting.values() if one.over or self._is_time(one.number, now_s)]
        for one in due:
            del self._waiting[one.number]
            self._said_s.pop(one.number, None)
            self._said_s[one.number] = now_s
        for number in list(islice(self._said_s, max(0, len(self._said_s) - REMEMBERED_MAX))):
            del self._said_s[number]
        if due:
            self._saying = asyncio.get_running_loop().create_task(self._say(due))

    def _is_time(self, number: int, now_s: float) -> bool:
        return abs(now_s - self._said_s.get(number, -PHONE_EVERY_S)) >= PHONE_EVERY_S

    async def _say(self, due: list[PhonePosition]) -> None:
        try:
            for at in range(0, len(due), PHONES_AT_ONCE_MAX):
                said = Phones(self._gateway, tuple(due[at : at + PHONES_AT_ONCE_MAX]))
                await self._bus.say(subject(self._gateway), encode(said))
        except Unavailable as error:
            self.shed += len(due)
            log.warning("phones.not_said", error=error.en, positions=len(due))
