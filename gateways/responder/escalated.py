"""Lists of the silent, on their way from the node to the superiors who are connected; and what these answer for others.

The node is asked every few seconds, with a ticket for each of them, while there is one. A terminal gets a list when it
changed since it was said on that connection. No terminal costs anything that is no superior's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog

from fusioncmd import api, envelope, limits, subjects, terminal, tickets
from fusioncmd.api import escalation as asked
from fusioncmd.bus.port import Bus
from fusioncmd.errors import Problem, Unavailable
from fusioncmd.ladder import bounds
from fusioncmd.ladder.superiors import NAMES
from fusioncmd.tickets import Ticket
from gateways.responder import replies
from gateways.responder.seats import Seats

log = structlog.get_logger("escalated")

EVERY_S = 2.0
TICKET_S = 60  # those that this process makes, to prove whom it asks for
ANSWERS_IN_FLIGHT_MAX = 64  # per gateway process; refused as busy: the terminal says it again

Key = tuple[int, bytes]  # number, order
T = TypeVar("T")


class Escalated:
    """`say(number, frame)` to a terminal. `key` is the tier's ticket key."""

    def __init__(
        self, bus: Bus, seats: Seats, say: Callable[[int, bytes], None], key: bytes, clock: Callable[[], float]
    ) -> None:
        self._bus, self._seats, self._say, self._key, self._clock = bus, seats, say, key, clock
        self._holders: dict[int, tuple[int, Ticket]] = {}  # superiors here: their descriptor, and what they showed
        self._shown: dict[Key, asked.SilentList] = {}
        self._noted: set[Key] = set()
        self._answering: set[asyncio.Task[None]] = set()
        self.shed = 0

    def here(self, fd: int, ticket: Ticket) -> None:
        """Somebody was let in."""
        if ticket.number in self._holders:
            self._forget([ticket.number])
        if NAMES.isdisjoint(ticket.roles):
            return
        if len(self._holders) < bounds.SUPERIORS_ASKED_MAX:
            self._holders[ticket.number] = fd, ticket
        else:
            self.shed += 1

    def hear(self, number: int, said: terminal.Noted | terminal.AnswerFor) -> None:
        if number not in self._holders:
            self._say(number, replies.refused("not_below", said.order))
        elif isinstance(said, terminal.Noted):
            if (number, said.order) in self._shown:
                self._noted.add((number, said.order))
        elif len(self._answering) >= ANSWERS_IN_FLIGHT_MAX:
            self._say(number, replies.refused("busy", said.order))
        else:
            task = asyncio.create_task(self._answer(number, said))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.ask()

    async def ask(self) -> None:
        self._forget([n for n, (fd, _) in self._holders.items() if self._seats.fd_of.get(n) != fd])
        if not self._holders:
            return
        noted = tuple(self._noted)[: bounds.SUPERIORS_ASKED_MAX]
        tickets_now = tuple(self._ticket(number) for number in self._holders)
        try:
            reply = await self._node(asked.Below(tickets_now, noted), asked.BelowReply)
        except Problem as problem:  # asked again
            log.warning("escalated.not_told", error=problem.en)
            return
        self._noted -= {*noted}
        self._tell(reply.lists)

    def _tell(self, lists: Iterable[asked.SilentList]) -> None:
        now: dict[Key, asked.SilentList] = {(one.holder, one.order): one for one in lists}
        for key in self._shown.keys() - now.keys():
            was = self._shown.pop(key)
            self._say(key[0], replies.silent(was, over=True))
        for key, one in now.items():
            if key[0] in self._holders and self._shown.get(key) != one:
                self._shown[key] = one
                self._say(key[0], replies.silent(one))

    def _forget(self, numbers: Iterable[int]) -> None:
        gone = {*numbers}
        for number in gone:
            self._holders.pop(number, None)
        if gone:
            self._shown = {key: one for key, one in self._shown.items() if key[0] not in gone}

    def _ticket(self, number: int) -> bytes:
        shown = self._holders[number][1]
        until_s = int(self._clock()) + TICKET_S
        return tickets.mint(Ticket(number, shown.village, shown.roles, until_s, shown.device), self._key)

    async def _answer(self, number: int, said: terminal.AnswerFor) -> None:
        """Who is left is told by the next list."""
        question = asked.AnswerBelow(self._ticket(number), said.order, said.number, said.answer)
        try:
            await self._node(question, asked.AnsweredFor)
            await self.ask()
        except Unavailable as problem:
            log.warning("escalated.not_answered", error=problem.en)
            self._say(number, replies.refused("busy", said.order))
        except Problem as problem:  # answered meanwhile, over, or never named to them
            log.info("escalated.refused", error=problem.en)
            self._say(number, replies.refused("not_below", said.order))

    async def _node(self, question: api.Question[T], kind: type[T]) -> T:
        verb = api.VERBS[type(question)][0]
        data = await self._bus.ask(subjects.api(verb), envelope.encode_question(question), limits.RELAY_S_MAX)
        return envelope.decode_reply(kind, data)
