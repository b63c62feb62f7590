"""What comes up from the terminals: nothing is called counted or stored before it is, and nothing said is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from fusioncmd import limits, messages
from fusioncmd.bus.port import RECEIPT, REPORT
from fusioncmd.errors import BusDown, StorageFull
from fusioncmd.messages import Receipts, Report
from gateways.responder import publisher
from tests.terminals import (
    ANSWER,
    COUNTED,
    RECEIVED,
    REFUSED,
    STORED,
    VILLAGE,
    World,
    a_world,
    delivery,
)
from tests.terminals import REPORT as SEND_REPORT
from tests.worlds import NOW_MS, make_id, make_order

DOWN = BusDown("No answer.", "无应答。")
FULL = StorageFull("Full.", "已满。")


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(limits, "GATHER_MS_MAX", 1)
    monkeypatch.setattr(publisher, "RETRY_S_MIN", 0.01)
    async with a_world() as world:
        yield world


async def reports_on_disk(world: World) -> list[Report]:
    return [messages.decode(Report, stored.data) async for stored in world.bus.read(REPORT)]


async def test_an_answer_is_counted_when_it_is_on_disk_and_not_before(world: World) -> None:
    terminal = await world.enter(1)
    order = await world.issue(make_order(1), 1)
    assert await terminal.hear() == delivery(order)
    world.bus.gate.clear()
    terminal.say(ANSWER, order.id, 1)
    for _ in range(10):
        await asyncio.sleep(0.002)
        assert await terminal.hears_nothing_more()
    assert not (await world.marks(order)).answers[1]
    world.bus.gate.set()
    assert await terminal.hear() == [COUNTED, order.id, 1]
    assert list((await world.marks(order)).answers[1]) == [1]


async def test_a_store_that_fails_is_tried_again_and_confirmed_once_it_succeeds(world: World) -> None:
    terminal = await world.enter(1)
    order = await world.issue(make_order(1), 1)
    assert await terminal.hear() == delivery(order)
    await world.settled()
    world.bus.fail = [FULL, DOWN, FULL]
    terminal.say(ANSWER, order.id, 0)
    assert await terminal.hear() == [COUNTED, order.id, 0]
    assert (world.gateway.publisher.failures, world.bus.fail) == (3, [])
    assert list((await world.marks(order)).answers[0]) == [1]


async def test_an_outage_loses_nothing_and_keeps_few_stores_in_flight(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RECEIPTS_IN_FLIGHT_MAX", 2)
    people = range(40)
    order = await world.issue(make_order(1), *people)
    terminals = [await world.enter(n, order) for n in people]
    await world.settled()
    batches = len([stored async for stored in world.bus.read(RECEIPT)])
    world.bus.gate.clear()
    for n, terminal in enumerate(terminals):
        terminal.say(ANSWER, order.id, n % 2)
        assert await terminal.hears_nothing_more()
        await asyncio.sleep(0.002)
    world.bus.gate.set()
    for n, terminal in enumerate(terminals):
        assert await terminal.hear() == [COUNTED, order.id, n % 2]
    marks = await world.marks(order)
    assert [list(given) for given in marks.answers[:2]] == [list(people)[::2], list(people)[1::2]]
    assert len([stored async for stored in world.bus.read(RECEIPT)]) - batches <= 3


async def test_who_connects_again_before_the_answer_is_on_disk_hears_it_there(world: World) -> None:
    order = await world.issue(make_order(1), 1)
    before = await world.enter(1, order)
    world.bus.gate.clear()
    before.say(ANSWER, order.id, 1)
    assert await before.hears_nothing_more()
    before.leave()
    after = await world.enter(1, order)
    assert await after.hears_nothing_more()
    world.bus.gate.set()
    assert await after.hear() == [COUNTED, order.id, 1]


async def test_an_answer_that_is_said_again_is_confirmed_again_and_counts_once(world: World) -> None:
    order = await world.issue(make_order(1), 1)
    terminal = await world.enter(1, order)
    for _ in range(3):
        terminal.say(ANSWER, order.id, 1)
        assert await terminal.hear() == [COUNTED, order.id, 1]
    assert list((await world.marks(order)).answers[1]) == [1]


async def test_what_a_device_received_is_evidence_without_an_answer(world: World) -> None:
    order = await world.issue(make_order(1), 1)
    terminal = await world.enter(1)
    terminal.say(RECEIVED, order.id)
    assert [await terminal.hear(), await terminal.hears_nothing_more()] == [delivery(order), True]
    await world.settled()
    marks = await world.marks(order)
    assert [list(marks.sent), list(marks.received), list(marks.answers[0])] == [[1], [1], []]
    async for stored in world.bus.read(RECEIPT):
        assert messages.decode(Receipts, stored.data).gateway == "gw"


async def test_an_answer_to_what_was_replaced_or_cancelled_meanwhile_counts(world: World) -> None:
    alert = await world.issue(make_order(1), 1)
    terminal = await world.enter(1)
    update = await world.issue(make_order(2, msg_type="update", refs=alert.id))
    await world.issue(make_order(3, msg_type="cancel", refs=update.id, answers=()))
    for _ in range(3):
        await terminal.hear()
    terminal.say(ANSWER, alert.id, 0)
    assert await terminal.hear() == [COUNTED, alert.id, 0]
    terminal.say(ANSWER, update.id, 1)
    assert await terminal.hear() == [COUNTED, update.id, 1]


async def test_an_answer_after_the_order_expired_is_refused_and_not_counted(world: World) -> None:
    order = await world.issue(make_order(1, open_s=700), 1)
    terminal = await world.enter(1, order)
    world.now_s += 700
    terminal.say(ANSWER, order.id, 0)
    code, refusal, about, sentence, report = await terminal.hear()
    assert (code, refusal, about, report) == (REFUSED, "expired", order.id, None)
    assert "expired" in sentence
    terminal.say(RECEIVED, order.id)
    assert await terminal.hears_nothing_more()
    await world.settled()
    assert not (await world.marks(order)).answers[0]


async def test_a_report_is_on_disk_when_the_terminal_is_told_so(world: World) -> None:
    order = await world.issue(make_order(1), 1)
    terminal = await world.enter(1, order)
    world.bus.gate.clear()
    terminal.say(SEND_REPORT, order.id, make_id(7), "Bridge is out. 桥断。", 23.1, 113.3)
    assert await terminal.hears_nothing_more()
    world.bus.gate.set()
    assert await terminal.hear() == [STORED, order.id, make_id(7)]
    (report,) = await reports_on_disk(world)
    assert report == Report(make_id(7), order.id, 1, NOW_MS, "Bridge is out. 桥断。", 23.1, 113.3)
    last = await world.bus.last("fc.report." + ".".join(("44", "01", "06", VILLAGE[6:9])))
    assert last is not None


async def test_the_longest_report_fits(world: World) -> None:
    order = await world.issue(make_order(1), (1 << 32) - 1)
    terminal = await world.enter((1 << 32) - 1, order)
    terminal.say(SEND_REPORT, order.id, make_id(7), "🚁" * limits.REPORT_CHARS_MAX, -89.123456789, -179.123456789)
    assert await terminal.hear() == [STORED, order.id, make_id(7)]


async def test_a_report_that_cannot_be_stored_is_given_back(world: World) -> None:
    order = await world.issue(make_order(1), 1)
    terminal = await world.enter(1, order)
    await world.settled()
    world.bus.fail = [FULL]
    terminal.say(SEND_REPORT, order.id, make_id(7), "Bridge is out.")
    code, refusal, about, sentence, report = await terminal.hear()
    assert (code, refusal, about, report) == (REFUSED, "not_stored", order.id, make_id(7))
    assert "send it again" in sentence
    assert await reports_on_disk(world) == []
    terminal.say(SEND_REPORT, order.id, make_id(7), "Bridge is out.")
    assert await terminal.hear() == [STORED, order.id, make_id(7)]


async def test_too_many_reports_at_once_are_refused_as_busy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REPORTS_IN_FLIGHT_MAX", 2)
    order = await world.issue(make_order(1), 1, 2)
    flooder, other = await world.enter(1, order), await world.enter(2, order)
    world.bus.gate.clear()
    for n in (1, 2, 3):
        flooder.say(SEND_REPORT, order.id, make_id(n), "x")
    code, refusal, about, sentence, report = await flooder.hear()
    assert (code, refusal, about, "again" in sentence, report) == (REFUSED, "busy", order.id, True, make_id(3))
    assert await other.hears_nothing_more()
    world.bus.gate.set()
    assert [await flooder.hear(), await flooder.hear()] == [[STORED, order.id, make_id(n)] for n in (1, 2)]
    other.say(SEND_REPORT, order.id, make_id(4), "y")
    assert await other.hear() == [STORED, order.id, make_id(4)]


async def test_a_report_sent_again_after_a_lost_connection_keeps_its_id(world: World) -> None:
    order = await world.issue(make_order(1), 1)
    before = await world.enter(1, order)
    before.say(SEND_REPORT, order.id, make_id(7), "Bridge is out.")
    await before.hears_nothing_more()
    before.leave()
    after = await world.enter(1, order)
    after.say(SEND_REPORT, order.id, make_id(7), "Bridge is out.")
    assert await after.hear() == [STORED, order.id, make_id(7)]
    assert {report.id for report in await reports_on_disk(world)} == {make_id(7)}


async def test_what_is_said_of_an_order_that_is_still_on_its_way_counts_when_it_comes(world: World) -> None:
    """The phone had it from another gateway, which read the stream sooner."""
    order = make_order(1)
    early, silent = await world.enter(1, order), await world.enter(2)
    early.say(ANSWER, order.id, 1)
    early.say(ANSWER, order.id, 7)
    assert await early.hears_nothing_more()
    early.say(SEND_REPORT, order.id, make_id(7), "Bridge is out.")
    assert (await early.hear())[:3] == [REFUSED, "busy", order.id]
    await world.issue(order, 1, 2)
    assert await silent.hear() == delivery(order)
    await world.settled()
    assert await early.hear() == [COUNTED, order.id, 1]
    marks = await world.marks(order)
    assert (list(marks.answers[1]), list(marks.answers[7]), list(marks.received)) == ([1], [], [1])
    assert await early.hears_nothing_more()


async def test_what_outsiders_say_of_an_order_on_its_way_is_not_taken(world: World) -> None:
    order = make_order(1)
    outsider = await world.enter(9, order)
    outsider.say(ANSWER, order.id, 1)
    assert await outsider.hears_nothing_more()
    await world.issue(order, 1)
    await world.settled()
    assert not any((await world.marks(order)).rungs())
    assert await outsider.hears_nothing_more()
