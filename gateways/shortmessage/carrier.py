"""Between the modem and the node: what came is brought until the node has it, and what is said is asked for when it
may go. Nothing is kept here but what the node has not taken yet.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from fusioncmd import subjects
from fusioncmd.bus.port import Bus
from fusioncmd.errors import Problem
from fusioncmd.lastline import bounds
from fusioncmd.lastline.wire import Came, Next, Say, Taken, decode, encode
from fusioncmd.lastline.wire import Modem as State
from gateways.shortmessage.modem import Modem
from gateways.shortmessage.port import Port

log = structlog.get_logger("shortmessage")

LOOK_S = 0.2
ASK_S = 5.0  # while there is nothing to say
TELL_S = 60.0  # how the modem is, where it can say nothing
REOPEN_S = 5.0


class Carrier:
    """`clock` gives seconds that nobody sets; `look_s`: between two looks at what is due."""

    def __init__(
        self, bus: Bus, name: str, speed: int, clock: Callable[[], float], look_s: float = LOOK_S
    ) -> None:  # fmt: skip
        self._bus, self._name, self._speed, self._clock, self._look_s = bus, name, speed, clock, look_s
        self._modem = Modem(clock())
        self._port: Port | None = None
        self._came: deque[Came] = deque()
        self._open_s = self._ask_s = self._bring_s = clock()
        self._trouble: Problem | None = None
        self.shed = 0
        self._stopped = False

    async def run(self) -> None:
        """Until `stop`. Not until cancelled: `wait_for` of Python 3.11, which `ask` rests on, may eat that."""
        try:
            while not self._stopped:
                await self._step()
                await asyncio.sleep(self._look_s)
        finally:
            if self._port is not None:
                self._port.close()

    def stop(self) -> None:
        self._stopped = True

    async def _step(self) -> None:
        now_s = self._clock()
        if self._port is None and now_s >= self._open_s:
            self._open(now_s)
        if self._port is not None:
            self._port.write(self._modem.due(now_s))
        try:
            if now_s >= self._bring_s:
                await self._bring(now_s)
            if now_s >= self._ask_s:
                await self._ask(now_s)
        except Problem as problem:  # the node is away: what came waits, and the next is asked for later
            self._ask_s = self._bring_s = now_s + ASK_S
            log.warning("shortmessage.node_does_not_answer", problem=problem.en)

    def _open(self, now_s: float) -> None:
        try:
            self._port = Port(self._name, self._speed, self._heard, self._lost)
        except Problem as problem:
            if self._trouble is None:
                log.error("shortmessage.no_modem", problem=problem.en)
            self._trouble, self._open_s = problem, now_s + REOPEN_S
            return
        self._modem, self._trouble = Modem(now_s), None
        log.info("shortmessage.open", port=self._name)

    def _lost(self) -> None:
        log.error("shortmessage.lost", port=self._name)
        self._port, self._open_s = None, self._clock() + REOPEN_S

    def _heard(self, data: bytes) -> None:
        arrived, out = self._modem.received(data, self._clock())
        for message in arrived:
            if len(message.data) > bounds.LONG_BITS // 8:
                self.shed += 1
                continue
            self._came.append(Came(message.by, message.data))
            if len(self._came) > bounds.HEARD_MAX:
                self._came.popleft()
                self.shed += 1
                log.warning("shortmessage.shed", count=self.shed)
        if out and self._port is not None:
            self._port.write(out)

    async def _bring(self, now_s: float) -> None:
        """What the node could not keep is brought again in a while, behind the others."""
        while self._came:
            came = self._came[0]
            taken = decode(Taken, await self._bus.ask(subjects.LINE_CAME, encode(came), bounds.ASK_S_MAX))
            if self._came and self._came[0] is came:  # it was not shed meanwhile
                self._came.rotate(-1)
                if taken.kept:
                    self._came.pop()
            if not taken.kept:
                self._bring_s = now_s + ASK_S
                return

    async def _ask(self, now_s: float) -> None:
        state = self._state(now_s)
        if state.bits and not self._modem.may_say(now_s):
            return
        asked = Next(state, self._modem.failed)
        say = decode(Say, await self._bus.ask(subjects.LINE_NEXT, encode(asked), bounds.ASK_S_MAX))
        self._modem.failed = False
        if not say.data or self._port is None:
            self._ask_s = now_s + (ASK_S if state.bits else TELL_S if state.card else ASK_S)
            return
        self._port.write(self._modem.say(say.to, say.data, self._clock()))

    def _state(self, now_s: float) -> State:
        if self._port is None and self._trouble is not None:
            return State(trouble_en=self._trouble.en[:200], trouble_zh=self._trouble.zh[:200])
        return self._modem.state(now_s)
