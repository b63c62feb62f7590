"""A tier node dies and comes back: the same tallies, from the last whole snapshot and what the streams still hold."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from fusioncmd import api, limits
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import CALL, RECEIPT, REPORT, ROSTER, StreamSpec
from fusioncmd.errors import BusDown
from fusioncmd.messages import ANSWERED, RECEIVED, SENT
from tests.test_desk import PEOPLE
from tests.test_ledger import ALERT, OTHER, mark, receipts, report
from tests.test_ledger_files import files_of_at_most
from tests.test_node import TALLY, ask, counts, node_of, province, put, running
from tests.worlds import CHIEF


async def first_of(bus: MemoryBus, stream: StreamSpec = RECEIPT) -> int:
    return (await bus.edge(stream)).first


@pytest.mark.parametrize("snapshots", range(4))
@pytest.mark.parametrize("crash", [True, False])
async def test_after_a_restart_the_tallies_are_the_same(tmp_path: Path, snapshots: int, crash: bool) -> None:
    bus = await province()
    async with running(bus, tmp_path, crash=crash) as node:
        for n in range(4):
            who = PEOPLE[n : n + 3]
            await put(
                bus,
                receipts(mark(ALERT, RECEIVED, who), mark(OTHER, SENT, who)),
                receipts(mark(ALERT, ANSWERED, who, n % 2)),
            )
            await put(bus, report(ALERT, PEOPLE[n], n + 1))
            if n < snapshots:
                await node.snapshot()
        before = await counts(bus)
    assert before[0].answered == 6
    async with running(bus, tmp_path):
        assert await counts(bus) == before
        assert (await ask(bus, api.Reports(ALERT.id))).total == 4
        await put(bus, receipts(mark(ALERT, ANSWERED, PEOPLE[-1:], 0)))
        assert (await counts(bus))[0].answered == 7


async def test_streams_forget_only_what_the_snapshot_before_the_last_held(tmp_path: Path) -> None:
    bus = await province()
    older = tmp_path / "older"
    async with running(bus, tmp_path / "now") as node:
        for n in range(5):
            await put(bus, receipts(mark(ALERT, ANSWERED, PEOPLE[n : n + 1], 0)), report(ALERT, PEOPLE[n], n + 1))
            shutil.rmtree(older, ignore_errors=True)
            shutil.copytree(tmp_path / "now", older)  # the last snapshot, should the next one be torn
            await node.snapshot()
            assert await first_of(bus) == await first_of(bus, REPORT) == max(n, 1) + (n > 0)
            assert await first_of(bus, CALL) == await first_of(bus, ROSTER) == 1
            wanted = await counts(bus)
            again = node_of(bus, older)
            await again._folding.read_everything()
            assert (await again.desk.tally(TALLY, CHIEF)).total == wanted[0]
            del bus.tails[-5:]


async def test_a_stream_keeps_what_the_ledger_had_no_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REPORTS_PER_ORDER_MAX", 2)
    bus = await province()
    for _ in range(2):  # the second life knows what the first passed over
        async with running(bus, tmp_path) as node:
            for n in range(3):
                await put(bus, report(ALERT, PEOPLE[n], n + 1), receipts(mark(ALERT, SENT, PEOPLE[n : n + 1])))
                await node.snapshot()
            assert await first_of(bus, REPORT) == 3
            assert "shed" in (await ask(bus, api.Health())).problems[0]


async def test_a_snapshot_is_written_only_when_something_changed(tmp_path: Path) -> None:
    bus = await province()
    async with running(bus, tmp_path) as node:
        await node.snapshot()
        head = (tmp_path / "ledger" / "head").stat().st_ino
        await node.snapshot()
        assert (tmp_path / "ledger" / "head").stat().st_ino == head
        await put(bus, receipts(mark(ALERT, SENT, PEOPLE[:1])))
        await node.snapshot()
        assert (tmp_path / "ledger" / "head").stat().st_ino != head


async def test_a_stream_that_is_new_is_read_from_its_beginning_and_keeps_what_no_snapshot_held(tmp_path: Path) -> None:
    bus = await province()
    async with running(bus, tmp_path) as node:
        for n in range(6):
            await put(bus, receipts(mark(ALERT, ANSWERED, PEOPLE[n : n + 1], 0)))
        await node.snapshot()
    wiped = await province()
    await put(wiped, *[receipts(mark(ALERT, ANSWERED, PEOPLE[n : n + 1], 1)) for n in (7, 8, 9)])
    async with running(wiped, tmp_path, crash=True) as node:
        assert (await counts(wiped))[0].by_answer == (6, 3)
        await node.snapshot()
        assert await first_of(wiped) == 1
        await put(wiped, receipts(mark(ALERT, ANSWERED, PEOPLE[10:11], 1)))
    async with running(wiped, tmp_path) as node:
        assert (await counts(wiped))[0].by_answer == (6, 4)
        await node.snapshot()
        assert await first_of(wiped) == 4


async def test_a_full_disk_is_shown_forgets_nothing_and_is_made_good_when_there_is_room(tmp_path: Path) -> None:
    bus = await province()
    async with running(bus, tmp_path) as node:
        await node.snapshot()
        await put(bus, receipts(mark(ALERT, ANSWERED, PEOPLE[:3], 0)))
        for _ in range(2):
            with files_of_at_most(10), capture_logs():
                await node.snapshot()
        assert "not written" in (await ask(bus, api.Health())).problems[0]
        assert await first_of(bus) == 1 and (await counts(bus))[0].answered == 3
        await node.snapshot()
        assert (await ask(bus, api.Health())).problems == ()
    empty = MemoryBus()
    async with running(empty, tmp_path) as node:  # all that was folded is on disk
        assert len(node.desk.ledger.view(ALERT, node.desk.reachable).answered) == 3


async def test_a_bus_that_is_lost_while_streams_are_to_forget_costs_nothing(tmp_path: Path) -> None:
    class Lossy(MemoryBus):
        down = False

        async def forget(self, stream: StreamSpec, below_seq: int) -> None:
            if self.down:
                raise BusDown("The bus does not answer.", "总线没有应答。")
            await super().forget(stream, below_seq)

    bus = await province(Lossy())
    async with running(bus, tmp_path, crash=True) as node:
        for n in range(3):
            await put(bus, receipts(mark(ALERT, ANSWERED, PEOPLE[n : n + 1], 0)))
            bus.down = n == 1
            with capture_logs():
                await node.snapshot()
            assert len((await ask(bus, api.Health())).problems) == bus.down
        assert await first_of(bus) == 2  # as if the snapshot that could not end had not been made
    async with running(bus, tmp_path):
        assert (await counts(bus))[0].answered == 3


async def test_damage_on_disk_is_shown_to_the_commander(tmp_path: Path) -> None:
    bus = await province()
    async with running(bus, tmp_path):
        pass
    file = next((tmp_path / "ledger").glob("*.order"))
    file.write_bytes(b"damaged")
    async with running(bus, tmp_path):
        assert "repaired" in (await ask(bus, api.Health())).problems[0]
        assert (await counts(bus))[0].targeted == len(PEOPLE)
    file.write_bytes(b"damaged")
    (file.parent / "copy" / file.name).write_bytes(b"damaged")
    async with running(bus, tmp_path):
        assert "set aside" in (await ask(bus, api.Health())).problems[0]
        assert (await counts(bus))[0].targeted == len(PEOPLE)


async def test_a_stream_that_went_back_under_a_running_node_ends_it_and_forgets_nothing(tmp_path: Path) -> None:
    bus = await province()
    async with running(bus, tmp_path) as node:
        for n in range(3):
            await put(bus, receipts(mark(ALERT, ANSWERED, PEOPLE[n : n + 1], 0)))
            await node.snapshot()
        node._ledger.handled[RECEIPT.name] += 5  # as if the stream had been restored from an older copy
        first = await first_of(bus)
        await put(bus, report(ALERT, PEOPLE[0], 1))
        await node.snapshot()
        assert node._stop.is_set() and await first_of(bus) == first
