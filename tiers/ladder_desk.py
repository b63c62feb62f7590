"""What is said of ladders: channels tell outcomes and replies, commanders ask for steps and answer on behalf of others.

What a channel tells is on disk before the node confirms it. A reply counts as the person's own answer when exactly one
person has that phone, and exactly one open order was sent to it (or the reply names one of them by its tag).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path as Folder
from typing import Any

import structlog
from pyroaring import BitMap

from fusioncmd import api, ids, subjects
from fusioncmd.access import Actor, check_places
from fusioncmd.api import escalation as asked
from fusioncmd.audit.entries import Entry
from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, BadMessage, BadOrder, NotFound, Unavailable
from fusioncmd.ladder.replies import plain_number, read_reply, tag_of
from fusioncmd.ladder.steps import SUPERIOR
from fusioncmd.ladder.wire import Heard, Inbound, OnBehalf, Outcomes, decode, encode
from fusioncmd.messages import ANSWERED, Mark, Order, Receipts
from fusioncmd.messages import encode as encode_message
from tiers.desk import Desk
from tiers.ladder_records import Kept, boot_id, default_of
from tiers.ladders import Ladders
from tiers.recording import Recording
from tiers.serving import Answer
from tiers.superiors import Superiors

log = structlog.get_logger("ladders")

BY_SMS = "sms"  # in whose name answers by short message are stored: no gateway may have it


class LadderDesk:
    """All that a node has of ladders. `data` may hold `ladder.txt`, the ladder of orders that carry none."""

    def __init__(
        self, bus: Bus, desk: Desk, recorder: Recording, data: Folder, monotonic: Callable[[], float], key: bytes,
        here: Callable[[], BitMap],
    ) -> None:  # fmt: skip
        self._bus, self._desk, self._roster, self._recorder = bus, desk, desk.roster, recorder
        self._ladders = Ladders(
            bus, desk.roster, desk.ledger, recorder, lambda: desk.now_ms, recorder.name, monotonic, boot_id(),
            default_of(data), desk.taken_by, desk.node.code,
        )  # fmt: skip
        self._superiors = Superiors(
            bus, desk.roster, self._ladders, here, key, lambda: desk.now_ms, monotonic
        )  # fmt: skip
        self._ladders.tell = self._superiors.tend
        self._climbing: asyncio.Task[None] | None = None
        desk.behalf, desk.steps, desk.escalated = self._ladders.behalf, self.steps, self.escalated
        desk.with_address = lambda: desk.roster.with_phone | self._ladders.addresses.with_push

    async def start(self) -> asyncio.Task[None]:
        """Once the ledger is read. The task climbs until it is cancelled."""
        await self._bus.serve(subjects.CHANNEL_OUTCOMES, self._told(self._outcomes))
        await self._bus.serve(subjects.CHANNEL_INBOUND, self._told(self._inbound))
        self._climbing = asyncio.create_task(self._ladders.run(), name="ladders")
        return self._climbing

    def answers(self) -> dict[type[Any], Answer]:
        return {
            api.Ladder: self.ladder, api.AnswerFor: self.answer_for, asked.Below: self._superiors.below,
            asked.AnswerBelow: self.answer_below,
        }  # fmt: skip

    @property
    def problems(self) -> tuple[tuple[str, str], ...]:
        """In both languages."""
        bad = self._ladders.records.bad + self._ladders.addresses.bad
        unread = f"{bad} records of ladders could not be read (see the log)", f"{bad} 条升级阶梯记录无法读取（见日志）"
        dead = self._climbing is not None and self._climbing.done() and not self._climbing.cancelled()
        stopped = (
            "Ladders have stopped by a mistake of the node's: start it again",
            "升级阶梯因节点故障停止：请重新启动节点",
        )
        return (*([stopped] if dead else []), *self._ladders.problems.values(), *([unread] if bad else []))

    # --- commanders

    async def ladder(self, request: api.Ladder, who: Actor) -> api.LadderReply:
        order, place = self._desk.order(request.order, who), self._desk.place(request.node, who)
        kept = await self._ladders.of(order) if self._ladders.ready else None
        if kept is None:
            return api.LadderReply(order.ladder, 0, self._ladders.ready, ())
        over, runs_s = self._ladders.is_over(kept), self._ladders.ran_ms(kept) // 1000
        lines, told = self._lines(kept, place), self._superiors.lines(kept, place)
        problems, text = self.problems, kept.climb.ladder.text
        en, zh = tuple(en for en, _ in problems), tuple(zh for _, zh in problems)
        return api.LadderReply(text, runs_s, over, lines, en, told, zh)

    async def answer_for(self, request: api.AnswerFor, who: Actor) -> api.AnsweredFor:
        order = self._desk.order(request.order, who)
        check_places(who, (self._roster.person(request.number).place,))
        return await self._answer(order, request, who.name)

    async def answer_below(self, request: asked.AnswerBelow, _: object) -> api.AnsweredFor:
        """By a superior at a terminal."""
        by = self._superiors.holder_for(request)
        return await self._answer(self._desk.ledger.book.get(request.order), request, by)

    async def _answer(self, order: Order, request: api.AnswerFor | asked.AnswerBelow, by: str) -> api.AnsweredFor:
        if request.answer >= len(order.answers):
            raise BadInput("That answer was not offered.", "该答复项未提供。")
        standing = self._ladders.standing(order)
        person = self._roster.person(request.number)
        if request.number not in standing.targeted:
            raise NotFound(f"{person.name} is not meant by that order.", f"{person.name} 不在该指令对象之内。")
        if request.number in standing.answered:
            raise BadInput(f"{person.name} has answered already.", f"{person.name} 已本人答复。")
        if self._desk.ledger.book.state(order, self._desk.now_ms) != "open":
            raise BadOrder("That order is over.", "该指令已结束。")
        at_ms, said = self._desk.now_ms, order.answers[request.answer]
        details = {"for": person.id, "number": str(request.number), "answer": said}
        await self._recorder.record(Entry(at_ms, by, "ladder", ids.to_text(order.id), details=details))
        await self._ladders.records.write_behalf(OnBehalf(order.id, request.number, request.answer, by, at_ms))
        return api.AnsweredFor(by, person.name, said)

    def steps(self, order: Order, place: Path) -> tuple[api.StepLine, ...]:
        """Those that have begun, and the next: what a tally shows."""
        kept = self._ladders.kept.get(order.id)
        if kept is None:
            return ()
        lines = self._lines(kept, place)
        over = self._ladders.is_over(kept)
        return tuple(line for line in lines if line.begun_ms is not None or (line.due_in_s is not None and not over))

    def escalated(self, order: Order) -> BitMap:
        """Whose names the superior has, and who have not answered since, nor somebody for them."""
        kept, found = self._ladders.kept.get(order.id), BitMap()
        if kept is not None:
            steps = kept.climb.ladder.steps
            found = found.union(*(r.chosen for i, r in kept.climb.rungs.items() if steps[i].channel == SUPERIOR), found)
        if not found:
            return found
        standing = self._ladders.standing(order)
        return found - standing.answered - standing.excused

    def _lines(self, kept: Kept, place: Path) -> tuple[api.StepLine, ...]:
        standing, ran_ms = self._ladders.standing(kept.order), self._ladders.ran_ms(kept)
        lines, count = [], self._roster.count
        for i, step in enumerate(kept.climb.ladder.steps):
            rung = kept.climb.rungs.get(i)
            if rung is None:
                before_ms = kept.climb.rungs[i - 1].begun_ms if i and i - 1 in kept.climb.rungs else 0
                is_next = i == len(kept.climb.rungs)
                due_s = max(0, before_ms + step.wait_s * 1000 - ran_ms) // 1000 if is_next else None
                lines.append(api.StepLine(step.channel, step.wait_s, step.unless, None, due_s))
                continue
            of = rung.outcomes
            accepted, delivered, failed = (
                count(of.get(kind, BitMap()), place) for kind in ("accepted", "delivered", "failed")
            )
            unsure = count(rung.unsure | of.get("unsure", BitMap()), place) if step.channel != SUPERIOR else 0
            lines.append(
                api.StepLine(
                    step.channel, step.wait_s, step.unless, kept.began_ms.get(i, 0), None, count(rung.chosen, place),
                    count(rung.handed - rung.unaddressed, place), count(rung.unaddressed, place),
                    accepted, delivered, failed, unsure,
                    count(kept.climb.waiting(i, standing), place),
                )
            )  # fmt: skip
        return tuple(lines)

    # --- channels

    def _told(self, take: Callable[[bytes], Awaitable[Heard]]) -> Callable[[bytes], Awaitable[bytes]]:
        """Said again while it is not on disk, or while a node that was just started does not know yet what it sent."""

        async def answer(data: bytes) -> bytes:
            if not self._ladders.begun:
                return encode(Heard(False, "again"))
            try:
                return encode(await take(data))
            except BadMessage as problem:
                log.error("ladders.bad_message", problem=problem.en)
                return encode(Heard(False, problem.en))
            except Unavailable as problem:
                log.warning("ladders.not_stored", problem=problem.en)
                return encode(Heard(False, "again"))

        return answer

    async def _outcomes(self, data: bytes) -> Heard:
        said = decode(Outcomes, data)
        kept = self._ladders.kept.get(said.order)
        if kept is None or said.step not in kept.climb.rungs:
            return Heard(False, "no such step")
        if kept.climb.rungs[said.step].note(said.outcome, BitMap(said.numbers)):
            kept.said.add(said.step)
        if kept.climb.ladder.steps[said.step].channel == SUPERIOR:
            await self._superiors.note(said.order, said.channel, said.outcome, said.numbers)
        if said.gone:
            for number in said.numbers:
                await self._ladders.addresses.forget_push(number)
        if said.step in kept.said:
            await self._ladders.records.write(kept, said.step)
        return Heard(True)

    async def _inbound(self, data: bytes) -> Heard:
        said = decode(Inbound, data)
        reply, phone = read_reply(said.text), plain_number(said.address)
        if reply is None or not phone:
            return Heard(False, "no answer in it")
        numbers = [
            n
            for found in self._roster.search(phone, self._desk.node, None)
            for n in found
            if plain_number(self._roster.person(n).phone) == phone
        ]
        meant = [(kept, n) for n in numbers for kept in self._sent_to(said.channel, n)]
        if reply[1]:
            meant = [(kept, n) for kept, n in meant if tag_of(kept.order.id) == reply[1]]
        if len(meant) != 1:
            return Heard(False, "no open order was sent there" if not meant else "more than one: the tag is missing")
        kept, number = meant[0]
        if reply[0] >= len(kept.order.answers):
            return Heard(False, "that answer was not offered")
        mark = Mark(kept.order.id, ANSWERED, reply[0], BitMap([number]).serialize())
        await self._bus.store(subjects.receipt(BY_SMS), encode_message(Receipts(BY_SMS, (mark,))))
        return Heard(True)

    def _sent_to(self, channel: str, number: int) -> list[Kept]:
        """The open orders that were handed to that channel for this person."""
        found = []
        for kept in self._ladders.kept.values():
            is_open = self._desk.ledger.book.state(kept.order, self._desk.now_ms) == "open"
            steps = kept.climb.ladder.steps
            if is_open and any(
                number in rung.handed and number not in rung.unaddressed and steps[i].channel == channel
                for i, rung in kept.climb.rungs.items()
            ):
                found.append(kept)
        return found
