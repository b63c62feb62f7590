"""The node's counter for cameras over the memory bus: added, replaced, removed, told how they are, and by whom."""

from __future__ import annotations

import pytest

from fusioncmd import access, cameras, subjects
from fusioncmd.access import Actor
from fusioncmd.api import cameras as asked
from fusioncmd.bus.port import TRUST, Stored
from fusioncmd.cameras import Camera, Here, State
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, BusDown, Conflict, Forbidden, NotFound, Problem, Unavailable
from fusioncmd.trust.notices import Notices
from tests.test_desk import Office
from tests.worlds import CHIEF, Notebook
from tiers.cameras import CameraDesk

KEY = bytes(range(32))
TOWN = "440106001"
URL = "rtsp://admin:Geheim9@192.0.2.5/Streaming/Channels/101"
CITY = Actor("city", frozenset({"commander", "administrator"}), Path("4419"))


class Counter(Office):
    """`gateway` says that it is there, with two ports."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Notebook()
        self.cameras = self.again()

    def again(self) -> CameraDesk:
        return CameraDesk(self.bus, self.roster, KEY, self.book, lambda: self.now_ms / 1000, Notices())

    async def add(self, name: str = "gate-1", who: Actor = CHIEF, **more: object) -> asked.CamerasReply:
        given = {"path": TOWN} | ({} if "push" in more else {"url": URL}) | more
        question = asked.AddCamera(name, **given)  # type: ignore[arg-type]
        access.check(who, question)
        return await self.cameras.add(question, who)

    async def gateway(self, *states: State) -> None:
        await self.bus.say(subjects.CAMERAS_HERE, cameras.encode(Here("camera", "192.0.2.1", (8_710, 2), states)))

    async def kept(self) -> list[Camera]:
        return [cameras.unpack(s.data, KEY, s.subject) async for s in self.bus.read(TRUST)]

    async def lines(self, who: Actor = CHIEF) -> tuple[asked.CameraLine, ...]:
        return (await self.cameras.list(asked.Cameras(), who)).lines


async def test_a_camera_is_added_and_removed_and_its_password_is_nowhere_but_locked() -> None:
    counter = Counter()
    reply = await counter.add(title="东门", where=(23.1, 113.3))
    [line] = reply.lines
    assert (line.path, line.title, line.at, line.where) == (TOWN, "东门", "rtsp://192.0.2.5:554/…", (23.1, 113.3))
    assert (await counter.kept())[0].url == "rtsp://admin:Geheim9@192.0.2.5:554/Streaming/Channels/101"
    assert not reply.gateway and line.state == ""
    await counter.cameras.remove(asked.RemoveCamera("gate-1"), CHIEF)
    assert await counter.lines() == () and (await counter.kept())[-1].url == ""
    shown = repr((counter.book.entries, reply, [s.data async for s in counter.bus.read(TRUST)]))
    assert "Geheim9" not in shown and "admin" not in shown.replace("administrator", "")
    assert [entry.details for entry in counter.book.entries] == [
        {"what": "added", "path": TOWN, "at": "rtsp://192.0.2.5:554/…"}, {"what": "removed", "path": TOWN},
    ]  # fmt: skip


async def test_one_of_that_name_is_not_replaced_unless_it_is_meant() -> None:
    counter = Counter()
    await counter.add()
    with pytest.raises(Conflict):
        await counter.add(url="rtsp://192.0.2.6/")
    await counter.add(url="rtsp://192.0.2.6/", again=True)
    assert (await counter.lines())[0].at == "rtsp://192.0.2.6:554"


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"url": ""}, BadInput), ({"push": "rtmp", "url": URL}, BadInput), ({"url": "file:///etc/passwd"}, BadInput),
        ({"name": "shown"}, BadInput), ({"name": "p0000002a"}, BadInput), ({"name": "c-0"}, BadInput),
        ({"path": "440199"}, NotFound), ({"push": "rtmp"}, Unavailable), ({"who": CITY}, Forbidden),
        ({"who": Actor("w", frozenset({"auditor"}), Path("44"))}, Forbidden),
        ({"who": Actor("d", frozenset({"duty_officer"}), Path("44"))}, Forbidden),
    ],
)  # fmt: skip
async def test_what_is_none_is_refused_and_nothing_is_kept(more: dict[str, object], problem: type[Problem]) -> None:
    counter = Counter()
    await counter.cameras.start()
    with pytest.raises(problem):
        await counter.add(**more)  # type: ignore[arg-type]
    assert await counter.kept() == [] and counter.book.entries == []


async def test_a_commander_has_the_cameras_of_their_place_alone() -> None:
    counter = Counter()
    await counter.add()
    for more in ({"again": True, "path": "4419"}, {"again": True}):
        with pytest.raises(Forbidden):
            await counter.add(who=CITY, **more)
    with pytest.raises(Forbidden):
        await counter.cameras.remove(asked.RemoveCamera("gate-1"), CITY)
    assert await counter.lines(CITY) == ()


async def test_a_drone_is_told_where_to_push_once_and_ports_are_not_shared() -> None:
    counter = Counter()
    await counter.cameras.start()
    await counter.gateway()
    one, two = await counter.add("drone-1", push="rtmp"), await counter.add("drone-2", push="srt")
    assert one.push_to.startswith("rtmp://192.0.2.1:8710/live/") and len(one.push_to.rpartition("/")[2]) == 24
    assert two.push_to.startswith("srt://192.0.2.1:8711?mode=caller&passphrase=")
    with pytest.raises(Conflict):
        await counter.add("drone-3", push="rtmp")
    again = await counter.add("drone-1", push="rtmp", again=True)
    assert ":8710/" in again.push_to and again.push_to != one.push_to  # another key at the same port
    shown = repr((await counter.lines(), counter.book.entries))
    assert one.push_to.rpartition("/")[2] not in shown and "rtmp :8710" in shown
    await counter.cameras.remove(asked.RemoveCamera("drone-1"), CHIEF)
    assert ":8710/" in (await counter.add("drone-3", push="rtmp")).push_to


async def test_how_a_camera_is_is_what_its_gateway_said_last() -> None:
    counter = Counter()
    await counter.cameras.start()
    await counter.add()
    await counter.gateway(State("gate-1", "waiting", 7, ("It is off.", "已关机。"), ("", ""), 640, 480, 9))
    await counter.bus.say(subjects.CAMERAS_HERE, b"nonsense")
    [line] = await counter.lines()
    assert (line.state, line.trouble_en, line.trouble_zh, line.width) == ("waiting", "It is off.", "已关机。", 640)
    counter.now_ms += int(cameras.HERE_S * 1_000) + 1
    reply = await counter.cameras.list(asked.Cameras(), CHIEF)
    assert not reply.gateway and reply.lines[0].state == ""


async def test_nothing_holds_that_is_not_in_the_audit() -> None:
    counter = Counter()
    counter.book.problem = BusDown("The disk is full.", "磁盘已满。")
    with pytest.raises(BusDown):
        await counter.add()
    assert await counter.kept() == []


async def test_what_no_node_wrote_is_no_camera() -> None:
    counter = Counter()
    await counter.add()
    [stored] = [s async for s in counter.bus.read(TRUST)]
    forged = cameras.pack((await counter.kept())[0], b"k" * 32, subjects.camera("gate-1"), bytes(12))
    moved = Stored(subjects.camera("other"), stored.data, 9)
    for bad in (Stored(stored.subject, forged, 8), moved, Stored(stored.subject, b"", 7)):
        with pytest.raises(BadInput):
            counter.again().fold(bad)
    anew = counter.again()  # and a node that starts again knows those that are
    anew.fold(stored)
    assert [one.name for one in (await anew.list(asked.Cameras(), CHIEF)).lines] == ["gate-1"]


async def test_a_node_has_as_many_as_its_gateway_takes() -> None:
    counter = Counter()
    for n in range(cameras.CAMERAS_MAX):
        await counter.add(f"gate-{n}")
    with pytest.raises(BadInput):
        await counter.add("one-more")
    first = await counter.cameras.list(asked.Cameras(limit=40), CHIEF)
    rest = await counter.cameras.list(asked.Cameras(after=first.next or ""), CHIEF)
    assert len(first.lines) + len(rest.lines) == cameras.CAMERAS_MAX and rest.next is None
    await counter.cameras.remove(asked.RemoveCamera("gate-0"), CHIEF)
    await counter.add("one-more")
