"""The shell of ladders on the bus in memory: a channel that fails, a store that fails, a node that starts again."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from pyroaring import BitMap

from fusioncmd import subjects
from fusioncmd.audit.head_file import head_file
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import LADDER, RECEIPT
from fusioncmd.codes import Path as Place
from fusioncmd.errors import StorageFull, Unavailable
from fusioncmd.ladder.wire import Heard, Inbound, Notice, Outcomes, Taken, decode, encode
from tests.nats_server import until
from tests.test_desk import PEOPLE, Office
from tests.worlds import NODE_KEY, NOW_MS, OFFICES, make_order
from tiers import channel_asks
from tiers.ladder_desk import LadderDesk
from tiers.ladders import Ladders
from tiers.recording import Recording

ORDER = make_order(1, ladder="sms 10 answered; superior 20 answered; exercise")


class Channel:
    """Takes what it is given, or does as `then` says."""

    def __init__(self) -> None:
        self.run, self.got, self.then = b"run-1", [], None  # type: ignore[var-annotated]
        self.room = 100

    async def serve(self, data: bytes) -> bytes:
        notice = decode(Notice, data)
        if not notice.targets:
            return encode(Taken(self.run, self.room, False))
        if self.then is not None:
            return encode(await self.then(notice))
        took = notice.run == self.run
        self.got += [t.number for t in notice.targets] if took else []
        return encode(Taken(self.run, self.room, took))


class House:
    def __init__(self) -> None:
        self.bus, self.mono_s, self.channel = MemoryBus(), 1_000.0, Channel()
        self.office = Office(self.bus).issued(ORDER)

    async def start(self, boot: bytes = b"boot") -> Ladders:
        await self.bus.serve(subjects.notify("sms"), self.channel.serve)
        made = Ladders(
            self.bus, self.office.roster, self.office.ledger, self.office.audit, lambda: self.office.now_ms, "node",
            lambda: self.mono_s, boot,
        )  # fmt: skip
        await made.records.read()
        await made.addresses.begin()
        await made.tend()
        return made

    async def later(self, ladders: Ladders, seconds: float) -> None:
        self.mono_s += seconds
        await ladders.tend()
        await ladders.settle()


async def test_a_node_that_starts_again_reaches_nobody_twice_and_a_set_clock_moves_nothing() -> None:
    house = House()
    ladders = await house.start()
    house.office.now_ms += 3_600_000  # the clock is set an hour on
    await house.later(ladders, 9)
    assert not house.channel.got
    house.office.now_ms -= 7_200_000
    await house.later(ladders, 1)
    assert sorted(house.channel.got) == PEOPLE
    again = await house.start()
    await house.later(again, 1)
    assert sorted(house.channel.got) == PEOPLE
    await house.later(again, 30)
    assert again.kept[ORDER.id].climb.rungs[1].chosen == BitMap(PEOPLE)
    assert [entry.details["channel"] for entry in house.office.audit.entries] == ["sms", "superior"]


async def test_what_ended_a_week_ago_leaves_the_disk_and_does_not_come_back() -> None:
    house = House()
    ladders = await house.start()
    for seconds in (10, 20, 86_400):
        await house.later(ladders, seconds)
    assert ORDER.id in ladders.kept and [s.subject async for s in house.bus.read(LADDER) if s.data]
    await house.later(ladders, 7 * 86_400)
    assert not ladders.kept and not [s.subject async for s in house.bus.read(LADDER) if s.data]
    house.office.now_ms += 8 * 86_400_000
    again = await house.start()
    await house.later(again, 60)
    assert not again.kept and sorted(house.channel.got) == PEOPLE


async def test_who_was_handed_over_to_a_process_that_died_is_unsure_and_not_handed_over_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channel_asks, "AGAIN_S", 0)
    house = House()
    ladders = await house.start()

    async def dies(notice: Notice) -> Taken:
        house.channel.run = b"run-2"
        return Taken(b"run-2", 100, False)

    house.channel.then, house.channel.room = dies, 3
    await house.later(ladders, 10)
    house.channel.then, house.channel.room = None, 100
    await house.later(ladders, 1)
    assert sorted(house.channel.got) == PEOPLE[3:]
    assert ladders.kept[ORDER.id].climb.rungs[0].unsure >= BitMap(PEOPLE[:3])


async def test_what_a_channel_surely_did_not_take_is_given_to_it_again() -> None:
    house = House()
    ladders = await house.start()

    async def refuses(notice: Notice) -> Taken:
        return Taken(house.channel.run, 0, False)

    house.channel.then = refuses
    await house.later(ladders, 10)
    house.channel.then = None
    await house.later(ladders, 1)
    assert sorted(house.channel.got) == PEOPLE


@pytest.mark.parametrize("problem", [StorageFull("full", "满"), Unavailable("lost", "断")])
async def test_a_step_that_cannot_be_stored_is_not_taken_and_is_later(problem: Unavailable) -> None:
    house = House()
    ladders = await house.start()
    house.bus.fail = [problem]
    await house.later(ladders, 10)
    assert not house.channel.got and "ladders" in ladders.problems
    await house.later(ladders, 1)
    assert sorted(house.channel.got) == PEOPLE and not ladders.problems


async def test_a_channel_that_is_not_there_delays_no_later_step_and_health_says_so() -> None:
    house = House()
    ladders = await house.start()
    house.bus._servers.clear()
    await house.later(ladders, 10)
    await house.later(ladders, 20)
    kept = ladders.kept[ORDER.id]
    assert len(kept.climb.rungs) == 2 and "sms" in ladders.problems and not kept.climb.rungs[0].handed


async def test_what_comes_back_while_a_node_starts_is_said_again_and_counts_then(tmp_path: Path) -> None:
    house = House()
    house.office = Office(house.bus).issued(ORDER, meant=PEOPLE[:1])
    before = await house.start()
    await house.later(before, 10)
    number = house.channel.got[0]
    phone = house.office.roster.person(number).phone
    recorder = Recording(
        house.bus, Place("44"), lambda: NODE_KEY, OFFICES.anchors, lambda: NOW_MS / 1000, head_file(tmp_path)
    )
    desk = LadderDesk(
        house.bus, house.office.desk, recorder, tmp_path, lambda: house.mono_s, bytes(32), BitMap,
    )  # fmt: skip
    read, may_read = desk._ladders.records.read, asyncio.Event()

    async def slowly() -> None:
        await may_read.wait()
        await read()

    desk._ladders.records.read = slowly  # type: ignore[method-assign]

    async def told(subject: str, said: Inbound | Outcomes) -> Heard:
        return decode(Heard, await house.bus.ask(subject, encode(said), 5))

    wrote, arrived = Inbound("sms", phone, "1"), Outcomes(ORDER.id, 0, "delivered", (number,))
    running = await desk.start()
    for subject, said in ((subjects.CHANNEL_INBOUND, wrote), (subjects.CHANNEL_OUTCOMES, arrived)):
        assert await told(subject, said) == Heard(False, "again")
    may_read.set()
    await until(lambda: desk._ladders.begun)
    assert (await told(subjects.CHANNEL_OUTCOMES, arrived)).counted
    assert (await told(subjects.CHANNEL_INBOUND, wrote)).counted and (await house.bus.edge(RECEIPT)).last == 1
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
