"""What became of people, told to the node until it has it on disk; and the answers that they wrote back."""

from __future__ import annotations

import asyncio

import structlog

from fusioncmd import subjects
from fusioncmd.bus.port import Bus
from fusioncmd.errors import Problem
from fusioncmd.ladder import bounds
from fusioncmd.ladder.steps import Channel
from fusioncmd.ladder.wire import Heard, Inbound, Outcome, Outcomes, decode, encode

log = structlog.get_logger("channels")

EVERY_S = 0.3
AGAIN = "again"


class Telling:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._waiting: dict[tuple[bytes, int, Outcome, bool, Channel], list[int]] = {}
        self._inbound = 0

    @property
    def full(self) -> bool:
        return sum(map(len, self._waiting.values())) >= bounds.CHANNEL_OUTCOMES_MAX

    def note(
        self, channel: Channel, order: bytes, step: int, outcome: Outcome, number: int, gone: bool = False
    ) -> None:
        self._waiting.setdefault((order, step, outcome, gone, channel), []).append(number)

    def delivered(self, order: bytes, step: int, number: int) -> None:
        """An SMS: of the others nobody says so."""
        self.note("sms", order, step, "delivered", number)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await self.flush()

    async def flush(self) -> None:
        for key, numbers in [*self._waiting.items()]:
            order, step, outcome, gone, channel = key
            part = numbers[: bounds.OUTCOMES_PEOPLE_MAX]
            said = Outcomes(order, step, outcome, tuple(part), gone, channel)
            try:
                heard = await self._tell(subjects.CHANNEL_OUTCOMES, said)
            except Problem as problem:
                log.warning("channels.node_does_not_answer", problem=problem.en)
                return
            if heard.counted or heard.why != AGAIN:
                del numbers[: len(part)]
                if not numbers:
                    del self._waiting[key]

    async def reply(self, channel: str, address: str, text: str) -> bool:
        """False when whoever carried it shall say it again: the node has it not."""
        if self._inbound >= bounds.CHANNEL_INBOUND_MAX:
            return False
        self._inbound += 1
        try:
            wrote = Inbound(channel, address[:32], text[:2_000])
            heard = await self._tell(subjects.CHANNEL_INBOUND, wrote)
        except Problem as problem:
            log.warning("channels.node_does_not_answer", problem=problem.en)
            return False
        finally:
            self._inbound -= 1
        if not heard.counted:
            log.info("channels.reply_not_counted", channel=channel, why=heard.why)
        return heard.counted or heard.why != AGAIN

    async def _tell(self, subject: str, message: Outcomes | Inbound) -> Heard:
        return decode(Heard, await self._bus.ask(subject, encode(message), bounds.CHANNEL_ANSWER_S_MAX))
