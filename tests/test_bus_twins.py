"""The memory bus is the twin of the real one: it answers any sequence of calls as NATS does, also when it is full."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fusioncmd.bus import memory, nats, nats_streams
from fusioncmd.bus.memory import MemoryBus, matches
from fusioncmd.bus.port import CALL, REPORT, ROSTER, STREAMS, Bus, StreamSpec
from fusioncmd.errors import Problem, StorageFull
from tests.nats_server import RealServer

SMALL_BYTES = 20_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    real = RealServer(tmp_path_factory.mktemp("nats"))
    real.start()
    yield real
    real.kill()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams with room for a few messages."""
    for module in (memory, nats, nats_streams):
        monkeypatch.setattr(module, "STREAMS", tuple(replace(spec, bytes_max=SMALL_BYTES) for spec in STREAMS))


async def test_a_full_stream_refuses_keeps_what_it_said_it_kept_and_takes_more_when_it_forgot(
    small: None, server: RealServer
) -> None:
    async with server.bus() as real:
        for bus in (MemoryBus(), real):
            told = []
            with pytest.raises(StorageFull) as caught:
                while len(told) < 100:
                    told.append(await bus.store("fc.report.44", bytes(1_000)))
            assert 10 <= len(told) <= SMALL_BYTES // 1_000 and "full" in caught.value.en
            assert [m.seq async for m in bus.read(REPORT)] == told
            assert SMALL_BYTES * 3 // 4 < (await bus.edge(REPORT)).size_bytes <= SMALL_BYTES
            assert await bus.store("fc.call.44", b"") == 1  # another stream has room
            await bus.forget(REPORT, 3)
            assert await bus.store("fc.report.44", bytes(1_000)) == told[-1] + 1


async def test_what_is_stored_for_a_time_is_gone_after_it_and_nothing_else_is(server: RealServer) -> None:
    clock = [1_000.0]
    async with server.bus() as real:
        for bus in (MemoryBus(lambda: clock[0]), real):
            first = await bus.store("fc.call.4406", b"stays")
            short = await bus.store("fc.audience.canary", b"goes", ends_s=1)
            assert [m.seq async for m in bus.read(CALL, first)] == [first, short]
            clock[0] += 2
            give_up = time.monotonic() + 5
            while await bus.last("fc.audience.canary") is not None:
                assert time.monotonic() < give_up
                await asyncio.sleep(0.05)
            assert [m.seq async for m in bus.read(CALL, first)] == [first] and (await bus.edge(CALL)).last == short


async def act(bus: Bus, what: str, stream: StreamSpec, subject: str, number: int) -> object:
    """What comes of one call: a value, or the name of the problem. Four stores fill a small stream, whatever else."""
    try:
        match what:
            case "store":
                return await bus.store(subject, b"%04d" % number * 1_000)
            case "expect":
                return await bus.store(subject, b"", expect_last=number)
            case "forget":
                return await bus.forget(stream, number)
            case "last":
                return await bus.last(subject)
            case "read":
                return [stored async for stored in bus.read(stream)]
        return await bus.edge(stream)
    except Problem as problem:
        return problem.code


@pytest.mark.parametrize("seed", range(4))
async def test_the_twins_answer_alike_to_any_sequence_of_calls(small: None, server: RealServer, seed: int) -> None:
    chance, twin = random.Random(seed), MemoryBus()
    whats, outcomes = ("store", "expect", "forget", "last", "read", "edge"), set()
    async with server.bus() as real:
        for step in range(200):
            stream, what = chance.choice([ROSTER, REPORT]), chance.choices(whats, (4, 4, 1, 2, 2, 2))[0]
            call = (what, stream, stream.subjects[0][:-1] + chance.choice("abc"), chance.randrange(step // 4 + 2))
            wanted = await act(twin, *call)
            assert await act(real, *call) == wanted, f"seed {seed}, step {step}: {call}"
            outcomes.add(wanted if isinstance(wanted, str) else what)
        assert outcomes >= {"Conflict", "StorageFull"}


@pytest.mark.parametrize(
    ("pattern", "subject", "match"),
    [
        ("fc.call.44", "fc.call.44", True),
        ("fc.call.44", "fc.call.44.01", False),
        ("fc.call.44.01", "fc.call.44", False),
        ("fc.call.>", "fc.call", False),
        ("fc.call.>", "fc.call.44.01.06", True),
        ("fc.*.44", "fc.call.44", True),
        ("fc.*.44", "fc.call.01.44", False),
        ("fc.*", "fc", False),
    ],
)
def test_subjects_match_token_by_token(pattern: str, subject: str, match: bool) -> None:
    assert matches(pattern, subject) is match


async def test_a_stream_can_be_read_from_a_sequence_on(server: RealServer) -> None:
    async with server.bus() as real:
        for bus in (MemoryBus(), real):
            told = [await bus.store("fc.report.44", bytes(n)) for n in range(5)]
            for start in range(1, 8):
                assert [m.seq async for m in bus.read(REPORT, from_seq=start)] == told[start - 1 :]
            await bus.forget(REPORT, 3)
            assert [m.seq async for m in bus.read(REPORT, from_seq=2)] == told[2:]
