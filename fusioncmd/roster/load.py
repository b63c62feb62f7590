"""From a file to the streams: read what is there, merge, write what changed, each town by compare-and-set.

Nothing is written before every row has been judged and the whole merge has been rehearsed in memory.

A person who moves leaves the old town before the new one has them, in two rounds of writes. So nobody ever has two
live numbers, and is never called, awaited or counted twice, whatever interrupts the import. The price: cut off between
the rounds, the import leaves those who move without a number until it is run again, which finishes it; its failure
says so. The other order would leave a second number that looks silent for ever when nobody runs it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from fusioncmd import limits, subjects
from fusioncmd.bus.port import ROSTER, Bus, Stored
from fusioncmd.codes import Path, Tier
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadRoster, Conflict, Problem
from fusioncmd.messages import RosterSlice, TownTable, decode, encode
from fusioncmd.roster import people_csv
from fusioncmd.roster.numbers import extend
from fusioncmd.roster.people_csv import BadRow, People
from fusioncmd.roster.plan import Round, Slices, make_plan, rehearse
from fusioncmd.roster.slices import Change, check

CONFLICTS_MAX = 10
Progress = Callable[[str, int, int], None]  # step, done, of how many (0: unknown)


class BadRows(BadRoster):
    """The file has rows that cannot be taken, and nothing was written. `problems` are the first of `count`."""

    def __init__(self, people: People) -> None:
        self.problems = tuple(people.bad)
        self.count = people.bad_count
        first = self.problems[0]
        super().__init__(
            f"{self.count} rows cannot be taken and nothing was imported; the first is line {first.line}: "
            f"{first.en}. (--skip-bad imports the others.)",
            f"有 {self.count} 行无法导入，未写入任何数据；首个为第 {first.line} 行：{first.zh}（--skip-bad 可跳过）。",
        )

    @property
    def code(self) -> str:
        return BadRoster.__name__


@dataclass(slots=True)
class ImportReport:
    """`added` are new people and those who returned; `moved` went from one town to another and are neither added nor
    left. `towns_written` are different towns."""

    rows: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    moved: int = 0
    left: int = 0
    towns_written: int = 0
    bad_rows: int = 0
    bad: tuple[BadRow, ...] = ()
    seconds: float = 0.0


async def import_people(
    bus: Bus, divisions: Divisions, data: bytes, *, skip_bad: bool = False, prune: bool = False,
    progress: Progress = lambda *_: None,
) -> ImportReport:  # fmt: skip
    """Import people.csv; all or nothing as to bad rows unless `skip_bad`. `prune`: who is not in the file has left;
    a person whose row is bad is in the file. `progress` may be called from another thread."""
    clock = asyncio.get_running_loop().time
    started_s = clock()
    people = await asyncio.to_thread(people_csv.read, data, divisions, lambda rows: progress("read", rows, 0))
    if people.bad and not skip_bad:
        raise BadRows(people)
    writer = _Writer(bus, progress, await _read_slices(bus))
    plan = await asyncio.to_thread(make_plan, people, writer.slices, prune)
    await asyncio.to_thread(rehearse, plan, writer.slices)
    await _extend_table(bus, divisions)
    writer.total = len(plan.partings.towns) + len(plan.arrivals.towns)
    try:
        partings = await writer.write(plan.partings)
        arrivals = await writer.write(plan.arrivals)
    except Problem as problem:
        raise _cut_off(problem) if plan.movers else problem from None
    both = partings + arrivals
    return ImportReport(
        rows=people.rows,
        added=sum(change.added for change in partings),
        changed=sum(change.changed for change in both),
        unchanged=sum(change.unchanged for change in both),
        moved=sum(change.added for change in arrivals),
        left=sum(ident not in plan.movers for change in both for ident in change.left),
        towns_written=len(writer.written),
        bad_rows=people.bad_count,
        bad=tuple(people.bad),
        seconds=round(clock() - started_s, 3),
    )


async def _read_slices(bus: Bus) -> Slices:
    slices: Slices = {}
    async for stored in bus.read(ROSTER):
        if subjects.path_of(stored.subject).tier is Tier.TOWN:
            part = _slice(stored)
            slices[part.town] = part, stored.seq
    return slices


async def _extend_table(bus: Bus, divisions: Divisions) -> None:
    subject = subjects.roster(divisions.root)
    for _ in range(CONFLICTS_MAX):
        stored = await bus.last(subject)
        before = None if stored is None else decode(TownTable, stored.data)
        table = extend(before, divisions)
        if before is not None and table.edition == before.edition:
            return
        try:
            await bus.store(subject, encode(table), expect_last=0 if stored is None else stored.seq)
            return
        except Conflict:
            continue
    raise Conflict("Somebody else keeps changing the roster; try again.", "名册正被他人频繁修改，请稍后重试。")


class _Writer:
    def __init__(self, bus: Bus, progress: Progress, slices: Slices) -> None:
        self._bus, self._progress = bus, progress
        self.slices = slices
        self.written: set[str] = set()
        self.done = self.total = 0

    async def write(self, part: Round) -> list[Change]:
        """Write every town of `part`, a bounded number at once; what changed in each."""
        towns = iter(part.towns)
        changes: list[Change] = []

        async def work() -> None:
            for town in towns:
                changes.append(await self._write(town, part))
                self.done += 1
                self._progress("write", self.done, self.total)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(limits.PUBLISHES_IN_FLIGHT_MAX):
                    group.create_task(work())
        except ExceptionGroup as failed:
            problems, others = failed.split(Problem)
            if problems is None or others is not None:
                raise
            raise problems.exceptions[0] from None
        return changes

    async def _write(self, town: str, part: Round) -> Change:
        subject = subjects.roster(Path(town))
        for _ in range(CONFLICTS_MAX):
            before, seq = self.slices.get(town, (None, 0))
            change, data = part.merge(town, before)
            if change.slice is None:
                return change
            try:
                seq = await self._bus.store(subject, data, expect_last=seq)
            except Conflict:
                stored = await self._bus.last(subject)
                if stored is not None:
                    self.slices[town] = _slice(stored), stored.seq
                continue
            self.slices[town] = change.slice, seq
            self.written.add(town)
            return change
        raise Conflict(f"Town {town} keeps being changed; try again.", f"乡镇 {town} 正被频繁修改，请稍后重试。")


def _slice(stored: Stored) -> RosterSlice:
    return check(decode(RosterSlice, stored.data), subjects.path_of(stored.subject).code)


def _cut_off(problem: Problem) -> Problem:
    return type(problem)(
        f"{problem.en} People who move between towns have no number until the import is run again.",
        f"{problem.zh}跨乡镇调动的人员暂无编号，请重新运行导入。",
    )
