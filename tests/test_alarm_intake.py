"""Alarms on their way to the bus: what is new before what is said again, and nothing lost while the bus is down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
from msgspec import structs

from fusioncmd.alarm import alarm as alarms
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.folding import AGAIN_MS
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage, BusDown, Forbidden, Unavailable
from gateways.alarm import intake
from gateways.alarm.intake import AGAIN_AT_ONCE_MAX, Intake
from tests.nats_server import until
from tests.test_alarm_rules import of


class Disk(MemoryBus):
    """A bus whose disk waits until it may write, and then may fail. `kept`: what was stored, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()
        self.may.set()
        self.begun: list[Alarm] = []
        self.kept: list[Alarm] = []
        self.down = False
        self.bad: set[str] = set()

    async def store(self, subject: str, data: bytes, expect_last: int | None = None) -> int:
        alarm = alarms.decode(data)
        self.begun.append(alarm)
        await self.may.wait()
        if self.down:
            raise BusDown("The bus is down.", "总线不可用。")
        if alarm.about in self.bad:
            raise BadMessage("Not storable.", "无法存储。")
        self.kept.append(alarm)
        return len(self.kept)


class World:
    def __init__(self) -> None:
        self.now_s, self.bus = 1_790_000_000.0, Disk()
        self.intake = Intake(self.bus, Path("44"), lambda: self.now_s)
        self._ids: Iterator[int] = iter(range(1, 1 << 20))

    def say(self, about: str, **more: object) -> asyncio.Future[None] | None:
        return self.intake.tell(of(about, id=next(self._ids).to_bytes(16, "big"), **more))


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "DUE_S", 0.001)
    monkeypatch.setattr(intake, "RETRY_S", 0.001)


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[World]:
    world = World()
    task = asyncio.create_task(world.intake.run())
    try:
        yield world
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.usefixtures("_quick")
async def test_what_is_new_does_not_wait_behind_a_storm_that_is_said_again() -> None:
    async with running() as world:
        told = [world.say(f"t{i}") for i in range(500)]
        await asyncio.gather(*(done for done in told if done is not None))
        assert all(world.say(f"t{i}") is None for i in range(500))
        world.now_s += AGAIN_MS / 1_000
        world.bus.may.clear()
        await until(lambda: len(world.bus.begun) > 500)  # the first of these are on their way
        new = world.say("new", severity="extreme")
        assert new is not None
        world.bus.may.set()
        await new
        assert [alarm.about for alarm in world.bus.kept].index("new") <= 500 + AGAIN_AT_ONCE_MAX
        await until(lambda: len(world.bus.kept) == 1_001)
        assert {alarm.times for alarm in world.bus.kept} == {1}


@pytest.mark.usefixtures("_quick")
async def test_what_waits_to_be_said_again_counts_with_what_ends_it() -> None:
    async with running() as world:
        first = world.say("a")
        assert first is not None
        await first
        for _ in range(3):
            assert world.say("a") is None
        world.bus.down = True
        world.now_s += AGAIN_MS / 1_000
        await until(lambda: len(world.bus.begun) > 3)  # tried, and tried again
        over = world.say("a", state="over")
        assert over is not None
        world.bus.down = False
        await over
        await until(lambda: not world.intake._again)
        assert world.bus.kept[-1].state == "over" and sum(alarm.times for alarm in world.bus.kept) == 5


@pytest.mark.usefixtures("_quick")
async def test_while_the_bus_is_down_what_came_waits_in_its_order() -> None:
    async with running() as world:
        world.bus.down, world.bus.bad = True, {"t3"}
        told = [world.say(f"t{i}") for i in range(8)]
        await until(lambda: len(world.bus.begun) > 20)
        assert not any(done is None or done.done() for done in told)
        world.bus.down = False
        done = await asyncio.gather(*(each for each in told if each is not None), return_exceptions=True)
        assert [type(each) for each in done] == [BadMessage if i == 3 else type(None) for i in range(8)]
        assert [alarm.about for alarm in world.bus.kept] == [f"t{i}" for i in range(8) if i != 3]
        assert world.intake.refused == 1


async def test_what_is_of_another_tier_or_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "WAITING_MAX", 2)
    world = World()
    with pytest.raises(Forbidden, match="lies beyond"):
        world.intake.tell(structs.replace(of(), nodes=("330106001",)))
    world.say("a"), world.say("b")
    with pytest.raises(Unavailable, match="can be stored"):
        world.say("c")
