"""Somebody else writes a node's audit, or takes from it: the node goes on, tells it, and covers nothing up."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusioncmd.audit import chain
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import AUDIT
from tests.audits import entry, pages_of, proof_of
from tests.test_recording import HEAD, SUBJECT, entries, head, messages, proof, recording
from tests.worlds import NODE_KEY, NOW_MS, OFFICES


async def test_two_writers_with_the_nodes_key_make_one_chain_and_each_is_told(tmp_path: Path) -> None:
    bus = MemoryBus()
    async with recording(bus, tmp_path / "a") as one, recording(bus, tmp_path / "b") as two:
        await one.record(entry(0))
        for n in range(1, 5):
            await (two, one)[n % 2].record(entry(n))
        for each in (one, two):
            assert any("Another program writes" in said for said in each.problems)
    kept = await entries(bus)
    assert [e for e in kept if e.deed == "order"] == [entry(n) for n in range(5)]
    assert {e.refused for e in kept if e.deed == "node"} == {"another_writer"}
    assert (await proof(bus)).broken is None


async def test_what_somebody_else_puts_there_is_told_and_never_signed_for(tmp_path: Path) -> None:
    bus = MemoryBus()
    (forged,), _ = pages_of((1,), own=OFFICES.grant(OFFICES.city, "x", purposes=("node",)))
    async with recording(bus, tmp_path) as one:
        await one.record(entry(0))
        await bus.store(SUBJECT, forged)
        await one.record(entry(1))
        assert any("was put there by somebody else" in said for said in one.problems)
        await bus.store(SUBJECT, b"noise")
    async with recording(bus, tmp_path) as one:
        await one.record(entry(2))
        assert any("this node did not write" in said for said in one.problems)
    own = [s.data for s in await messages(bus) if s.data not in (forged, b"noise")]
    assert proof_of(own, [await head(bus)]).broken is None
    found = (await proof(bus)).broken
    assert found is not None and (found.page, found.why) == (2, "page")


async def test_after_a_crash_the_last_page_is_found_also_behind_noise(tmp_path: Path) -> None:
    bus = MemoryBus()
    async with recording(bus, tmp_path, crash=True) as one:
        for n in range(3):
            await one.record(entry(n))
    assert (await head(bus)).pages == 1  # the next is due in a minute
    for _ in range(2):
        await bus.store(SUBJECT, b"noise")
    async with recording(bus, tmp_path) as one:
        await one.record(entry(3))
    own = [s.data for s in await messages(bus) if s.data != b"noise"]
    found = proof_of(own, [await head(bus)])
    assert found.broken is None and found.tip.entries == 5  # with the one that tells of the noise


@pytest.mark.parametrize("where", ["bus", "both"])
async def test_an_audit_that_was_cut_stays_cut_whatever_is_written_later(where: str, tmp_path: Path) -> None:
    """Also when the head on the bus went with it: the node keeps one beside its keys."""
    bus = MemoryBus()
    for n in range(5):
        async with recording(bus, tmp_path) as one:
            await one.record(entry(n))
    cut = MemoryBus()
    for stored in (await messages(bus))[:3]:
        await cut.store(SUBJECT, stored.data)
    if where == "bus":
        stored_head = await bus.last(HEAD)
        assert stored_head is not None
        await cut.store(HEAD, stored_head.data)
    async with recording(cut, tmp_path) as one:
        await one.record(entry(5))
        assert any("has 3 pages, of 5 that were signed" in said for said in one.problems)
    async with recording(cut, tmp_path) as one:
        await one.record(entry(6))
        assert one.problems == ()
    found = (await proof(cut)).broken
    assert found is not None and (found.page, found.why) == (4, "missing") and "Pages 4 to 5" in found.en
    assert "cut" in {e.refused for e in await entries(cut)}


async def test_a_last_page_that_is_another_than_was_signed_is_told_and_covered_up_by_nothing(tmp_path: Path) -> None:
    """Somebody has the node's key, and writes its last page anew while it is down."""
    bus, other = MemoryBus(), MemoryBus()
    for n in range(3):
        async with recording(bus, tmp_path) as one:
            await one.record(entry(n))
    first, second, _ = await messages(bus)
    tip = chain.tip_of(chain.claimed(second.data), second.data)
    for data in (first.data, second.data, chain.write(tip, [entry(9)], NODE_KEY, NOW_MS)[0]):
        await other.store(SUBJECT, data)
    async with recording(other, tmp_path) as one:
        await one.record(entry(3))
        assert any("Page 3 of the audit is another than was signed" in said for said in one.problems)
    assert "rewritten" in {e.refused for e in await entries(other)}
    found = (await proof(other)).broken
    assert found is not None and found.page in (3, 4)


@pytest.mark.parametrize(("kept", "said"), [(2, "after page 2 were removed"), (3, "stored anew by somebody else")])
async def test_an_audit_that_is_stored_anew_while_the_node_runs_is_told(kept: int, said: str, tmp_path: Path) -> None:
    bus = MemoryBus()
    async with recording(bus, tmp_path) as one:
        for n in range(3):
            await one.record(entry(n))
        true = await messages(bus)
        await bus.forget(AUDIT, 4)
        for stored in true[:kept]:
            await bus.store(SUBJECT, stored.data)
        await one.record(entry(3))
        assert any(said in problem for problem in one.problems)
    found = (await proof(bus)).broken
    assert found == (None if kept == 3 else found) and (found is None or (found.page, found.why) == (3, "missing"))


async def test_an_audit_that_is_purged_while_the_node_runs_begins_later_for_ever(tmp_path: Path) -> None:
    bus = MemoryBus()
    async with recording(bus, tmp_path) as one:
        for n in range(3):
            await one.record(entry(n))
        await bus.forget(AUDIT, 4)
        await one.record(entry(3))
        assert any("3 pages of the audit were removed" in said for said in one.problems)
    found = (await proof(bus)).broken
    assert found is not None and (found.why, found.page) == ("beginning", 1)
