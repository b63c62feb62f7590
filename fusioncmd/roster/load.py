"""From a file to the streams: read what is there, merge, write what changed, each town by compare-and-set.

Nothing is written before every row has been judged. A person who moves gets the new number before the old one ends,
so that whatever interrupts the import, nobody is lost; running it again finishes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
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
from fusioncmd.roster.slices import Entry, merge

WRITES_IN_FLIGHT = 32
CONFLICTS_MAX = 10
Progress = Callable[[str, int, int], None]  # step, done, of how many (0: unknown)


class BadRows(BadRoster):
    """The file has rows that cannot be taken, and nothing was written."""

    def __init__(self, people: People) -> None:
        first = people.bad[0]
        super().__init__(
            f"{people.bad_count} rows cannot be taken and nothing was imported; the first is line {first.line}: "
            f"{first.en}. (--skip-bad imports the others.)",
            f"有 {people.bad_count} 行无法导入，未写入任何数据；首个为第 {first.line} 行：{first.zh}"
            "（--skip-bad 可跳过）。",
        )
        self.people = people


@dataclass(slots=True)
class ImportReport:
    rows: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    moved: int = 0
    left: int = 0
    towns_written: int = 0
    bad_rows: int = 0
    bad: tuple[BadRow, ...] = ()


async def import_people(
    bus: Bus, divisions: Divisions, data: bytes, *, skip_bad: bool = False, prune: bool = False,
    progress: Progress = lambda *_: None,
) -> ImportReport:  # fmt: skip
    """Import people.csv; all or nothing as to bad rows unless `skip_bad`. `prune`: who is not in the file has left."""
    people = await asyncio.to_thread(people_csv.read, data, divisions, lambda rows: progress("read", rows, 0))
    if people.bad and not skip_bad:
        raise BadRows(people)
    await _extend_table(bus, divisions)
    writer = _Writer(bus, progress)
    await writer.load()
    report = writer.report
    report.rows, report.bad_rows, report.bad = people.rows, people.bad_count, tuple(people.bad)
    leaving = _leaving(people, writer.stored, prune)
    here = {entry.id for entries in people.by_town.values() for entry in entries}
    report.moved = sum(ident in here for ids in leaving.values() for ident in ids)
    await writer.write_all(people.by_town, {})
    await writer.write_all({}, leaving)
    report.left -= report.moved
    report.added -= report.moved
    return report


def _leaving(people: People, stored: dict[str, tuple[RosterSlice, int]], prune: bool) -> dict[str, list[str]]:
    """Town → ids that leave it: the file puts them elsewhere or, when pruning, nowhere."""
    town_of = {entry.id: town for town, entries in people.by_town.items() for entry in entries}
    leaving: dict[str, list[str]] = {}
    for town, (part, _) in stored.items():
        gone = set(part.left)
        for slot, ident in enumerate(part.ids):
            elsewhere = town_of.get(ident)
            if elsewhere != town and slot not in gone and (elsewhere is not None or prune):
                leaving.setdefault(town, []).append(ident)
    return leaving


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
    def __init__(self, bus: Bus, progress: Progress) -> None:
        self._bus, self._progress = bus, progress
        self.stored: dict[str, tuple[RosterSlice, int]] = {}  # town → slice, its sequence
        self.report = ImportReport()

    async def load(self) -> None:
        async for stored in self._bus.read(ROSTER):
            if subjects.path_of(stored.subject).tier is Tier.TOWN:
                self._keep(stored)

    async def write_all(self, entries: dict[str, list[Entry]], leaving: dict[str, list[str]]) -> None:
        towns = iter(sorted(entries.keys() | leaving.keys()))
        total = len(entries.keys() | leaving.keys())
        done = 0

        async def work() -> None:
            nonlocal done
            for town in towns:
                await self._write(town, entries.get(town, ()), leaving.get(town, ()))
                done += 1
                self._progress("write", done, total)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(WRITES_IN_FLIGHT):
                    group.create_task(work())
        except* Problem as problems:
            raise next(_leaves(problems)) from None

    async def _write(self, town: str, entries: Iterable[Entry], leaving: Iterable[str]) -> None:
        subject = subjects.roster(Path(town))
        for _ in range(CONFLICTS_MAX):
            before, seq = self.stored.get(town, (None, 0))
            change = merge(before, town, entries, leaving)
            if change.slice is not None:
                try:
                    seq = await self._bus.store(subject, encode(change.slice), expect_last=seq)
                except Conflict:
                    stored = await self._bus.last(subject)
                    if stored is not None:
                        self._keep(stored)
                    continue
                self.stored[town] = (change.slice, seq)
                self.report.towns_written += 1
            self.report.added += change.added
            self.report.changed += change.changed
            self.report.unchanged += change.unchanged
            self.report.left += change.left
            return
        raise Conflict(f"Town {town} keeps being changed; try again.", f"乡镇 {town} 正被频繁修改，请稍后重试。")

    def _keep(self, stored: Stored) -> None:
        part = decode(RosterSlice, stored.data)
        self.stored[part.town] = (part, stored.seq)


def _leaves(group: BaseExceptionGroup[Problem]) -> Iterator[Problem]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


assert WRITES_IN_FLIGHT <= limits.PUBLISHES_IN_FLIGHT_MAX
