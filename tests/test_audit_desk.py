"""The audit at a screen: found from its end by what somebody looks for, and proved, or the broken link is named."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from fusioncmd import api, limits, subjects
from fusioncmd.access import Actor
from fusioncmd.audit import chain, heads
from fusioncmd.audit.chain import Tip
from fusioncmd.audit.entries import Deed, Entry
from fusioncmd.audit.head_file import HeadFile
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.codes import Path as Place
from fusioncmd.errors import Forbidden
from tests.worlds import CHIEF, NODE_KEY, NOW_MS, judge
from tiers import audit_desk
from tiers.audit_desk import AuditDesk

NODE = Place("44")
DEEDS: tuple[Deed, ...] = ("login", "order", "refusal")


def entry(n: int) -> Entry:
    deed = DEEDS[n % 3]
    return Entry(NOW_MS + n, f"actor-{n % 2}", deed, f"about-{n}", "expired" if deed == "refusal" else "")


async def written(bus: MemoryBus, pages: Sequence[Sequence[int]], tip: Tip | None = None) -> Tip:
    tip = Tip("44") if tip is None else tip
    for page in pages:
        data, tip = chain.write(tip, [entry(n) for n in page], NODE_KEY, NOW_MS)
        await bus.store(subjects.audit(NODE), data)
    return tip


def desk_of(bus: MemoryBus, folder: Path) -> AuditDesk:
    return AuditDesk(bus, NODE, judge(), HeadFile(folder / "head"))


async def proved(desk: AuditDesk, anew: bool = False) -> api.AuditProved:
    reply = await desk.prove(api.AuditProve(anew), CHIEF)
    while not reply.whole:
        reply = await desk.prove(api.AuditProve(), CHIEF)
    return reply


async def test_entries_are_found_from_the_end_by_deed_time_name_and_refusal(tmp_path: Path) -> None:
    bus = MemoryBus()
    await written(bus, [range(4), range(4, 5), range(5, 9)])
    desk = desk_of(bus, tmp_path)

    async def numbers(**asked: object) -> list[int]:
        return [line.number for line in (await desk.find(api.AuditFind(**asked), CHIEF)).lines]  # type: ignore[arg-type]

    assert await numbers() == [*range(9, 0, -1)]
    assert await numbers(deed="order") == [8, 5, 2]
    assert await numbers(refused=True) == [9, 6, 3]
    assert await numbers(query="ABOUT-3") == [4] and await numbers(query="actor-1") == [8, 6, 4, 2]
    assert await numbers(from_ms=NOW_MS + 6, until_ms=NOW_MS + 7) == [8, 7]


async def test_what_is_looked_for_in_a_long_audit_is_found_in_bounded_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_desk, "SCAN_PAGES_MAX", 10)
    bus = MemoryBus()
    await written(bus, [[n] for n in range(35)])
    await bus.store(subjects.audit(NODE), b"no page")
    desk, found, strange, before, asked = desk_of(bus, tmp_path), [], 0, None, 0
    while True:
        reply = await desk.find(api.AuditFind(deed="order", before=before), CHIEF)
        found += [line.number for line in reply.lines]
        before, strange, asked = reply.before, strange + reply.strange, asked + 1
        if before is None:
            break
    assert found == [n + 1 for n in range(34, -1, -1) if n % 3 == 1] and (strange, asked) == (1, 4)


async def test_a_flood_in_the_audit_is_shown_in_parts_of_which_each_fits_a_reply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = MemoryBus()
    await written(bus, [range(first, first + 100) for first in range(0, 4_000, 100)])
    desk, found, before = desk_of(bus, tmp_path), [], None
    for most in (100, 500, 350, 1):
        reply = await desk.find(api.AuditFind(deed="order", before=before, limit=most), CHIEF)
        assert most <= len(reply.lines) < most + 100  # whole pages
        found += [line.number for line in reply.lines]
        before = reply.before
    monkeypatch.setattr(limits, "AUDIT_REPLY_BYTES_MAX", 10)
    reply = await desk.find(api.AuditFind(before=before), CHIEF)
    assert len(reply.lines) == 100 and found[-1] == reply.lines[0].number + 1
    assert found == [n + 1 for n in range(3_999, -1, -1) if n % 3 == 1][: len(found)]


async def test_a_chain_that_holds_is_proved_as_far_as_its_head_reaches(tmp_path: Path) -> None:
    bus = MemoryBus()
    tip = await written(bus, [[0, 1], [2]])
    await bus.store(subjects.audit_head(NODE), heads.sign(tip, NODE_KEY, NOW_MS))
    await written(bus, [[3]], tip)
    reply = await proved(desk_of(bus, tmp_path))
    assert (reply.pages, reply.entries, reply.signed_pages, reply.broken) == (3, 4, 2, None)
    assert (reply.read, reply.stored) == (3, 3)


async def test_a_page_that_is_gone_is_named_once_it_is_walked_anew(tmp_path: Path) -> None:
    bus = MemoryBus()
    tip = await written(bus, [[0], [1], [2]])
    desk = desk_of(bus, tmp_path)
    assert (await proved(desk)).broken is None
    HeadFile(tmp_path / "head").write(heads.sign(tip, NODE_KEY, NOW_MS))
    bus._streams["FC_AUDIT"].drop(2)
    assert (await proved(desk)).broken is None  # what was walked is not walked again unless it is asked for
    broken = (await proved(desk, anew=True)).broken
    assert broken is not None and "Pages 2 to 2 are missing" in broken[0] and "第 2" in broken[1]


async def test_a_walk_leaves_the_node_most_of_its_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_desk, "PROOF_WORK_S", 0.0)
    monkeypatch.setattr(audit_desk, "PROOF_WAIT_S", 0.0)
    bus = MemoryBus()
    await written(bus, [[n] for n in range(5)])
    desk = desk_of(bus, tmp_path)
    first = await desk.prove(api.AuditProve(), CHIEF)
    assert not first.whole and first.stored == 5 and first.read < 5
    for _ in range(20):
        await asyncio.sleep(0)
    assert (await proved(desk)).pages == 5


async def test_who_has_a_city_reads_no_audit_of_the_province(tmp_path: Path) -> None:
    desk, city = desk_of(MemoryBus(), tmp_path), Actor("chen", frozenset({"auditor"}), Place("4401"))
    for asked in (desk.find(api.AuditFind(), city), desk.prove(api.AuditProve(), city)):
        with pytest.raises(Forbidden):
            await asked
