"""Pictures of reports: stored part by part, bounded per person, and read again as the file that was sent."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from fusioncmd import api, limits, subjects
from fusioncmd.access import Actor
from fusioncmd.bus.memory import MemoryBus, _Stream
from fusioncmd.bus.port import PICTURE, StreamSpec
from fusioncmd.codes import Path
from fusioncmd.errors import NotFound, StorageFull
from fusioncmd.messages import PicturePart, Report, decode, encode
from tests.terminals import REFUSED, STORED, VILLAGE, Terminal, World, a_world
from tests.terminals import REPORT as SEND_REPORT
from tests.test_desk import PEOPLE, TABLE, Office
from tests.test_gateway_up import reports_on_disk
from tests.test_ledger import ALERT
from tests.worlds import CHIEF, NOW_MS, make_id, make_order
from tiers.pictures import picture_of

SEND_PICTURE, PART_STORED = 9, 23
JPEG = b"\xff\xd8\xff" + os.urandom(40_000)
SIZE = limits.PICTURE_PART_BYTES_MAX
TOWN = Path(VILLAGE[:9])
PARTS = [JPEG[at : at + SIZE] for at in range(0, len(JPEG), SIZE)]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        yield world


async def send(terminal: Terminal, order: bytes, report: bytes, parts: list[bytes]) -> None:
    for n, data in enumerate(parts):
        terminal.say(SEND_PICTURE, order, report, n, data)
        assert await terminal.hear() == [PART_STORED, order, report, n]


async def test_a_picture_is_on_disk_before_its_report_and_read_as_it_was_sent(world: World) -> None:
    order = await world.issue(make_order(1), 1)
    terminal = await world.enter(1, order)
    await send(terminal, order.id, make_id(7), PARTS)
    await send(terminal, order.id, make_id(7), PARTS[:1])  # again, after a lost reply
    terminal.say(SEND_REPORT, order.id, make_id(7), "", None, None, len(PARTS))
    assert await terminal.hear() == [STORED, order.id, make_id(7)]
    (report,) = await reports_on_disk(world)
    assert report.parts == len(PARTS) == 3
    assert await picture_of(world.bus, report, TOWN) == JPEG
    assert (await world.bus.edge(PICTURE)).last == 4


async def test_what_is_no_picture_or_too_large_or_for_somebody_else_is_not_stored(world: World) -> None:
    order, theirs = await world.issue(make_order(1), 1), await world.issue(make_order(2), 2)
    terminal = await world.enter(1, order)
    terminal.say(SEND_PICTURE, order.id, make_id(7), 0, b"<svg onload=alert(1)>")
    code, reason, about, sentence, report = await terminal.hear()
    assert (code, reason, about, report) == (REFUSED, "not_a_picture", order.id, make_id(7)) and "JPEG" in sentence
    terminal.say(SEND_PICTURE, theirs.id, make_id(7), 0, JPEG[:9])
    assert (await terminal.hear())[:2] == [REFUSED, "not_for_you"]
    terminal.say(SEND_PICTURE, order.id, make_id(7), 0, JPEG[: SIZE + 1])
    assert (await terminal.closing())[0] == 4101
    terminal = await world.enter(1, order)
    terminal.say(SEND_PICTURE, order.id, make_id(7), limits.PICTURE_PARTS_MAX, b"x")
    assert (await terminal.closing())[0] == 4101
    assert (await world.bus.edge(PICTURE)).last == 0


async def test_each_person_has_a_pace_of_their_own_and_words_have_another(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PICTURE_PARTS_BURST_MAX", 2)
    order = await world.issue(make_order(1), 1, 2)
    flooder, other = await world.enter(1, order), await world.enter(2, order)
    await send(flooder, order.id, make_id(7), PARTS[:2])
    flooder.say(SEND_PICTURE, order.id, make_id(7), 2, PARTS[2])
    assert (await flooder.hear())[:2] == [REFUSED, "busy"]
    flooder.say(SEND_REPORT, order.id, make_id(8), "The dyke holds.")
    assert await flooder.hear() == [STORED, order.id, make_id(8)]
    await send(other, order.id, make_id(9), PARTS[:2])
    world.now_s += limits.PICTURE_PART_EVERY_S
    flooder.say(SEND_PICTURE, order.id, make_id(7), 2, PARTS[2])
    assert await flooder.hear() == [PART_STORED, order.id, make_id(7), 2]


async def test_a_picture_of_which_a_part_is_gone_or_of_another_order_is_said_not_to_be_there() -> None:
    bus = MemoryBus()
    report = Report(make_id(7), make_id(1), 42, NOW_MS, "", None, None, 2)
    for order in (make_id(2), make_id(1)):
        with pytest.raises(NotFound, match="not kept"):
            await picture_of(bus, report, TOWN)

        part = PicturePart(report.id, order, 42, 0, JPEG[:9])
        await bus.store(f"fc.picture.44.01.06.001.0000002a.{report.id.hex()}.0", encode(part))
    with pytest.raises(NotFound, match="not kept"):
        await picture_of(bus, report, TOWN)
    with pytest.raises(NotFound, match="no picture"):
        await picture_of(bus, Report(make_id(7), make_id(1), 42, NOW_MS, "", None, None), TOWN)
    stored = await bus.last(f"fc.picture.44.01.06.001.0000002a.{report.id.hex()}.0")
    assert stored is not None and decode(PicturePart, stored.data).order == make_id(1)


def test_when_there_is_no_room_the_oldest_pictures_go_and_no_other_stream_sheds() -> None:
    assert PICTURE.sheds and PICTURE.per_subject_max == 1
    for sheds in (True, False):
        stream = _Stream(StreamSpec("X", ("x.>",), 250, sheds=sheds))
        stream.add("x.1", bytes(90), 0)
        stream.add("x.2", bytes(90), 0)
        if sheds:
            stream.add("x.3", bytes(90), 0)
            assert [one.subject for one in stream.kept.values()] == ["x.2", "x.3"]
        else:
            with pytest.raises(StorageFull):
                stream.add("x.3", bytes(90), 0)


async def test_a_picture_is_told_to_whom_its_report_is_told_and_to_nobody_else() -> None:
    office = Office().issued(ALERT)
    number = PEOPLE[0]
    town = Path(TABLE.towns[number >> 16])
    report = Report(make_id(7), ALERT.id, number, NOW_MS, "", None, None, 1)
    office.ledger.accounts[ALERT.id].reports[report.id] = report
    part = PicturePart(report.id, ALERT.id, number, 0, JPEG[:9])
    await office.bus.store(subjects.picture_part(town, number, report.id, 0), encode(part))
    office.leave(number)  # who left the roster has written it all the same
    asked = api.Picture(ALERT.id, report.id)
    here, elsewhere = (Actor("chen", frozenset({"commander"}), Path(code)) for code in (town.code[:6], "440106"))
    for who in (CHIEF, here):
        assert (await office.desk.picture(asked, who)).data == JPEG[:9]
    assert not town.code.startswith("440106")
    with pytest.raises(NotFound):
        await office.desk.picture(asked, elsewhere)
    with pytest.raises(NotFound):
        await office.desk.picture(api.Picture(ALERT.id, make_id(8)), CHIEF)
