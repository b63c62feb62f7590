"""Receipts on their way to disk: in messages that fit, as often as it takes, and confirmed only then."""

from __future__ import annotations

import asyncio

import pytest
from pyroaring import BitMap

from fusioncmd import limits, messages
from fusioncmd.bus.port import RECEIPT
from fusioncmd.errors import BusDown, StorageFull, Unavailable
from fusioncmd.messages import ANSWERED, RECEIVED, SENT, Receipts
from gateways.responder import publisher
from gateways.responder.gather import MARKS_PER_BATCH_MAX, Batch, Gather, Key, marks
from gateways.responder.publisher import Publisher
from tests.terminals import HeldBus
from tests.worlds import make_id


class Desk:
    """A publisher on a bus that can be held, and what it said was stored."""

    def __init__(self) -> None:
        self.bus = HeldBus()
        self.confirmed: list[Batch] = []
        self.publisher = Publisher(self.bus, "gw", self.confirmed.append)

    def gather(self, order: int, *numbers: int) -> None:
        for number in numbers:
            self.publisher.gather.add(make_id(order), RECEIVED, None, number)

    async def on_disk(self) -> list[tuple[int, list[int]]]:
        batches = [messages.decode(Receipts, stored.data) async for stored in self.bus.read(RECEIPT)]
        marks = [mark for batch in batches for mark in batch.marks]
        return [(int.from_bytes(mark.order[6:], "big"), list(BitMap.deserialize(mark.numbers))) for mark in marks]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GATHER_MS_MAX", 1)
    monkeypatch.setattr(publisher, "RETRY_S_MIN", 0.001)


async def test_what_is_gathered_within_a_moment_is_one_message() -> None:
    desk = Desk()
    for number in range(5):
        desk.gather(1, number)
        desk.publisher.wake()
    await asyncio.sleep(0.02)
    assert await desk.on_disk() == [(1, [0, 1, 2, 3, 4])]
    assert len(desk.confirmed) == 1


@pytest.mark.parametrize("problem", [BusDown, StorageFull, Unavailable])
async def test_a_batch_is_stored_until_it_is_stored(problem: type[Unavailable]) -> None:
    desk = Desk()
    desk.bus.fail = [problem("No.", "否。") for _ in range(5)]
    desk.gather(1, 7)
    desk.publisher.wake()
    while desk.bus.fail:
        assert desk.confirmed == []
        await asyncio.sleep(0.001)
    assert desk.publisher.failing
    await desk.publisher.drain(1)
    assert await desk.on_disk() == [(1, [7])]
    assert (len(desk.confirmed), desk.publisher.failures, desk.publisher.failing) == (1, 5, False)


async def test_a_drain_stores_all_that_was_gathered_however_much_it_is() -> None:
    desk = Desk()
    orders = range(MARKS_PER_BATCH_MAX * 3 + 1)
    for order in orders:
        desk.gather(order, order)
    await desk.publisher.drain(5)
    assert sorted(await desk.on_disk()) == [(order, [order]) for order in orders]
    assert not desk.publisher.gather


async def test_a_drain_also_waits_for_what_is_said_while_it_drains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RECEIPTS_IN_FLIGHT_MAX", 1)
    desk = Desk()
    desk.bus.gate.clear()
    desk.gather(1, 1)
    desk.publisher.wake()
    await asyncio.sleep(0.01)
    draining = asyncio.create_task(desk.publisher.drain(5))
    await asyncio.sleep(0)
    desk.gather(2, 2)
    desk.bus.gate.set()
    await draining
    assert await desk.on_disk() == [(1, [1]), (2, [2])]


async def test_a_drain_gives_up_in_time_and_confirms_nothing_that_is_not_stored() -> None:
    desk = Desk()
    desk.bus.gate.clear()
    desk.gather(1, 1)
    await desk.publisher.drain(0.02)
    desk.bus.gate.set()
    await asyncio.sleep(0.01)
    assert (desk.confirmed, await desk.on_disk()) == ([], [])


async def test_a_long_outage_ends_in_messages_that_fit() -> None:
    """Half a million people in scattered slots are a megabyte a mark: an outage gathers more than one message holds."""
    desk = Desk()
    numbers = BitMap(range(0, 1_700 << 16, 200))
    keys: list[Key] = [(make_id(order), stage, None) for order in (1, 2) for stage in (SENT, RECEIVED)]
    keys += [(make_id(order), ANSWERED, answer) for order in (1, 2) for answer in (0, 1)]
    for order, stage, answer in keys:
        desk.publisher.gather.add(order, stage, answer, 0)
        desk.publisher.gather._open[order, stage, answer] |= numbers
    await desk.publisher.drain(10)
    found = set()
    async for stored in desk.bus.read(RECEIPT):
        for mark in messages.decode(Receipts, stored.data).marks:
            assert BitMap.deserialize(mark.numbers) == numbers
            found.add((mark.order, mark.stage, mark.answer))
    assert found == set(keys)
    assert {key for batch in desk.confirmed for key in batch} == found


def test_a_batch_is_never_empty_while_something_is_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RECEIPTS_BYTES_MAX", 1)
    gather = Gather()
    for order in range(3):
        gather.add(make_id(order), SENT, None, order)
    taken = [len(marks(gather.take())) for _ in range(3)]
    assert (taken, bool(gather)) == ([1, 1, 1], False)
