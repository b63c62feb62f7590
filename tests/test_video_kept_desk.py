"""What a node says of kept video: to whom it may, with its gaps; its digests in the audit; copies elsewhere."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fusioncmd import api
from fusioncmd.access import Actor, check
from fusioncmd.api.kept import Footage, FootageCut, FootagePart, FootageProof, KeepFootage, PinFootage
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.saying import Saying
from fusioncmd.bus.users import BusUser
from fusioncmd.cli.kept_proof import prove
from fusioncmd.codes import Path as Place
from fusioncmd.divisions import load
from fusioncmd.errors import BadInput, BadMessage, Forbidden, NotFound
from fusioncmd.roster.directory import Roster
from fusioncmd.video import subjects
from fusioncmd.video.copying import LATE_MS, Pace, nearest
from fusioncmd.video.fetching import fetch
from fusioncmd.video.kept import Missing, root_of
from gateways.console.cuts import Cuts, range_of
from tests.kept_recordings import KEY, T0, record
from tests.nats_server import until
from tests.worlds import Notebook, judge, make_order
from tiers import link_rights
from tiers.desk import Desk
from tiers.kept_copies import Copies
from tiers.kept_desk import KeptDesk
from tiers.kept_finding import Finding
from tiers.kept_store import KeptStore, folder_of
from tiers.kept_wanted import Wanted, read
from tiers.ledger import Ledger

CITY = Actor("city", frozenset({"commander", "auditor"}), Place("4401"))
COUNTY = Actor("county", frozenset({"commander"}), Place("440104"))


def desk_of(data: Path, notes: Notebook, now_ms: int = T0 + 60_000) -> KeptDesk:
    real = Desk(None, Place("4401"), Roster(load(None)), Ledger(judge()), None, judge(), None, notes)  # type: ignore[arg-type]
    return KeptDesk(real, data, notes, lambda: now_ms / 1_000)


def asking(desk: KeptDesk, who: Actor, notes: Notebook) -> Any:
    """As the node has it, with the audit's entries found."""

    async def ask(question: Any) -> Any:
        check(who, question)
        if isinstance(question, api.AuditFind):
            return SimpleNamespace(lines=[one for one in notes.entries if question.query in one.about])
        return await desk.answers()[type(question)](question, who)

    return ask


async def test_it_is_found_with_its_gaps_and_fetched_whole_by_who_may(tmp_path: Path) -> None:
    _, (first, second) = record(tmp_path, (0, 20_000))
    notes = Notebook()
    desk = desk_of(tmp_path, notes)
    ask = asking(desk, CITY, notes)
    found = (await ask(Footage(T0 - 5_000, T0 + 30_000, "440106"))).lines
    assert [(one.cause, one.segments) for one in found] == [("", 1), ("down", 0), ("", 1)]
    assert (found[1].begin_ms, found[1].end_ms) == (first.end_ms, second.begin_ms)
    (tmp_path / "parts").mkdir()
    made = await fetch(ask, FootageCut(*KEY, T0 + 400, T0 + 20_400), tmp_path / "parts", tmp_path / "x.mp4")
    assert [one.id for one in made.segments] == [first.id, second.id] and made.begins_ms == T0 + 400
    assert [(one.begin_ms, one.end_ms, one.cause) for one in made.missing] == [
        (first.end_ms, second.begin_ms, "down")
    ]  # fmt: skip
    assert notes.entries[-1].details["what"] == "fetched" and notes.entries[-1].about == ".".join(KEY)
    await ask(FootageCut(*KEY, T0 + 400, T0 + 20_400))
    assert len(notes.entries) == 1
    for question in (Footage(T0, T0 + 9, "440106"), FootageCut(*KEY, T0, T0 + 900), PinFootage("440106", T0, T0 + 9)):
        with pytest.raises(Forbidden):
            await asking(desk, COUNTY, notes)(question)
    with pytest.raises(NotFound):
        await asking(desk, COUNTY, notes)(FootagePart(first.id))
    with pytest.raises(NotFound):
        await asking(desk, COUNTY, notes)(FootageProof(first.id))
    with pytest.raises(BadInput):
        await ask(Footage(T0, T0 - 1))
    with pytest.raises(NotFound, match="Nothing was kept"):
        await ask(FootageCut(*KEY, T0 - 9_000, T0 - 8_000))


async def test_a_file_is_proved_by_the_audit_and_one_that_was_touched_is_not(tmp_path: Path) -> None:
    store, found = record(tmp_path, (0, 5_000))
    notes = Notebook()
    desk = desk_of(tmp_path, notes)
    ask = asking(desk, CITY, notes)
    target = tmp_path / "x.mp4"
    await fetch(ask, FootageCut(*KEY, T0, T0 + 9_000), tmp_path, target)
    with pytest.raises(NotFound, match="not in the audit yet"):
        await prove(ask, target)
    await desk._audit.run_once()
    await desk._audit.run_once()  # nothing twice
    (entry,) = [one for one in notes.entries if one.actor == "recorder"]
    assert entry.about == root_of([(one.id, one.sha256) for one in found]) and entry.details["segments"] == "2"
    assert await prove(ask, target) == (2, 2)
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 1
    target.write_bytes(data)
    with pytest.raises(BadInput, match="not what was recorded"):
        await prove(ask, target)
    segment = store.file(found[0])
    segment.write_bytes(segment.read_bytes()[:-1] + b"x")
    (tmp_path / "anew").mkdir()
    with pytest.raises(BadMessage, match="digest"):
        await fetch(ask, FootageCut(*KEY, T0, T0 + 9_000), tmp_path / "anew", tmp_path / "y.mp4")


