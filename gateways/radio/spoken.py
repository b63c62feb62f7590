"""Orders that are spoken in talkgroups, and the keys that answer them: counted like any answer.

The gateway reads orders as the responder gateway does, and speaks and counts only what it has verified itself. A digit
answers the order that was spoken last in the caller's talkgroup, if it is open and meant for them; a tone says that the
answer is on disk, another one that it was not taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from fusioncmd import subjects
from fusioncmd.bus.port import CALL, Bus, Stored, Tail
from fusioncmd.codes import Path
from fusioncmd.errors import NotFound, Problem
from fusioncmd.messages import ANSWERED, RECEIVED, SENT
from fusioncmd.trust.judge import Judge
from fusioncmd.voice import ogg, speak
from fusioncmd.voice.bounds import PLAYING_MAX
from fusioncmd.voice.speak import Speak
from gateways.radio.calls import Caller, CallUp, MediaOffer
from gateways.radio.leg import Leg
from gateways.radio.media import TalkgroupMedia
from gateways.radio.speech import spoken, words_of
from gateways.responder.board import Board, Posted
from gateways.responder.gate import Gate
from gateways.responder.gather import Batch, answers
from gateways.responder.heeding import Heeding
from gateways.responder.publisher import Publisher

log = structlog.get_logger("radio")

DRAIN_S = 3.0
SPEAKER = MediaOffer("127.0.0.1", 0, "opus", 0, None, 20, True, False, None, None)


class SpokenOrders:
    """`clock` gives seconds since 1970; `name` is the gateway's on the bus."""

    def __init__(
        self, bus: Bus, name: str, serves: Path, judge: Judge, media: TalkgroupMedia, clock: Callable[[], float]
    ) -> None:
        self._bus, self._serves, self._media, self._clock = bus, serves, media, clock
        self._board = Board()
        self._gate = Gate(judge, self._board)
        self._heeding = Heeding(judge, self._board, clock)
        self._publisher = Publisher(bus, name, self._stored)
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0
        self.unspoken = 0  # orders, or what should have been one
        media.pressed = self.pressed

    async def start(self) -> list[Tail]:
        """All orders there are have been read when it returns."""
        keys = await self._heeding.read(self._bus)
        filters = (*subjects.calls_heard_at(self._serves), subjects.AUDIENCE_ALL)
        orders = await self._bus.tail(CALL, self._fold, filters=filters)
        await orders.caught_up()
        await self._bus.hear(subjects.radio_speak(self._serves), self._hear)
        return [keys, orders]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._publisher.drain(DRAIN_S)

    def pressed(self, leg: Leg, key: str, ident: bytes) -> None:
        posted = self._open(ident)
        number, answer = leg.who.number, int(key) - 1 if key.isdigit() else -1
        if posted is None or number is None or number not in posted.audience:
            return  # no order was spoken, or not to them: a key is a key
        if not 0 <= answer < len(posted.order.answers):
            self._media.beep(number, good=False)
            return
        self._publisher.gather.add(ident, RECEIVED, None, number)
        self._publisher.gather.add(ident, ANSWERED, answer, number)
        self._publisher.wake()

    async def speak(self, said: Speak) -> None:
        """In all its talkgroups at once. Raises Problem."""
        posted = self._open(said.order)
        if posted is None:
            raise NotFound("The order that was to be spoken is not open here.", "待播报的指令在此无效。")
        if said.clip:
            packets = await asyncio.to_thread(ogg.from_clip, said.clip)
        else:
            packets = await spoken(words_of(posted.order))
        who = Caller(None, "order", posted.order.node, posted.order.issuer)
        for where in said.where:
            self._count += 1
            await self._media.play(CallUp(f"order-{self._count}", who, where, SPEAKER), packets, said.order)
            numbers = [leg.who.number for leg in self._media.listeners(where)]
            here = [number for number in numbers if number is not None and number in posted.audience]
            self._publisher.gather.add_all(said.order, SENT, None, here)
        self._publisher.wake()
        log.info("radio.speaks", where=said.where, seconds=len(packets) / 50)

    def _fold(self, stored: Stored) -> None:
        if stored.subject != subjects.CANARY:  # those who deliver to phones answer it
            self._gate.fold(stored, int(self._clock() * 1_000))

    def _hear(self, subject: str, data: bytes) -> None:
        try:
            said = speak.decode(data)
        except Problem as problem:
            log.error("radio.bad_message", subject=subject, problem=problem.en)
            self.unspoken += 1
            return
        if len(self._tasks) >= PLAYING_MAX:
            log.error("radio.not_spoken", problem="too many at once")
            self.unspoken += 1
            return
        task = asyncio.create_task(self._spoken(said))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:  # a mistake of ours
            log.error("radio.not_spoken", exc_info=error)
            self.unspoken += 1

    async def _spoken(self, said: Speak) -> None:
        try:
            await self.speak(said)
        except Problem as problem:
            log.error("radio.not_spoken", problem=problem.en)
            self.unspoken += 1

    def _open(self, ident: bytes) -> Posted | None:
        posted = self._board.posted.get(ident)
        return posted if posted is not None and self._board.is_deliverable(posted, int(self._clock() * 1_000)) else None

    def _stored(self, batch: Batch) -> None:
        for _, _, numbers in answers(batch):
            for number in numbers:
                self._media.beep(number, good=True)
