"""One suite for the bus and its memory twin: what a process may rely on, whichever of the two carries it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from fusioncmd.bus import nats
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import CALL, RECEIPT, REPORT, ROSTER, STREAMS, Bus, Stored, StreamEdge, StreamSpec
from fusioncmd.errors import BusDown, Conflict
from tests.nats_server import RealServer, until

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    real = RealServer(tmp_path_factory.mktemp("nats"))
    real.start()
    yield real
    real.kill()


@pytest.fixture(params=["memory", "nats"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    if request.param == "memory":
        yield MemoryBus()
    else:
        async with request.getfixturevalue("server").bus() as real:
            yield real


async def store(bus: Bus, *subjects: str) -> None:
    """A message to each subject, whose content is its place in the row."""
    for n, subject in enumerate(subjects, 1):
        await bus.store(subject, b"%d" % n)


async def held(bus: Bus, stream: StreamSpec = REPORT) -> list[Stored]:
    return [stored async for stored in bus.read(stream)]


async def test_a_new_stream_is_empty(bus: Bus) -> None:
    for stream in STREAMS:
        assert await bus.edge(stream) == StreamEdge(1, 0)
        assert await held(bus, stream) == []
    assert await bus.last("fc.roster.44") is None


async def test_messages_are_numbered_from_one_in_each_stream_and_read_in_order(bus: Bus) -> None:
    assert [await bus.store(f"fc.report.{n}", b"%d" % n) for n in (5, 4, 5)] == [1, 2, 3]
    assert await bus.store("fc.call.44", b"other") == 1
    assert await held(bus) == [Stored(f"fc.report.{n}", b"%d" % n, i) for i, n in enumerate((5, 4, 5), start=1)]
    assert all(abs(stored.at_ms - time.time() * 1000) < 60_000 for stored in await held(bus))
    assert await bus.edge(REPORT) == StreamEdge(1, 3)


async def test_calls_and_audiences_share_one_stream_so_that_none_overtakes_the_other(bus: Bus) -> None:
    await store(bus, "fc.audience.A", "fc.call.44.01", "fc.audience.B", "fc.call.44")
    assert [m.subject for m in await held(bus, CALL)] == [
        "fc.audience.A",
        "fc.call.44.01",
        "fc.audience.B",
        "fc.call.44",
    ]


async def test_of_two_who_write_what_they_read_one_is_told_of_the_other(bus: Bus) -> None:
    first = await bus.store("fc.roster.44", b"1", expect_last=0)
    with pytest.raises(Conflict):
        await bus.store("fc.roster.44", b"theirs", expect_last=0)
    await bus.store("fc.roster.44.01.06.001", b"another subject", expect_last=0)
    await bus.store("fc.roster.44", b"2", expect_last=first)
    with pytest.raises(Conflict):
        await bus.store("fc.roster.44", b"theirs", expect_last=first)
    assert await bus.last("fc.roster.44") == Stored("fc.roster.44", b"2", 3)


async def test_the_roster_keeps_the_last_of_each_subject_and_other_streams_keep_all(bus: Bus) -> None:
    await store(bus, "fc.roster.a", "fc.roster.b", "fc.roster.a")
    await store(bus, "fc.receipt.g", "fc.receipt.g")
    assert [(m.subject, m.data, m.seq) for m in await held(bus, ROSTER)] == [
        ("fc.roster.b", b"2", 2),
        ("fc.roster.a", b"3", 3),
    ]
    assert [m.seq for m in await held(bus, RECEIPT)] == [1, 2]
    assert (await bus.last("fc.receipt.g")) == Stored("fc.receipt.g", b"2", 2)


async def test_forgetting_takes_the_beginning_and_leaves_the_numbering(bus: Bus) -> None:
    await store(bus, *["fc.report.44"] * 5)
    for below in (-1, 0, 1):
        await bus.forget(REPORT, below)
        assert await bus.edge(REPORT) == StreamEdge(1, 5)
    await bus.forget(REPORT, 4)
    assert [m.seq for m in await held(bus)] == [4, 5]
    await bus.forget(REPORT, 500)
    assert (await bus.edge(REPORT), await held(bus), await bus.last("fc.report.44")) == (StreamEdge(6, 5), [], None)
    assert await bus.store("fc.report.44", b"", expect_last=0) == 6
    assert await bus.edge(REPORT) == StreamEdge(6, 6)


async def test_a_tail_delivers_what_is_there_and_then_what_comes(bus: Bus) -> None:
    await store(bus, "fc.report.1", "fc.report.2", "fc.report.3")
    every: list[Stored] = []
    late: list[Stored] = []
    tail = await bus.tail(REPORT, every.append)
    other = await bus.tail(REPORT, late.append, from_seq=3)
    await tail.caught_up()
    await other.caught_up()
    assert ([m.seq for m in every], [m.seq for m in late]) == ([1, 2, 3], [3])
    await store(bus, "fc.report.4", "fc.report.5")
    await until(lambda: len(every) == 5 and len(late) == 3)
    assert every == await held(bus) and late == every[2:]


async def test_a_tail_from_beyond_the_end_waits_for_its_number(bus: Bus) -> None:
    await store(bus, "fc.report.1")
    seen: list[int] = []
    tail = await bus.tail(REPORT, lambda m: seen.append(m.seq), from_seq=3)
    await tail.caught_up()
    await store(bus, "fc.report.2", "fc.report.3", "fc.report.4")
    await until(lambda: len(seen) == 2)
    assert seen == [3, 4]


async def test_a_tail_hears_only_what_its_filters_let_through(bus: Bus) -> None:
    filters = ("fc.call.44", "fc.call.44.01", "fc.call.44.01.06.>", "fc.audience.>")
    subjects = (
        "fc.call.44",
        "fc.call.45",
        "fc.call.44.01",
        "fc.call.44.02",
        "fc.call.44.01.06",
        "fc.call.44.01.06.001",
    )
    seen: list[str] = []
    await store(bus, *subjects)
    tail = await bus.tail(CALL, lambda m: seen.append(m.subject), filters=filters)
    await tail.caught_up()
    await store(bus, *subjects, "fc.audience.X")
    wanted = ["fc.call.44", "fc.call.44.01", "fc.call.44.01.06.001"] * 2 + ["fc.audience.X"]
    await until(lambda: len(seen) == len(wanted))
    assert seen == wanted


async def test_a_tail_begins_at_a_time(bus: Bus) -> None:
    await store(bus, "fc.report.1")
    await asyncio.sleep(0.02)  # the server's own clock: it cannot be moved
    since_ms = int(time.time() * 1000)
    await store(bus, "fc.report.2")
    seen: dict[int, list[str]] = {}
    for from_ms in (since_ms - HOUR_MS, since_ms - 5, since_ms + HOUR_MS):
        seen[from_ms] = []
        tail = await bus.tail(REPORT, lambda m, at=from_ms: seen[at].append(m.subject), from_ms=from_ms)  # type: ignore[misc]
        await tail.caught_up()
    assert list(seen.values()) == [["fc.report.1", "fc.report.2"], ["fc.report.2"], []]
    await store(bus, "fc.report.3")
    await until(lambda: all(subjects[-1:] == ["fc.report.3"] for subjects in seen.values()))


async def test_a_tail_that_was_stopped_hears_no_more_and_may_be_stopped_again(bus: Bus) -> None:
    stopped: list[Stored] = []
    going: list[Stored] = []
    tail = await bus.tail(REPORT, stopped.append)
    await bus.tail(REPORT, going.append)
    await store(bus, "fc.report.1")
    await until(lambda: stopped and going)
    await tail.stop()
    await tail.stop()
    await store(bus, "fc.report.2")
    await until(lambda: len(going) == 2)
    assert len(stopped) == 1


async def test_closing_the_bus_ends_its_tails(bus: Bus) -> None:
    await bus.tail(REPORT, lambda _: None)
    await bus.close()
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("tail ")]


async def test_a_long_stream_is_read_to_its_end(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats, "READ_PAGE_MAX", 3)
    for count in (2, 3, 4, 7):
        await store(bus, *["fc.report.44"] * (count - len(await held(bus))))
        assert [m.seq for m in await held(bus)] == list(range(1, count + 1))


async def test_a_hundred_short_reads_and_tails_all_end(bus: Bus) -> None:
    await store(bus, "fc.report.1", "fc.report.2")
    async with asyncio.timeout(20):  # a cancellation that meets a reply on its way is easily swallowed
        for _ in range(100):
            assert len(await held(bus)) == 2
            await (await bus.tail(REPORT, lambda _: None)).stop()


async def test_a_subject_that_is_written_while_the_stream_is_read_is_read_once_at_least(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats, "READ_PAGE_MAX", 2)
    names = [f"fc.roster.{n}" for n in range(6)]
    await store(bus, *names)
    seen = []
    async for stored in bus.read(ROSTER):
        if stored.seq == 1:
            await store(bus, names[5], names[3])
        seen.append(stored.subject)
    assert set(seen) == set(names)


async def test_what_is_said_is_heard_by_whoever_listens_now(bus: Bus) -> None:
    await bus.say("fc.presence.a", b"nobody hears this")
    heard: list[tuple[str, bytes]] = []
    await bus.hear("fc.presence.>", lambda subject, data: heard.append((subject, data)))
    await bus.say("fc.voice.a", b"not this either")
    await bus.say("fc.presence.b", b"this")
    await until(lambda: heard)
    assert heard == [("fc.presence.b", b"this")]


async def test_a_question_is_answered_and_a_slow_answer_delays_no_other(bus: Bus) -> None:
    first = asyncio.Event()

    async def serve(data: bytes) -> bytes:
        if data == b"slow":
            await first.wait()
        return data[::-1]

    await bus.serve("fc.api.echo", serve)
    slow = asyncio.create_task(bus.ask("fc.api.echo", b"slow", 10))
    assert await bus.ask("fc.api.echo", b"fast", 10) == b"tsaf"
    first.set()
    assert await slow == b"wols"


async def test_a_question_that_nobody_answers_in_time_ends_in_bus_down(bus: Bus) -> None:
    started = time.monotonic()
    with pytest.raises(BusDown):
        await bus.ask("fc.api.nobody", b"", 5)
    await bus.serve("fc.api.mute", lambda _: asyncio.Event().wait())  # type: ignore[arg-type,return-value]
    with pytest.raises(BusDown):
        await bus.ask("fc.api.mute", b"", 0.1)
    assert time.monotonic() - started < 2
