"""Temporary talkgroups over the memory bus: members are called; it changes, ends, and outlives a restart."""

from __future__ import annotations

from pathlib import Path as FilePath

import pytest

from fusioncmd import access, radios, subjects, tickets
from fusioncmd.access import Actor
from fusioncmd.api.talkgroups import EndTalkgroup, MakeTalkgroup, Missed, MissedRecording, Talkgroups
from fusioncmd.api.voice import Bursts
from fusioncmd.bus.port import TRUST
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, BadTicket, Conflict, Forbidden, NotFound, Unavailable
from fusioncmd.radios import Ring
from fusioncmd.tickets import Ticket
from fusioncmd.trust.notices import Notices
from fusioncmd.voice import groups
from fusioncmd.voice.bounds import GROUPS_MAX, MISSED_S_MAX
from tests.test_desk import PEOPLE
from tests.test_radio_desk import CITY, KEY, TOWN, Counter
from tests.test_voice_recorded import burst
from tests.worlds import CHIEF
from tiers.recordings import Recordings
from tiers.talkgroups import TalkgroupDesk
from tiers.voice_desk import VoiceDesk


class Room(Counter):
    """`rings`: what gateways of radios were told."""

    def __init__(self) -> None:
        super().__init__()
        self.groups = self.begun()
        self.rings: list[Ring] = []

    def begun(self) -> TalkgroupDesk:
        clock = lambda: self.now_ms / 1_000  # noqa: E731
        return TalkgroupDesk(self.bus, self.roster, self.radios, KEY, self.book, clock, Notices())

    async def listen(self) -> Room:
        await self.bus.hear("fc.radio.ring.>", lambda _, data: self.rings.append(radios.decode(Ring, data)))
        await self.radios.start()
        await self.add("duty-1")
        await self.add("van-1", path="4401")
        await self.bus.say(subjects.RADIO_HERE, radios.encode(radios.Here("radio", ("duty-1", "van-1"), 0)))
        return self

    async def make(self, name: str = "flood", who: Actor = CHIEF, **more: object) -> list[str]:
        question = MakeTalkgroup(name, **({"places": (TOWN,)} | more))  # type: ignore[arg-type]
        access.check(who, question)
        return [line.where for line in (await self.groups.make(question, who)).lines]

    async def restarted(self) -> TalkgroupDesk:
        """The desk of a node that was started anew."""
        desk = self.begun()
        for stored in [s async for s in self.bus.read(TRUST) if s.subject.startswith("fc.trust.talkgroup.")]:
            desk.fold(stored)
        return desk


async def test_members_are_called_into_it_and_it_is_of_the_lowest_place_that_covers_all() -> None:
    room = await Room().listen()
    assert await room.make() == [f"{TOWN}.flood"]
    assert room.rings == [Ring(TOWN, ("duty-1",), f"{TOWN}.flood", CHIEF.name)]
    assert await room.make("both", radios=("van-1",)) == ["4401.both"]
    assert room.rings[-1].accounts == ("duty-1", "van-1") and room.said[-1] == "talkgroup made"
    assert room.groups.of(TOWN, 1) == ("4401.both", f"{TOWN}.flood") and room.groups.of("440105001", 1) == ()
    await room.make("lone", places=(), people=(PEOPLE[0],), place="4401")
    assert room.groups.of("440199001", PEOPLE[0]) == ("4401.lone",) and len(room.rings) == 2  # nobody's radio


async def test_regrouped_calls_who_came_and_ends_calls_of_who_went_and_an_end_ends_all() -> None:
    room = await Room().listen()
    await room.make("flood", places=("440106",), place="4401")
    with pytest.raises(Conflict):
        await room.make("flood", place="4401")
    await room.make("flood", places=(), radios=("van-1",), place="4401", again=True)
    gone, came = room.rings[-2:]
    assert (gone.accounts, gone.end) == (("duty-1",), True) and (came.accounts, came.end) == (("van-1",), False)
    await room.groups.end(EndTalkgroup("4401", "flood"), CHIEF)
    assert (room.rings[-1].accounts, room.rings[-1].end, room.groups.now) == ((), True, ())
    assert room.said[-3:] == ["talkgroup made", "regrouped", "talkgroup ended"]
    with pytest.raises(NotFound):
        await room.groups.end(EndTalkgroup("4401", "flood"), CHIEF)


