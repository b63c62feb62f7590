"""The bus on a NATS server that goes away: killed, frozen, wiped, out of disk, or never there."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from fusioncmd import limits
from fusioncmd.bus import nats, nats_tail, sequence
from fusioncmd.bus.nats import NatsBus, open_bus
from fusioncmd.bus.port import REPORT, Stored
from fusioncmd.errors import BusDown, Unavailable
from tests.nats_server import RealServer, free_port, insist, until
from tests.small_disk import DISK_BYTES, SmallDisk

SUBJECT = "fc.report.44"
BIG = 100_000


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same waits, a tenth as long."""
    monkeypatch.setattr(limits, "PUBLISH_ACK_S_MAX", 0.5)
    monkeypatch.setattr(sequence, "SILENCE_S_MAX", 0.5)
    monkeypatch.setattr(nats, "HEARTBEAT_S", 0.1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RealServer]:
    real = RealServer(tmp_path)
    real.start()
    yield real
    real.kill()


@pytest.fixture
async def bus(server: RealServer) -> AsyncIterator[NatsBus]:
    async with server.bus() as real:
        yield real


async def write(bus: NatsBus, contents: list[bytes]) -> dict[int, bytes]:
    """Store each of `contents` until it is stored; what the bus said it stored, by sequence."""
    return {await insist(lambda data=data: bus.store(SUBJECT, data), (BusDown,)): data for data in contents}


async def expect_whole(bus: NatsBus, seen: list[Stored], told: dict[int, bytes]) -> None:
    """`seen` is the stream, each message once and in order, and what was told as stored is in it."""
    end = (await bus.edge(REPORT)).last
    await until(lambda: seen and seen[-1].seq >= end)
    assert [m.seq for m in seen] == list(range(1, end + 1))
    assert seen == [m async for m in bus.read(REPORT)]
    assert told.items() <= {m.seq: m.data for m in seen}.items()


def numbered(first: int, count: int) -> list[bytes]:
    return [b"%d" % n for n in range(first, first + count)]


async def test_a_port_where_nobody_listens_is_bus_down_in_good_time() -> None:
    started = time.monotonic()
    with pytest.raises(BusDown, match="No NATS server answers"):
        await open_bus(f"nats://127.0.0.1:{free_port()}", "test", wait_s=0.3)
    assert time.monotonic() - started < 2


async def test_a_port_where_somebody_listens_and_says_nothing_is_bus_down_in_good_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        started = time.monotonic()
        with pytest.raises(BusDown):
            await open_bus(f"nats://127.0.0.1:{mute.getsockname()[1]}", "test", wait_s=0.3)
        assert time.monotonic() - started < 2


async def test_a_server_without_our_streams_is_bus_down(server: RealServer) -> None:
    bus = await open_bus(server.url, "test")
    with pytest.raises(BusDown, match="Nobody answers"):
        await bus.store(SUBJECT, b"")
    await bus.close()


async def test_what_was_stored_survives_a_kill_at_once(server: RealServer, bus: NatsBus) -> None:
    told = await write(bus, numbered(0, 20))
    server.kill()
    server.start()
    await insist(lambda: bus.store(SUBJECT, b"after"), (BusDown,))
    assert told.items() <= {m.seq: m.data async for m in bus.read(REPORT)}.items()


async def test_a_tail_rides_out_kills_without_a_gap_or_a_double(server: RealServer, bus: NatsBus) -> None:
    seen: list[Stored] = []
    await bus.tail(REPORT, seen.append)
    told = await write(bus, numbered(0, 20))
    for first in (100, 200):
        writing = asyncio.create_task(write(bus, numbered(first, 40)))
        await until(lambda: len(seen) >= 30)
        await asyncio.to_thread(server.kill)
        late: list[Stored] = []
        await bus.tail(REPORT, late.append, from_seq=5)  # begun while there is no server
        await asyncio.to_thread(server.start)
        told |= await writing
    assert set(told.values()) == {*numbered(0, 20), *numbered(100, 40), *numbered(200, 40)}
    await expect_whole(bus, seen, told)
    await until(lambda: late[-1:] == seen[-1:])
    assert late == seen[4:]


