"""An audit that is cut, or stored anew: it stays cut for everyone to see, and whoever runs is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import AUDIT
from tests.audits import entry
from tests.test_recording import HEAD, SUBJECT, entries, messages, proof, recording


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
