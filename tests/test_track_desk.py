"""The node's counter for positions: who is where, by place, kind, age and distance; put by hand; kept."""

from __future__ import annotations

from pathlib import Path as FilePath

import pytest
from msgspec import structs

from fusioncmd import access
from fusioncmd.access import Actor
from fusioncmd.api import tracks as asked
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, Forbidden, NotFound
from fusioncmd.track import phones
from fusioncmd.track.phones import PhonePosition, Phones
from fusioncmd.track.position import Track, degrees, encode
from tests.test_desk import PEOPLE, Office
from tests.worlds import CHIEF, Notebook
from tiers.tracks import REFUSED_TOLD_MS, TrackDesk

TOWN = "440103001"
CITY = Actor("city", frozenset({"commander"}), Path("4419"))
AT = (23.1291, 113.3644)


class Counter(Office):
    def __init__(self, data: FilePath) -> None:
        super().__init__()
        self.data, self.book = data, Notebook()
        self.tracks = self.again()

    def again(self) -> TrackDesk:
        return TrackDesk(self.bus, self.desk, self.data, self.book, lambda: self.now_ms / 1000)

    async def say(self, unit: str = "drone-1", node: str = TOWN, **more: object) -> Track:
        track = Track(node, unit, "drone", unit, *degrees(*AT), self.now_ms, "mavlink", battery=80)
        track = structs.replace(track, **more)
        await self.bus.say(f"fc.track.{track.address}", encode(track))
        return track

    async def ask(self, who: Actor = CHIEF, **more: object) -> asked.TracksReply:
        question = asked.Tracks(**more)  # type: ignore[arg-type]
        access.check(who, question)
        return await self.tracks.tracks(question, who)

    async def units(self, **more: object) -> list[str]:
        return [line.unit for line in (await self.ask(CHIEF, **more)).lines]


async def test_units_are_found_by_place_kind_age_and_distance(tmp_path: FilePath) -> None:
    counter = Counter(tmp_path)
    await counter.tracks.start()
    await counter.say()
    counter.now_ms += 60_000
    await counter.say("car-1", kind="vehicle", lat_e7=231_391_000)  # 1.1 km north
    await counter.say("car-2", "4419", kind="vehicle")
    assert await counter.units() == ["car-1", "drone-1", "car-2"]
    assert await counter.units(node="4401") == ["car-1", "drone-1"] and await counter.units(kinds=("drone",)) == [
        "drone-1"
    ]
    assert await counter.units(age_s=30) == ["car-1", "car-2"]
    assert await counter.units(near=AT, within_m=1_000) == ["drone-1", "car-2"]
    first = await counter.ask(limit=2)
    assert (first.total, first.next) == (3, "44.01.03.001.drone-1")
    assert [line.unit for line in (await counter.ask(after=first.next)).lines] == ["car-2"]
    assert [line.unit for line in (await counter.ask(CITY)).lines] == ["car-2"]
    with pytest.raises(Forbidden):
        await counter.ask(CITY, node="4401")


async def test_who_looks_again_is_told_what_is_new_and_what_is_gone(tmp_path: FilePath) -> None:
    counter = Counter(tmp_path)
    await counter.tracks.start()
    await counter.say()
    await counter.say("drone-2")
    seen = await counter.ask()
    assert seen.whole and (await counter.ask(since=seen.edition)).lines == ()
    counter.now_ms += 1_000
    await counter.say("drone-2", battery=79)
    await counter.say(over=True)
    new = await counter.ask(since=seen.edition)
    assert not new.whole and [line.battery for line in new.lines] == [79] and new.gone == ("44.01.03.001.drone-1",)
    assert (await counter.ask(since=seen.edition + 10_000)).whole, "of a node that was started anew"


async def test_the_last_of_each_unit_is_there_after_a_restart(tmp_path: FilePath) -> None:
    counter = Counter(tmp_path)
    await counter.tracks.start()
    await counter.say()
    await counter.tracks.tend()
    counter.now_ms += 5_000
    counter.tracks = counter.again()
    [line] = (await counter.ask()).lines
    assert (line.unit, line.heard_ms, line.battery) == ("drone-1", counter.now_ms - 5_000, 80)
    (tmp_path / "tracks").write_bytes(b"\xc1 torn")
    assert counter.again().units.tracks() == []


async def test_what_is_put_by_hand_is_in_the_audit_first_and_goes_by_hand(tmp_path: FilePath) -> None:
    counter = Counter(tmp_path)
    line = await counter.tracks.put(asked.PutTrack("kit-1", *AT, TOWN, "kit", "便携站"), CHIEF)
    assert (line.title, line.source, line.lat) == ("便携站", "manual", AT[0])
    for question, problem in (
        (asked.PutTrack("kit-1", 0.0, 0.0, TOWN), BadInput), (asked.PutTrack("kit-1", *AT, "4501"), NotFound),
        (asked.PutTrack("kit-1", *AT, "449999999"), NotFound),
    ):  # fmt: skip
        with pytest.raises(problem):
            await counter.tracks.put(question, CHIEF)
    with pytest.raises(Forbidden):
        await counter.tracks.end(asked.EndTrack(line.address), CITY)
    counter.now_ms += 1
    await counter.tracks.end(asked.EndTrack("440103001.kit-1"), CHIEF)
    with pytest.raises(NotFound):
        await counter.tracks.end(asked.EndTrack(line.address), CHIEF)
    assert [(entry.deed, entry.about, entry.details["what"]) for entry in counter.book.entries] == [
        ("track", line.address, "put at 23.12910, 113.36440"), ("track", line.address, "ended"),
    ]  # fmt: skip


async def test_phones_have_a_name_a_place_and_nothing_that_the_gateway_made_up(tmp_path: FilePath) -> None:
    counter = Counter(tmp_path)
    await counter.tracks.start()
    one = PhonePosition(PEOPLE[0], *degrees(*AT), counter.now_ms, 12, 55)
    said = phones.encode(Phones("responder-1", (one, structs.replace(one, number=1 << 31))))
    await counter.bus.say(phones.subject("responder-1"), said)
    [line] = (await counter.ask()).lines
    person = counter.roster.person(PEOPLE[0])
    assert (line.node, line.title, line.kind, line.source) == (person.place, person.name, "person", "phone")
    assert (line.accuracy_m, line.battery, line.unit) == (12, 55, phones.unit_of(PEOPLE[0]))
    assert counter.tracks.units.refused == 1
    [(en, zh)] = counter.tracks.problems()
    assert en.startswith("1 positions were refused") and zh.startswith("已拒收 1 条")
    counter.now_ms += REFUSED_TOLD_MS
    assert [*counter.tracks.problems()] == []
