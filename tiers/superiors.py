"""Superiors are told of those silent below, each once by each way that they have, the terminal first.

A way that failed, or a terminal that does not say it has the list, is followed by the next. What is on disk before a
message goes out keeps a restart from sending it twice. A superior at a terminal sees who is left, and may answer for
them; so does one who was told by a push message or an SMS, once they open the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Literal

import structlog
from msgspec import structs
from pyroaring import BitMap

from fusioncmd import api, subjects, tickets
from fusioncmd.api import escalation as asked
from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path
from fusioncmd.errors import BusDown, Forbidden, NotReady, Unavailable
from fusioncmd.ladder import bounds
from fusioncmd.ladder.steps import SUPERIOR, Channel
from fusioncmd.ladder.superiors import assign, words_for
from fusioncmd.ladder.wire import Notice, Outcome, Told, encode
from fusioncmd.roster.directory import Roster
from fusioncmd.tally import bitmap_from
from tiers.channel_asks import notice_of
from tiers.ladder_records import Kept
from tiers.ladders import Ladders

log = structlog.get_logger("ladders")

Way = Channel | Literal["terminal"]
TERMINAL: Literal["terminal"] = "terminal"
WAYS: tuple[Channel, ...] = ("push", "sms")
NOTED_S_MAX = 20.0  # so long a terminal has to say that it shows the list
TOLD_AT_ONCE_MAX = 64  # superiors in a round


class Superiors:
    """`here`: who is connected to this node's own gateways. `key` is the tier's ticket key."""

    def __init__(
        self, bus: Bus, roster: Roster, ladders: Ladders, here: Callable[[], BitMap], key: bytes,
        now_ms: Callable[[], int], monotonic: Callable[[], float],
    ) -> None:  # fmt: skip
        self._bus, self._roster, self._ladders, self._here, self._key = bus, roster, ladders, here, key
        self._now_ms, self._monotonic = now_ms, monotonic
        self._assigned: dict[bytes, dict[int, BitMap]] = {}
        self._turn = 0
        self._begun_s: dict[tuple[bytes, int], float] = {}  # when the last way was begun

    def told(self, order: bytes) -> dict[int, Told]:
        """By superior; not to be changed by the caller: terminals ask of orders that nobody gave."""
        return self._ladders.records.told.get(order, {})

    async def tend(self, kept: Kept) -> None:
        """Once a second, while the order is open."""
        i = len(kept.climb.ladder.steps) - 1
        if kept.climb.ladder.steps[i].channel != SUPERIOR or (rung := kept.climb.rungs.get(i)) is None:
            return
        for gone in self._assigned.keys() - self._ladders.kept.keys():
            del self._assigned[gone]
            self._begun_s = {key: begun_s for key, begun_s in self._begun_s.items() if key[0] != gone}
        order, told = kept.order.id, self.told(kept.order.id)
        if order not in self._assigned:
            found = assign(rung.chosen, self._roster)
            self._assigned[order] = {n: who for n, who in found.items() if not self._is_theirs(kept, n)}
        met = self._met(kept)
        here = self._here()
        waiting = [
            (number, left)
            for number, people in self._assigned[order].items()
            if self._waits(told.get(number)) and self._ways(number, told.get(number), here) and (left := people - met)
        ]
        self._turn += TOLD_AT_ONCE_MAX  # so that none whose channel is away keeps others waiting
        start = self._turn % max(1, len(waiting)) if len(waiting) > TOLD_AT_ONCE_MAX else 0
        for number, left in (waiting[start:] + waiting[:start])[:TOLD_AT_ONCE_MAX]:
            await self._tell(kept, i, number, left)

    def _ways(self, number: int, told: Told | None, here: BitMap) -> list[Way]:
        """Those not tried yet that this person has now, the terminal first."""
        has: dict[Way, bool] = {way: number in self._ladders.addresses.known(way) for way in WAYS} | {
            TERMINAL: number in here
        }
        tried = () if told is None else told.tried
        return [way for way in (TERMINAL, *WAYS) if has[way] and way not in tried]

    def _is_theirs(self, kept: Kept, number: int) -> bool:
        """The node below that took the order tells those of its own place."""
        return kept.below and Path(kept.taken_by).covers(Path(self._roster.person(number).place))

    def _waits(self, told: Told | None) -> bool:
        if told is None or told.fate == "failed":
            return True
        if told.fate or told.tried[-1] != TERMINAL:
            return False
        begun_s = self._begun_s.setdefault((told.order, told.number), self._monotonic())
        return self._monotonic() - begun_s > NOTED_S_MAX

    def _met(self, kept: Kept) -> BitMap:
        """Who has answered, or somebody for them."""
        standing = self._ladders.standing(kept.order)
        return standing.answered | standing.excused

    async def _tell(self, kept: Kept, i: int, number: int, people: BitMap) -> None:
        """By the next way that is there; one without room is waited for."""
        before = self.told(kept.order.id).get(number)
        tried = () if before is None else before.tried
        for way in self._ways(number, before, self._here()):
            if way == TERMINAL:
                await self._write(Told(kept.order.id, number, people.serialize(), (*tried, TERMINAL), self._now_ms()))
                return
            try:
                said = await self._ladders.channels.ask(way, self._notice(kept, i))
            except BusDown:  # no process has that channel
                continue
            if said.room:
                told = Told(kept.order.id, number, people.serialize(), (*tried, way), self._now_ms())
                await self._send(kept, i, way, said.run, told, people)
            return

    async def _send(self, kept: Kept, i: int, way: Channel, run: bytes, said: Told, people: BitMap) -> None:
        targets = await self._ladders.addresses.of(way, BitMap([said.number]))
        await self._write(said)
        named = islice(people & self._roster.everyone, bounds.SILENT_SMS_NAMED_MAX)
        text = words_for(kept.order, (self._roster.person(n) for n in named), len(people))
        work = structs.replace(self._notice(kept, i), run=run, text=text, answers=(), targets=tuple(targets))
        taken = await self._ladders.channels.give(way, work) if targets else None
        if not targets or (taken is not None and not taken.took):
            await self._write(structs.replace(said, fate="failed"))

    def _notice(self, kept: Kept, i: int) -> Notice:
        return notice_of(kept, i, kept.climb.open_left_s(self._ladders.ran_ms(kept)))

    async def _write(self, said: Told) -> None:
        await self._bus.store(subjects.told(said.order, said.number), encode(said))
        self._ladders.records.told.setdefault(said.order, {})[said.number] = said
        self._begun_s[said.order, said.number] = self._monotonic()
        log.info("ladders.superior", order=said.order.hex(), ways=said.tried, fate=said.fate)

    async def note(self, order: bytes, way: str, fate: Outcome, numbers: Iterable[int]) -> None:
        """What became of it by that way. Said late, or again, of an earlier one, it is not the last one's fate."""
        for number in numbers:
            told = self.told(order).get(number)
            if told is not None and told.tried[-1] == way and told.fate not in (fate, "delivered"):
                await self._write(structs.replace(told, fate=fate))

    # --- what is asked

    def lines(self, kept: Kept, place: Path) -> tuple[api.ToldLine, ...]:
        """For a commander: those at `place`."""
        told, here = self.told(kept.order.id), self._roster.members(place)
        found = []
        for number in islice((n for n in self._assigned.get(kept.order.id, told) if n in here), bounds.TOLD_SHOWN_MAX):
            one, person = told.get(number), self._roster.person(number)
            people = self._assigned.get(kept.order.id, {}).get(number) if one is None else bitmap_from(one.people)
            way, fate = ("", "") if one is None else (one.tried[-1], one.fate)
            found.append(api.ToldLine(person.name, person.place_name, len(people or ()), way, fate))
        return tuple(found)

    async def below(self, request: asked.Below, _: object) -> asked.BelowReply:
        """For gateways: those who are left, of each superior who is connected."""
        self._check_begun()
        numbers = BitMap([tickets.check(one, self._key, self._now_ms() / 1000).number for one in request.tickets])
        for number, order in request.noted:
            told = self.told(order).get(number) if number in numbers else None
            if told is not None and told.tried[-1] == TERMINAL:
                await self._noted(told)
        found: list[tuple[Kept, int, BitMap]] = []
        for order, kept in sorted(self._ladders.kept.items(), reverse=True):
            if self._ladders.is_over(kept):
                continue
            met = self._met(kept)
            for number, told in self.told(order).items():
                if number in numbers and (left := bitmap_from(told.people) - met):
                    found.append((kept, number, left))
        found = found[: bounds.SILENT_REPLY_LISTS_MAX]
        named = min(bounds.SILENT_NAMED_MAX, bounds.SILENT_REPLY_PEOPLE_MAX // max(1, len(found)))
        return asked.BelowReply(tuple(self._list(*one, named) for one in found))

    def _check_begun(self) -> None:
        """A node that was just started does not know yet who was told: no list is over, no answer wrong."""
        if not self._ladders.begun:
            raise NotReady("The node is still reading its ladders; try again.", "节点仍在加载升级阶梯，请稍后重试。")

    async def _noted(self, told: Told) -> None:
        try:
            await self.note(told.order, TERMINAL, "delivered", [told.number])
        except Unavailable as problem:  # the terminal shows it all the same; asked again, it is written then
            log.warning("ladders.not_stored", problem=problem.en)

    def _list(self, kept: Kept, number: int, left: BitMap, named: int) -> asked.SilentList:
        order, people = kept.order, []
        for one in islice(left & self._roster.everyone, named):
            person = self._roster.person(one)
            people.append(asked.SilentPerson(one, person.name, person.phone, person.place))
        return asked.SilentList(
            number, order.id, order.status, order.text, order.answers, len(left), tuple(people)
        )  # fmt: skip

    def holder_for(self, request: asked.AnswerBelow) -> str:
        """The name of who asks, and was told of that person; `Forbidden` to anybody else."""
        self._check_begun()
        number = tickets.check(request.ticket, self._key, self._now_ms() / 1000).number
        told = self.told(request.order).get(number)
        if told is None or request.number not in bitmap_from(told.people):
            raise Forbidden("That person was not named to you.", "该人员未转交给您。")
        return self._roster.person(number).name
