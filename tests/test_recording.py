"""The writer of a node's audit: on disk when told so, one page for many, whole after every loss and every restart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fusioncmd import limits, subjects
from fusioncmd.audit import chain, heads
from fusioncmd.audit.entries import Entry
from fusioncmd.audit.head_file import head_file
from fusioncmd.audit.heads import Head
from fusioncmd.audit.proof import Proof
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import AUDIT, Stored
from fusioncmd.codes import Path as Place
from fusioncmd.errors import BusDown, NoReply, Problem, StorageFull, Unavailable
from tests.audits import entry, proof_of
from tests.nats_server import until
from tests.test_desk_issue import Faulty
from tests.worlds import NODE_KEY, NOW_MS, OFFICES
from tiers.recording import Recording

SUBJECT, HEAD = subjects.audit(Place("44")), subjects.audit_head(Place("44"))
LOST_REPLY = (NoReply("No reply.", "没有应答。"), True)
NOT_THERE = (BusDown("Not there.", "不在。"), False)
FULL = (StorageFull("The store is full.", "存储已满。"), False)


@contextlib.asynccontextmanager
async def recording(bus: MemoryBus, folder: Path, *, crash: bool = False) -> AsyncIterator[Recording]:
    one = Recording(bus, Place("44"), lambda: NODE_KEY, OFFICES.anchors, lambda: NOW_MS / 1000, head_file(folder))

    async def live() -> None:
        async with one.running(lambda: None):
            one.sign()
            await stop.wait()

    stop = asyncio.Event()
    life = asyncio.create_task(live())
    try:
        yield one
    finally:
        if crash:
            life.cancel()
        stop.set()
        await asyncio.wait({life})
        if not life.cancelled():
            life.result()


async def messages(bus: MemoryBus) -> list[Stored]:
    return [stored async for stored in bus.read(AUDIT)]


async def entries(bus: MemoryBus) -> list[Entry]:
    return [e for stored in await messages(bus) for e in chain.claimed(stored.data).entries]


async def head(bus: MemoryBus) -> Head:
    stored = await bus.last(HEAD)
    assert stored is not None
    return heads.written_by(stored.data, "44", OFFICES.anchors)


async def proof(bus: MemoryBus) -> Proof:
    return proof_of([stored.data for stored in await messages(bus)], [await head(bus)])


async def test_what_was_recorded_is_on_disk_and_what_waits_together_is_one_page(tmp_path: Path) -> None:
    bus = MemoryBus()
    async with recording(bus, tmp_path) as one:
        one.note(entry(0))
        await one.record(entry(1))
        assert await entries(bus) == [entry(0), entry(1)]
        await asyncio.gather(*(one.record(entry(n)) for n in range(2, 202)))
        assert await entries(bus) == [entry(n) for n in range(202)]
        assert len(await messages(bus)) == 2
        for n in range(202, 230):
            one.note(entry(n))
    assert await entries(bus) == [entry(n) for n in range(230)]
    assert len(await messages(bus)) == 3
    found = await proof(bus)
    assert found.broken is None and (found.signed_pages, found.tip.entries) == (3, 230)


async def test_it_goes_on_where_it_ended_also_after_a_crash(tmp_path: Path) -> None:
    bus = MemoryBus()
    for n in range(4):
        async with recording(bus, tmp_path, crash=n % 2 == 1) as one:
            await one.record(entry(n))
            assert one.problems == ()
    assert await entries(bus) == [entry(n) for n in range(4)]
    assert (await proof(bus)).broken is None


@pytest.mark.parametrize("faults", [[LOST_REPLY], [NOT_THERE], [NOT_THERE, LOST_REPLY], [LOST_REPLY, NOT_THERE]])
async def test_a_lost_reply_breaks_no_link_and_writes_nothing_twice(
    faults: list[tuple[Problem, bool]], tmp_path: Path
) -> None:
    bus = Faulty()
    async with recording(bus, tmp_path) as one:
        await one.record(entry(0))
        bus.faults += faults
        for n in range(1, len(faults) + 1):
            with pytest.raises(Unavailable):
                await one.record(entry(n))
            assert "cannot be written" in one.problems[0]
        await one.record(entry(10))
        assert one.problems == ()
    kept = await entries(bus)
    assert kept[:2] == [entry(0), entry(1)] and kept[-1] == entry(10)  # the one in doubt, and no other twice
    assert len(kept) == len({e.about for e in kept}) == 3
    assert (await proof(bus)).broken is None


async def test_a_full_disk_is_told_notes_wait_and_what_was_not_done_is_not_in_the_audit(tmp_path: Path) -> None:
    bus = Faulty()
    async with recording(bus, tmp_path) as one:
        await one.record(entry(0))
        bus.faults += [FULL, FULL]
        one.note(entry(1))
        for n in (2, 3):
            with pytest.raises(StorageFull):
                await one.record(entry(n))
        assert "nothing can be decided: The store is full" in one.problems[0]
        await one.record(entry(4))
        assert one.problems == ()
    assert await entries(bus) == [entry(0), entry(1), entry(4)]
    assert (await proof(bus)).broken is None


async def test_notes_beyond_the_bound_are_shed_and_the_audit_says_how_many(tmp_path: Path) -> None:
    bus = MemoryBus()
    async with recording(bus, tmp_path) as one:
        for n in range(limits.AUDIT_WAITING_MAX + 7):
            one.note(entry(n, refused="password"))
        assert one.problems == ("7 notes beyond the audit's bounds were shed; the audit says of which kind",)
    told, *rest = await entries(bus)
    assert told.details == {"shed": "7", "order password": "7"} and len(rest) == limits.AUDIT_WAITING_MAX
    assert (await proof(bus)).broken is None


async def test_who_waits_when_the_node_stops_is_told(tmp_path: Path) -> None:
    bus = MemoryBus()

    async def never(subject: str) -> None:
        raise BusDown("Not there.", "不在。")

    bus.last = never  # type: ignore[method-assign,assignment]
    async with recording(bus, tmp_path, crash=True) as one:
        waiting = asyncio.create_task(one.record(entry(1)))
        await asyncio.sleep(0.01)
        assert "cannot be read" in one.problems[0]
    with pytest.raises(Unavailable):
        await waiting


async def test_health_says_so_before_the_audit_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bus = MemoryBus()
    for percent, said in ((100, 0), (0, 1), (100, 0)):
        monkeypatch.setattr("fusioncmd.limits.AUDIT_FULL_PERCENT", percent)
        async with recording(bus, tmp_path) as one:
            await one.record(entry(percent))
            await until(lambda one=one: not one._pages.head_is_due)  # type: ignore[misc]
            await asyncio.sleep(0)
            assert len(one.problems) == said, one.problems
    assert (await bus.edge(AUDIT)).size_bytes > 1_000