async def test_it_is_known_after_a_restart_and_over_when_its_time_is() -> None:
    room = await Room().listen()
    await room.make(minutes=10)
    desk = await room.restarted()
    assert [group.where for group in desk.now] == [f"{TOWN}.flood"]
    room.now_ms += 600_000
    assert desk.now == () and len(room.rings) == 1
    await desk.tend()
    assert room.rings[-1].end and room.said[-1] == "talkgroup over"
    await desk.tend()
    assert len(room.rings) == 2 and (await room.restarted()).now == ()
    room.groups = await room.restarted()
    assert await room.make() == [f"{TOWN}.flood"]  # in the slot that it had
    assert len([s async for s in room.bus.read(TRUST) if s.subject.startswith("fc.trust.talkgroup.")]) == 1
    room.now_ms += 720 * 60_000  # it is over, and nobody has tended it
    assert await room.make() == [f"{TOWN}.flood"] and [ring.end for ring in room.rings[-2:]] == [True, False]
    await room.groups.tend()
    assert len(room.groups.now) == 1 and not room.rings[-1].end


async def test_nobody_makes_one_of_others_or_of_nobody_or_of_who_could_not_hear_it() -> None:
    room = await Room().listen()
    for who, more, problem in (
        (CITY, {}, Forbidden), (CITY, {"places": (), "radios": ("duty-1",)}, Forbidden),
        (CITY, {"places": (), "people": (PEOPLE[0],)}, Forbidden), (CHIEF, {"places": ()}, BadInput),
        (CHIEF, {"place": "4419", "places": ("440106",)}, BadInput), (CHIEF, {"places": ("449999",)}, NotFound),
        (CHIEF, {"radios": ("nobody",)}, NotFound),
    ):  # fmt: skip
        with pytest.raises(problem):
            await room.make("x", who, **more)
    county = Actor("county", frozenset({"commander"}), Path("440106"))
    with pytest.raises(Forbidden):  # a radio of the city, which could hear it
        await room.make("x", county, places=("440106",), radios=("van-1",), place="440106")
    assert room.rings == [] and room.groups.now == ()
    await room.make()
    assert (await room.groups.list(Talkgroups(), CITY)).lines == ()
    assert len((await room.groups.list(Talkgroups(), county)).lines) == 1


async def test_there_are_no_more_than_so_many_and_what_no_node_wrote_is_none() -> None:
    room = await Room().listen()
    for n in range(GROUPS_MAX):
        await room.make(f"g{n}")
    with pytest.raises(Unavailable):
        await room.make("more")
    await room.groups.end(EndTalkgroup(TOWN, "g7"), CHIEF)
    await room.make("more")
    forged = groups.pack(room.groups.now[0], bytes(32))
    with pytest.raises(BadInput):
        groups.unpack(forged, KEY)
    with pytest.raises(BadInput):
        groups.unpack(b"noise", KEY)


async def test_who_missed_a_burst_hears_it_later_and_nobody_who_could_not_have(tmp_path: FilePath) -> None:
    room, store = await Room().listen(), Recordings(tmp_path)
    desk = VoiceDesk(room.bus, None, tmp_path, KEY, room.book, lambda: room.now_ms / 1_000)  # type: ignore[arg-type]
    await room.make("flood", place="4401")
    desk.groups_of = room.groups.of
    now_ms, beside = room.now_ms - 5_000, "440105001"
    for n, (place, group) in enumerate((("4401", "main"), (beside, "main"), ("4401", "flood"), ("4401", "other"))):
        store.write(burst(now_ms + n, place, group=group))
    store.write(burst(now_ms - MISSED_S_MAX * 1_000, "4401"))

    def ticket(place: str, number: int = 9) -> bytes:
        return tickets.mint(Ticket(number, place, (), room.now_ms // 1_000 + 60), KEY)

    async def missed(place: str, number: int = 9, where: str = "") -> list[str]:
        reply = await desk.missed(Missed(ticket(place, number), where), None)
        assert reply.groups == (("4401.flood",) if place == TOWN else ())
        return [f"{one.place}.{one.group}" for one in reply.bursts]

    assert await missed(TOWN) == ["4401.flood", "4401.main"]
    assert await missed(TOWN, where="4401") == ["4401.main"] and await missed(TOWN, number=7) == []  # their own
    assert await missed(beside) == [f"{beside}.main", "4401.main"]
    flood, main = (await desk.missed(Missed(ticket(TOWN)), None)).bursts
    heard = await desk.missed_recording(MissedRecording(ticket(TOWN), flood.id), None)
    assert heard.ogg.startswith(b"OggS") and room.book.entries[-1].actor == f"{TOWN} 9"
    with pytest.raises(NotFound):
        await desk.missed_recording(MissedRecording(ticket(beside), flood.id), None)
    with pytest.raises(BadTicket):
        await desk.missed_recording(MissedRecording(b"ticket", main.id), None)
    found = await desk.bursts(Bursts(now_ms, room.now_ms, where="4401.flood"), CHIEF)
    assert [one.group for one in found.bursts] == ["flood"]