async def test_what_is_chosen_and_what_orders_run_is_said_to_the_recorder(tmp_path: Path) -> None:
    record(tmp_path)
    notes = Notebook()
    desk = desk_of(tmp_path, notes)
    ask = asking(desk, CITY, notes)
    assert (await ask(KeepFootage(("440106001.cam1", "440104")))).chosen == ("440106001", "440106001.cam1", "440104")
    assert (await ask(KeepFootage(("440106001", "440104"), on=False))).chosen == ("440106001.cam1",)
    said = read(folder_of(tmp_path))
    assert said.chosen == ("440106001.cam1",) and not said.wants("440106001", "cam2") and said.wants(*KEY)
    assert [one.details["what"] for one in notes.entries[-3:]] == ["kept always", "kept in orders", "kept in orders"]
    order = make_order(1)
    desk._desk.ledger.book.orders[order.id] = order
    desk._want(said.chosen)
    running = read(folder_of(tmp_path))
    assert running.running == order.audience.nodes and running.wants("440106001", "cam2")
    pinned = await ask(PinFootage("440106", T0, T0 + 60_000))
    assert pinned.segments == 1 and [one.by for one in pinned.pins] == ["city"]
    assert (await ask(Footage(T0, T0 + 1_000))).lines[0].pinned
    assert (await ask(PinFootage("440106", T0, T0 + 60_000, on=False))).pins == ()
    assert Wanted(running=("44",)).wants("440106001", "x") and Wanted(running=("440106001002",)).wants("440106001", "x")


async def test_the_recorder_above_keeps_copies_and_goes_on_where_it_was(tmp_path: Path) -> None:
    below, found = record(tmp_path / "county", (0, 5_000), origin="440106")
    above = tmp_path / "city"
    own = KeptStore(above, folder_of(above), lambda: T0 / 1_000)
    bus = MemoryBus()
    saying = Saying(bus)
    ends = [
        Copies(bus, saying, Place("440106"), tmp_path / "county", below, lambda: T0 / 1_000, 1 << 40, 30),
        Copies(bus, saying, Place("4401"), above, own, lambda: T0 / 1_000, 1 << 40, 30, 1e9),
    ]
    partial = above / "video-copies" / "440106" / found[0].id[:10] / f"{found[0].id}.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(below.file(found[0]).read_bytes()[:10_000])  # of a fetch that was cut off
    tasks = [asyncio.create_task(each.run()) for each in (ends[1], ends[0])] + [asyncio.create_task(saying.run())]
    await until(lambda: ends[1]._below)
    await ends[1]._follow()
    await until(lambda: ends[1].fetched == 2)
    finding = Finding(above, lambda: T0 / 1_000)
    await until(lambda: len(finding.cut(T0, T0 + 9_000, *KEY).segments) == 2)
    for one in found:
        file, row = finding.file(one.id)
        assert hashlib.sha256(file.read_bytes()).hexdigest() == row.sha256 == one.sha256
    rows = finding.rows(T0, T0 + 9_000, "440106", "")[KEY]
    assert [row.cause for row in rows if isinstance(row, Missing)] == ["down"]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_copies_leave_a_link_to_who_needs_it_and_come_from_the_nearest() -> None:
    pace = Pace()
    for _ in range(100):
        pace.answered(40.0)
    assert pace.wait_s(32_768) < 0.1
    for _ in range(20):
        pace.answered(40.0 + 2 * LATE_MS)
    assert pace.wait_s(32_768) > 5
    assert nearest("44", {"4401", "440106", "440201", "44"}) == ["4401", "440201"]


async def test_a_browser_reads_ranges_of_one_file_that_is_made_once(tmp_path: Path) -> None:
    record(tmp_path)
    notes = Notebook()
    ask, cuts = asking(desk_of(tmp_path, notes), CITY, notes), Cuts()
    first, again = await asyncio.gather(*(cuts.file(ask, FootageCut(*KEY, T0, T0 + 500)) for _ in range(2)))
    assert first[0] == again[0] and (await cuts.file(ask, FootageCut(*KEY, T0, T0 + 500)))[0] == first[0]
    cuts.close()
    assert not first[0].exists()
    assert range_of("bytes=0-", 10) == (0, 9) and range_of("bytes=-3", 10) == (7, 9) and range_of("", 10) is None
    assert range_of("bytes=2-90", 10) == (2, 9) and range_of("bytes=1-2,4-5", 10) is None
    with pytest.raises(BadInput):
        range_of("bytes=10-", 10)


def test_a_link_says_what_was_kept_there_and_asks_nobody() -> None:
    says, hears = link_rights.link(BusUser("city", "link", "4401", "U" + "A" * 55))
    floor_says, floor_hears = link_rights.floor(BusUser("floor", "floor", "44", "U" + "A" * 55))
    said, asked = subjects.kept_said(Place("4401")), subjects.kept_ask(Place("4401"))
    assert said in says and asked in hears and asked not in says and said not in hears
    assert "fc.kept.44.*.ask" in floor_says and "fc.kept.44.*.said" in floor_hears and "fc.kept.44.said" in floor_says
    assert not [
        each for each in (*says, *hears) if each.startswith("fc.kept.") and not each.startswith("fc.kept.44.01.")
    ]
