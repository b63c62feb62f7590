"""The node's counter for temporary talkgroups: a commander picks their members, who are called; they change, and end.

At most GROUPS_MAX at once, each with a slot of the trust stream that the next one takes when it has ended. What is made
is in the audit before it holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from msgspec import structs

from fusioncmd import subjects
from fusioncmd.access import Actor, check_places
from fusioncmd.api import talkgroups as asked
from fusioncmd.audit.entries import Entry, Recorder
from fusioncmd.bus.port import Bus, Stored
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, Conflict, NotFound, Problem, Unavailable
from fusioncmd.roster.directory import Roster
from fusioncmd.trust.notices import Notices
from fusioncmd.voice import groups
from fusioncmd.voice.bounds import GROUPS_MAX
from fusioncmd.voice.groups import Talkgroup
from tiers.radios import RadioDesk
from tiers.serving import Answer

log = structlog.get_logger("talkgroups")
NODE = "node"


class TalkgroupDesk:
    """`key` is the tier's ticket key; `clock` gives seconds since 1970."""

    def __init__(
        self, bus: Bus, roster: Roster, radios: RadioDesk, key: bytes, audit: Recorder, clock: Callable[[], float],
        notices: Notices,
    ) -> None:  # fmt: skip
        self._bus, self._roster, self._radios, self._key = bus, roster, radios, key
        self._audit, self._clock = audit, clock
        self._slots: dict[int, tuple[Talkgroup, int]] = {}  # also those that ended; and the sequence
        notices.on("talkgroup", self.fold)

    def answers(self) -> dict[type[Any], Answer]:
        return {asked.MakeTalkgroup: self.make, asked.Talkgroups: self.list, asked.EndTalkgroup: self.end}

    def fold(self, stored: Stored) -> None:
        group = groups.unpack(stored.data, self._key)
        if stored.subject != subjects.talkgroup(group.slot):
            raise BadInput("It lies on another talkgroup's subject.", "所在主题属于另一个通话组。")
        held = self._slots.get(group.slot)
        if held is None or stored.seq > held[1]:
            self._slots[group.slot] = group, stored.seq

    @property
    def now(self) -> tuple[Talkgroup, ...]:
        """Those that have not ended, by where they are."""
        now_ms = self._now_ms
        held = (group for group, _ in self._slots.values() if not group.ended and group.until_ms > now_ms)
        return tuple(sorted(held, key=lambda group: group.where))

    def of(self, place: str, number: int) -> tuple[str, ...]:
        """Where a person of `place` is a member."""
        return tuple(group.where for group in self.now if group.means(place, number))

    async def make(self, request: asked.MakeTalkgroup, who: Actor) -> asked.TalkgroupsReply:
        await self.tend()
        places = self._members(request, who)
        place = request.place or groups.common(places)
        check_places(who, (place,))
        if Path(place) not in self._roster.divisions:
            raise NotFound(f"There is no place with the code {place}.", f"没有代码为 {place} 的地点。")
        if beyond := [one for one in places if not groups.of_branch(place, one)]:
            raise BadInput(
                f"{beyond[0]} is neither above nor below {place}: who is there cannot hear it.",
                f"{beyond[0]} 既非 {place} 的上级也非其下级，无法加入该通话组。",
            )
        before = self._find(place, request.name)
        if before is not None and not request.again:
            raise Conflict(
                f"There is a talkgroup {before.where} already; --again gives it these members.",
                f"通话组 {before.where} 已存在；如需更换成员请加 --again。",
            )
        now_ms = self._now_ms
        made = Talkgroup(
            self._free() if before is None else before.slot, place, request.name, request.places, request.people,
            request.radios, who.name, now_ms if before is None else before.made_ms,
            now_ms + request.minutes * 60_000,
        )  # fmt: skip
        await self._audit.record(self._entry(who.name, made, "talkgroup made" if before is None else "regrouped"))
        await self._put(made)
        if before is not None:
            gone = [account for account in self._radios.meant(before) if account not in self._radios.meant(made)]
            if gone:
                await self._radios.call(made.place, gone, made.where, who.name, end=True)
        rung = await self._radios.call(made.place, self._radios.meant(made), made.where, who.name)
        return asked.TalkgroupsReply((_line(made),), rung)

    async def list(self, request: asked.Talkgroups, who: Actor) -> asked.TalkgroupsReply:
        return asked.TalkgroupsReply(tuple(_line(group) for group in self.now if self._concerns(group, who)))

    async def end(self, request: asked.EndTalkgroup, who: Actor) -> asked.TalkgroupsReply:
        group = self._find(request.place, request.name)
        if group is None:
            raise NotFound(
                f"There is no talkgroup {request.place}.{request.name}.",
                f"没有通话组 {request.place}.{request.name}。",
            )
        rung = await self._end(group, who.name, "talkgroup ended")
        return asked.TalkgroupsReply((_line(group),), rung)

    async def tend(self) -> None:
        """End those whose time is over; one that cannot be stored now is ended the next time."""
        now_ms = self._now_ms
        for group in [group for group, _ in self._slots.values() if not group.ended and group.until_ms <= now_ms]:
            try:
                await self._end(group, NODE, "talkgroup over")
            except Problem as problem:
                log.warning("node.talkgroup_not_ended", where=group.where, problem=problem.en)

    # --- inside

    async def _end(self, group: Talkgroup, by: str, what: str) -> int:
        """Whoever is in it has to go, also who dialled it."""
        await self._put(structs.replace(group, ended=True, places=(), people=(), radios=()))
        await self._audit.record_after(self._entry(by, group, what))
        return await self._radios.call(group.place, (), group.where, by, end=True)

    def _members(self, request: asked.MakeTalkgroup, who: Actor) -> tuple[str, ...]:
        """The places to which they belong, each of the asker's. NotFound, Forbidden, BadInput."""
        people = [self._roster.person(number).place for number in request.people]
        places = (*request.places, *people, *(self._radios.place_of(account) for account in request.radios))
        check_places(who, places)
        for place in request.places:
            if Path(place) not in self._roster.divisions:
                raise NotFound(f"There is no place with the code {place}.", f"没有代码为 {place} 的地点。")
        if not places:
            raise BadInput("A talkgroup has members: places, people or radios.", "须选择成员：地点、人员或电台。")
        return places

    def _concerns(self, group: Talkgroup, who: Actor) -> bool:
        if who.path.covers(Path(group.place)):
            return True
        people = (self._roster.person(number).place for number in group.people)
        return any(groups.of_branch(who.path.code, place) for place in (*group.places, *people))

    def _find(self, place: str, name: str) -> Talkgroup | None:
        return next((group for group in self.now if (group.place, group.name) == (place, name)), None)

    def _free(self) -> int:
        taken = {slot for slot, (group, _) in self._slots.items() if not group.ended}
        slot = next((slot for slot in range(GROUPS_MAX) if slot not in taken), None)
        if slot is None:
            raise Unavailable(
                f"A node has {GROUPS_MAX} temporary talkgroups at most: end one.",
                f"每个节点最多 {GROUPS_MAX} 个临时通话组，请先结束一个。",
            )
        return slot

    async def _put(self, group: Talkgroup) -> None:
        """`Conflict` when it was changed meanwhile."""
        held = self._slots.get(group.slot)
        data, last = groups.pack(group, self._key), 0 if held is None else held[1]
        seq = await self._bus.store(subjects.talkgroup(group.slot), data, expect_last=last)
        self._slots[group.slot] = group, seq

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1_000)

    def _entry(self, by: str, group: Talkgroup, what: str) -> Entry:
        details = {
            "what": what, "places": " ".join(group.places[:16]), "people": str(len(group.people)),
            "radios": " ".join(group.radios[:8]), "until": str(group.until_ms // 1_000),
        }  # fmt: skip
        return Entry(self._now_ms, by, "voice", group.where, details=details)


def _line(group: Talkgroup) -> asked.TalkgroupLine:
    return asked.TalkgroupLine(
        group.where, group.places, group.people, group.radios, group.by, group.made_ms, group.until_ms
    )
