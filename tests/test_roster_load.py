"""Imports: all or nothing, numbers kept, and writers who meet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from fusioncmd import limits, subjects
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import ROSTER, Stored
from fusioncmd.codes import Path
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadRoster, BusDown, Conflict
from fusioncmd.messages import RosterSlice, TownTable, decode, encode
from fusioncmd.roster.directory import Roster
from fusioncmd.roster.load import BadRows, ImportReport, import_people
from fusioncmd.roster.slices import Entry, merge

TOWNS = ("440106001", "440106002", "441900001")
VILLAGES = tuple(town + "101" for town in TOWNS)
PLACES = Divisions({"44": "广东省"} | dict.fromkeys(VILLAGES, "某村"))
DOWN = BusDown("The bus is down.", "总线中断。")


class Watched(MemoryBus):
    """Before each write, `before_store` may raise, or give what somebody else writes there first."""

    def __init__(self) -> None:
        super().__init__()
        self.before_store: Callable[[str], bytes | None] = lambda _: None

    async def store(self, subject: str, data: bytes, *, expect_last: int | None = None) -> int:
        theirs = self.before_store(subject)
        if theirs is not None:
            await super().store(subject, theirs)
        return await super().store(subject, data, expect_last=expect_last)


def csv(**places: str) -> bytes:
    """a=village: the person a lives there."""
    return "".join(f"{ident},名{ident},,{village},flood\n" for ident, village in places.items()).encode()


async def load(bus: MemoryBus, data: bytes, *, skip_bad: bool = False, prune: bool = False) -> ImportReport:
    report = await import_people(bus, PLACES, data, skip_bad=skip_bad, prune=prune)
    assert report.seconds >= 0
    return report


def counts(report: ImportReport) -> dict[str, int]:
    names = ("added", "changed", "unchanged", "moved", "left", "towns_written")
    return {name: getattr(report, name) for name in names if getattr(report, name)}


async def stored(bus: MemoryBus) -> list[Stored]:
    return [message async for message in bus.read(ROSTER)]


async def roster(bus: MemoryBus) -> Roster:
    found = Roster(PLACES)
    for message in await stored(bus):
        found.put(message.subject, message.data)
    return found


async def live(bus: MemoryBus) -> dict[str, list[int]]:
    """Person → the live numbers that they have."""
    found = await roster(bus)
    numbers: dict[str, list[int]] = {}
    for number in found.everyone:
        numbers.setdefault(found.person(number).id, []).append(number)
    return numbers


async def test_a_first_import_writes_the_table_and_a_slice_per_town() -> None:
    bus = MemoryBus()
    told: list[tuple[str, int, int]] = []
    data = csv(a=VILLAGES[0], b=VILLAGES[0], c=VILLAGES[2])
    report = await import_people(bus, PLACES, data, progress=lambda *step: told.append(step))
    assert counts(report) == {"added": 3, "towns_written": 2} and report.rows == 3
    messages = await stored(bus)
    assert decode(TownTable, messages[0].data).towns == TOWNS
    assert {m.subject for m in messages[1:]} == {subjects.roster(Path(t)) for t in (TOWNS[0], TOWNS[2])}
    assert told[-1] == ("write", 2, 2) and ("read", 3, 0) in told


async def test_the_same_file_again_writes_nothing() -> None:
    bus = MemoryBus()
    await load(bus, csv(a=VILLAGES[0], b=VILLAGES[1]))
    before = await stored(bus)
    assert counts(await load(bus, csv(a=VILLAGES[0], b=VILLAGES[1]))) == {"unchanged": 2}
    assert await stored(bus) == before


async def test_a_bad_row_stops_the_import_before_anything_is_written() -> None:
    bus = MemoryBus()
    data = csv(a=VILLAGES[0]) + b"b,,,nowhere,\nc\n"
    with pytest.raises(BadRoster, match="2 rows") as caught:
        await load(bus, data)
    problem = caught.value
    assert isinstance(problem, BadRows) and problem.code == "BadRoster" and problem.count == 2
    assert [row.line for row in problem.problems] == [2, 3] and "第 2 行" in problem.zh
    assert await stored(bus) == []


async def test_skip_bad_imports_the_others_and_reports_the_bad() -> None:
    bus = MemoryBus()
    report = await load(bus, csv(a=VILLAGES[0]) + b"b,,,nowhere,\n", skip_bad=True)
    assert (report.added, report.rows, report.bad_rows, report.bad[0].line) == (1, 2, 1, 2)


@pytest.mark.parametrize("bound", ["SLOTS_PER_TOWN_MAX", "ROLES_PER_TOWN_MAX", "TOWNS_MAX"])
async def test_a_bound_met_in_the_last_town_leaves_the_first_unwritten(
    bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, bound, 2)
    bus = MemoryBus()
    crowd = "".join(f"x{n},名,,{VILLAGES[2]},r{n}\n" for n in range(3)).encode()
    with pytest.raises(BadRoster):
        await load(bus, csv(a=VILLAGES[0]) + crowd)
    assert await stored(bus) == []


async def test_prune_lets_go_who_is_not_in_the_file_and_they_return_with_their_number() -> None:
    bus = MemoryBus()
    await load(bus, csv(a=VILLAGES[0], b=VILLAGES[0], c=VILLAGES[1]))
    before = await live(bus)
    assert counts(await load(bus, csv(b=VILLAGES[0]))) == {"unchanged": 1}
    report = await load(bus, csv(b=VILLAGES[0]), prune=True)
    assert counts(report) == {"unchanged": 1, "left": 2, "towns_written": 2}
    assert set(await live(bus)) == {"b"}
    await load(bus, csv(c=VILLAGES[1], a=VILLAGES[0]))
    assert await live(bus) == before


@pytest.mark.parametrize("row", ["b,名,call me,{},flood", "b,名", 'b,"名,,{},flood', "b,名,,nowhere,"])
async def test_prune_keeps_who_is_in_the_file_with_a_bad_row(row: str) -> None:
    bus = MemoryBus()
    await load(bus, csv(a=VILLAGES[0], b=VILLAGES[0], c=VILLAGES[0]))
    data = csv(a=VILLAGES[0]) + row.format(VILLAGES[0]).encode()
    report = await load(bus, data, skip_bad=True, prune=True)
    assert report.left == 1 and set(await live(bus)) == {"a", "b"}


async def test_a_failure_without_moves_is_told_as_it_is() -> None:
    bus = MemoryBus()
    bus.fail = [DOWN]
    with pytest.raises(BusDown) as caught:
        await load(bus, csv(a=VILLAGES[0]))
    assert caught.value is DOWN


async def test_a_town_that_somebody_else_writes_meanwhile_is_read_and_merged_again() -> None:
    bus = Watched()
    await load(bus, csv(a=VILLAGES[0]))
    subject = subjects.roster(Path(TOWNS[0]))
    first = await bus.last(subject)
    assert first is not None
    theirs = merge(decode(RosterSlice, first.data), TOWNS[0], [Entry("z", "名z", "", 101, ())]).slice
    assert theirs is not None
    waiting = [encode(theirs)]
    bus.before_store = lambda at: waiting.pop() if at == subject and waiting else None
    assert counts(await load(bus, csv(b=VILLAGES[0]))) == {"added": 1, "towns_written": 1}
    assert await live(bus) == {"a": [0], "z": [1], "b": [2]}


async def test_two_imports_at_once_give_every_person_one_number() -> None:
    bus = MemoryBus()
    one = "".join(f"a{n},名,,{VILLAGES[n % 3]},\n" for n in range(30)).encode()
    two = "".join(f"b{n},名,,{VILLAGES[n % 3]},\n" for n in range(30)).encode()
    await asyncio.gather(load(bus, one), load(bus, two))
    numbers = await live(bus)
    assert len(numbers) == 60 and all(len(mine) == 1 for mine in numbers.values())


async def test_endless_conflicts_end_in_a_conflict() -> None:
    bus = Watched()

    def refuse(subject: str) -> None:
        if subject == subjects.roster(Path(TOWNS[0])):
            raise Conflict("first", "先行")

    bus.before_store = refuse
    with pytest.raises(Conflict, match=TOWNS[0]):
        await load(bus, csv(a=VILLAGES[0]))


async def test_writes_in_flight_are_bounded() -> None:
    towns = [f"4401060{n:02}" for n in range(100)]
    places = Divisions({"44": "广东省"} | dict.fromkeys(towns, "某镇"))
    flying, most = [0], [0]

    class Slow(MemoryBus):
        async def store(self, subject: str, data: bytes, *, expect_last: int | None = None) -> int:
            flying[0] += 1
            most[0] = max(most[0], flying[0])
            for _ in range(5):
                await asyncio.sleep(0)
            flying[0] -= 1
            return await super().store(subject, data, expect_last=expect_last)

    data = "".join(f"p{town},名,,{town},\n" for town in towns).encode()
    assert (await import_people(Slow(), places, data)).towns_written == 100
    assert 1 < most[0] <= limits.PUBLISHES_IN_FLIGHT_MAX
