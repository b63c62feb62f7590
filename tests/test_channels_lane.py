"""A lane: nothing is taken twice or without room, what may be tried again is, and the node hears of every outcome.

The same promises for the sender in memory and for the one by SMPP.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from fusioncmd import subjects
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.ladder import bounds
from fusioncmd.ladder.config import Sms
from fusioncmd.ladder.wire import Heard, Notice, Outcomes, Taken, Target, decode, encode
from gateways.channels import lane as lanes
from gateways.channels.errand import Result, Sender
from gateways.channels.lane import Lane
from gateways.channels.memory import MemorySender
from gateways.channels.smpp import SmppSender
from gateways.channels.telling import Telling
from tests.smsc import Smsc
from tests.worlds import make_id


class Node:
    """What a lane has of a node: it gives work, and hears outcomes."""

    def __init__(self) -> None:
        self.bus, self.heard = MemoryBus(), []  # type: ignore[var-annotated]
        self.deaf = False
        self.work = 0

    async def take(self, data: bytes) -> bytes:
        if self.deaf:
            return encode(Heard(False, "again"))
        said = decode(Outcomes, data)
        assert said.channel == "sms"
        self.heard += [(said.outcome, number) for number in said.numbers]
        return encode(Heard(True))

    async def give(self, run: bytes, *numbers: int, work: int | None = None) -> Taken:
        self.work += 1
        targets = tuple(Target(n, f"1380000{n:04}") for n in numbers)
        ident = (self.work if work is None else work).to_bytes(16, "big")
        notice = Notice(ident, run, make_id(), 0, "exercise", "x", ("a",), 600, targets)
        return decode(Taken, await self.bus.ask(subjects.notify("sms"), encode(notice), 1))

    async def until(self, count: int) -> set[tuple[str, int]]:
        async with asyncio.timeout(10):
            while len(self.heard) < count:
                await asyncio.sleep(0.01)
        return set(self.heard)


@contextlib.asynccontextmanager
async def lane_of(node: Node, sender: Sender, telling: Telling, per_s: float = 500) -> AsyncIterator[Lane]:
    await node.bus.serve(subjects.CHANNEL_OUTCOMES, node.take)
    lane = Lane("sms", sender, per_s, telling, asyncio.get_running_loop().time)
    await lane.serve(node.bus)
    tasks = [asyncio.create_task(lane.run()), asyncio.create_task(telling.run())]
    try:
        async with asyncio.timeout(10):
            while not sender.ready:
                await asyncio.sleep(0.01)
        yield lane
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(params=["memory", "smpp"])
async def pair(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Node, Lane]]:
    """The first person is throttled once, the third refused for good."""
    monkeypatch.setattr(lanes, "BACKOFF_S_MIN", 0.05)
    monkeypatch.setattr(lanes, "WORKERS", 1)
    node = Node()
    telling = Telling(node.bus)
    if request.param == "memory":
        sender = MemorySender()
        sender.script.extend([Result("later"), Result("accepted"), Result("accepted"), Result("failed")])
        async with lane_of(node, sender, telling) as lane:
            yield node, lane
    else:
        async with Smsc(status_of=lambda n: {1: 0x58, 4: 0x0B}.get(n, 0), receipts=False) as smsc:

            async def replied(_: str, __: str) -> bool:
                return True

            sms = Sms("127.0.0.1", smsc.port, "fusion", "1069", password_env="X")
            async with lane_of(node, SmppSender(sms, "right", telling.delivered, replied), telling) as lane:
                yield node, lane


async def test_each_is_sent_once_throttled_ones_again_and_every_outcome_is_told(pair: tuple[Node, Lane]) -> None:
    node, _ = pair
    asked = await node.give(b"")
    assert not asked.took and asked.room > 0
    assert (await node.give(asked.run, 1, 2, 3, work=77)).took
    assert (await node.give(asked.run, 1, 2, 3, work=77)).took  # the reply was lost: taken once all the same
    assert await node.until(3) == {("accepted", 1), ("accepted", 2), ("failed", 3)}
    await asyncio.sleep(0.4)
    assert len(node.heard) == 3


async def test_work_for_an_earlier_run_or_beyond_the_room_is_not_taken(pair: tuple[Node, Lane]) -> None:
    node, _ = pair
    asked = await node.give(b"")
    other = await node.give(b"earlier!", 1)
    assert not other.took and other.run == asked.run
    assert (asked.room, (await node.give(asked.run, *range(bounds.NOTICE_PEOPLE_MAX))).took) == (1_000, True)


async def test_outcomes_wait_while_the_node_cannot_store_them_and_then_nothing_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounds, "CHANNEL_OUTCOMES_MAX", 2)
    node, sender = Node(), MemorySender()
    node.deaf = True
    async with lane_of(node, sender, Telling(node.bus)):
        run = (await node.give(b"")).run
        assert (await node.give(run, 1, 2)).took
        async with asyncio.timeout(5):
            while len(sender.sent) < 2:
                await asyncio.sleep(0.01)
        assert not (await node.give(run, 3)).took and not node.heard
        node.deaf = False
        assert await node.until(2) == {("accepted", 1), ("accepted", 2)}
        assert (await node.give(run, 3)).took


async def test_a_lane_keeps_its_rate_and_gives_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "BACKOFF_S_MIN", 0.01)
    node, sender = Node(), MemorySender()
    sender.script.extend([Result("later")] * bounds.CHANNEL_ATTEMPTS_MAX)
    async with lane_of(node, sender, Telling(node.bus), per_s=20):
        asked = await node.give(b"")
        assert asked.room == 40
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        assert (await node.give(asked.run, 1)).took
        assert await node.until(1) == {("failed", 1)}
        assert (await node.give(asked.run, *range(2, 12))).took
        await node.until(11)
        assert loop.time() - start_s > 10 / 20