async def test_a_tail_whose_consumer_is_taken_away_makes_another(bus: NatsBus) -> None:
    seen: list[Stored] = []
    tail = await bus.tail(REPORT, seen.append)
    told = await write(bus, numbered(0, 5))
    await tail.caught_up()
    with capture_logs() as logs:
        for consumer in await bus._jsm.consumers_info(REPORT.name):
            await bus._jsm.delete_consumer(REPORT.name, consumer.name)
        told |= await write(bus, numbered(5, 5))
        await expect_whole(bus, seen, told)
        tail.begin_again()
        told |= await write(bus, numbered(10, 5))
        await expect_whole(bus, seen, told)
    assert [line["why"] for line in logs if line["event"] == "tail.begins_again"] == ["silence", "asked"]


async def test_a_tail_waits_for_no_word_that_its_old_consumer_is_gone(
    bus: NatsBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server on which it is stands still, for as long as it likes."""

    async def never(*_: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(nats_tail, "FORGET_S_MAX", 0.2)
    monkeypatch.setattr(bus._jsm, "delete_consumer", never)
    seen: list[Stored] = []
    tail = await bus.tail(REPORT, seen.append)
    await tail.caught_up()
    bus.begin_tails_again()
    await expect_whole(bus, seen, await write(bus, numbered(0, 20)))
    async with asyncio.timeout(2):
        await tail.stop()


async def test_a_tail_begins_again_on_a_store_that_is_new(server: RealServer, bus: NatsBus) -> None:
    seen: list[bytes] = []
    await bus.tail(REPORT, lambda m: seen.append(m.data))
    await write(bus, numbered(0, 5))
    await until(lambda: len(seen) == 5)
    server.kill()
    server.wipe()
    server.start()
    other = await open_bus(server.url, "test")
    await insist(other.ensure_streams, (BusDown,))
    await write(other, [b"new"])
    await other.close()
    await until(lambda: seen[5:] == [b"new"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_without_its_server_every_call_ends_in_bus_down_in_good_time(
    server: RealServer, bus: NatsBus, number: int
) -> None:
    await bus.tail(REPORT, lambda _: None)
    server.signal(number)
    for act in (
        lambda: bus.store(SUBJECT, b""),
        lambda: bus.last(SUBJECT),
        lambda: bus.edge(REPORT),
        lambda: bus.forget(REPORT, 2),
        lambda: bus.ask("fc.api.health", b"", 0.3),
        lambda: anext(aiter(bus.read(REPORT))),
    ):
        started = time.monotonic()
        with pytest.raises(BusDown):
            await act()  # type: ignore[no-untyped-call]
        assert time.monotonic() - started < 2
    started = time.monotonic()
    await bus.close()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("mount", [True, False])
async def test_a_full_disk_loses_nothing_that_was_told_as_stored_and_there_is_a_bus_again_when_there_is_room(
    tmp_path: Path, mount: bool
) -> None:
    disk, port = SmallDisk(tmp_path, mount), free_port()
    try:
        disk.start(port)
        node, bus = await disk.bus(port, "node"), await disk.bus(port, "gw-1")
        await insist(node.ensure_streams, (BusDown,))
        seen: list[Stored] = []
        await node.tail(REPORT, seen.append)
        told: dict[int, bytes] = {}
        with pytest.raises(Unavailable):
            while len(told) < 2 * DISK_BYTES // BIG:
                data = os.urandom(BIG)
                told[await bus.store(SUBJECT, data)] = data
        assert len(told) > 10
        for _ in range(3):
            with pytest.raises(Unavailable):
                await bus.store(SUBJECT, os.urandom(BIG))
        assert await node.store("fc.call.44", b"small") == 1  # what has room, has it
        disk.grow()
        told[await insist(lambda: bus.store(SUBJECT, b"room"), (Unavailable,))] = b"room"
        assert b"room" in [m.data async for m in node.read(REPORT)]
        await expect_whole(node, seen, told)
        await bus.close()
        await node.close()
    finally:
        disk.end()
