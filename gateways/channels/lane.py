"""One channel: takes work from the node as it has room, keeps its rate, tries again what may be tried again.

Work is taken once: asked again, because the reply was lost, the same work is answered the same. Work that was meant for
an earlier run of this process is not taken: nobody knows what that one did.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict, deque
from collections.abc import Callable

import structlog

from fusioncmd import subjects
from fusioncmd.bus.port import Bus
from fusioncmd.errors import BadMessage
from fusioncmd.ladder import bounds
from fusioncmd.ladder.steps import Channel
from fusioncmd.ladder.wire import Notice, Outcome, Taken, decode, encode
from gateways.channels.errand import Errand, Result, Sender
from gateways.channels.telling import Telling

log = structlog.get_logger("channels")

WORKS_KNOWN_MAX = 1_024
WORKERS = 16
BACKOFF_S_MIN, BACKOFF_S_MAX = 1.0, 60.0
IDLE_S = 0.05


class Lane:
    """`per_s`: people at most. `clock` is monotonic, in seconds."""

    def __init__(
        self, channel: Channel, sender: Sender, per_s: float, telling: Telling, clock: Callable[[], float]
    ) -> None:
        self.channel, self._sender, self._per_s, self._telling = channel, sender, per_s, telling
        self._clock = clock
        self._run = os.urandom(8)
        self._works: OrderedDict[bytes, None] = OrderedDict()
        self._waiting: deque[Errand] = deque()
        self._in_hand = 0
        self._next_s = 0.0  # when the rate, or who throttles, lets the next one go
        self._backoff_s = BACKOFF_S_MIN

    async def serve(self, bus: Bus) -> None:
        async def answer(data: bytes) -> bytes:
            try:
                return encode(self.take(decode(Notice, data)))
            except BadMessage as problem:
                log.error("channels.bad_message", channel=self.channel, problem=problem.en)
                return encode(Taken(self._run, 0, False))

        await bus.serve(subjects.notify(self.channel), answer)

    @property
    def room(self) -> int:
        """No more than is sent in some seconds: what waits here is lost when the process ends."""
        if not self._sender.ready or self._telling.full:
            return 0
        most = min(bounds.CHANNEL_WAITING_MAX, max(1, int(self._per_s * 2)))
        return max(0, most - len(self._waiting) - self._in_hand)

    def take(self, notice: Notice) -> Taken:
        if notice.work in self._works:
            return Taken(self._run, self.room, True)
        if not notice.targets or notice.run != self._run or len(notice.targets) > self.room:
            return Taken(self._run, self.room, False)
        self._works[notice.work] = None
        if len(self._works) > WORKS_KNOWN_MAX:
            self._works.popitem(last=False)
        until_s = self._clock() + notice.left_s
        self._waiting.extend(Errand(notice, target.number, target.address, until_s) for target in notice.targets)
        return Taken(self._run, self.room, True)

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sender.run())
            for _ in range(WORKERS):
                tasks.create_task(self._work())

    async def _work(self) -> None:
        while True:
            now_s = self._clock()
            if not self._waiting or now_s < self._next_s or not self._sender.ready:
                await asyncio.sleep(min(max(self._next_s - now_s, IDLE_S), 1.0))
                continue
            self._next_s = max(self._next_s, now_s - 1 / self._per_s) + 1 / self._per_s
            errand = self._waiting.popleft()
            self._in_hand += 1
            try:
                await self._one(errand)
            finally:
                self._in_hand -= 1

    async def _one(self, errand: Errand) -> None:
        if self._clock() >= errand.until_s:
            self._tell(errand, Result("failed", why="the order has ended"))
            return
        errand.attempts += 1
        result = await self._sender.send(errand)
        if result.fate != "later":
            self._backoff_s = BACKOFF_S_MIN
            self._tell(errand, result)
        elif errand.attempts >= bounds.CHANNEL_ATTEMPTS_MAX:
            self._tell(errand, Result("failed", why=result.why))
        else:
            self._next_s = max(self._next_s, self._clock() + max(result.wait_s, self._backoff_s))
            self._backoff_s = min(self._backoff_s * 2, BACKOFF_S_MAX)
            self._waiting.appendleft(errand)

    def _tell(self, errand: Errand, result: Result) -> None:
        if result.fate in ("failed", "gone", "unsure"):
            log.warning("channels.not_sent", channel=self.channel, fate=result.fate, why=result.why)
        gone = result.fate == "gone"
        outcome: Outcome = (
            "accepted" if result.fate == "accepted" else "unsure" if result.fate == "unsure" else "failed"
        )
        self._telling.note(self.channel, errand.notice.order, errand.notice.step, outcome, errand.number, gone)
