"""What an import will write, before it does: who is where, who leaves, who moves, and in which round. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from fusioncmd.messages import RosterSlice, encode
from fusioncmd.roster.people_csv import People
from fusioncmd.roster.slices import Change, Entry, merge

Slices = dict[str, tuple[RosterSlice, int]]  # town → slice, its sequence in the stream


@dataclass(slots=True)
class Round:
    """What one round of writes does: town → who is there now, and the ids that leave."""

    entries: dict[str, list[Entry]] = field(default_factory=dict)
    leaving: dict[str, list[str]] = field(default_factory=dict)

    @property
    def towns(self) -> list[str]:
        return sorted(self.entries.keys() | self.leaving.keys())

    def merge(self, town: str, before: RosterSlice | None) -> tuple[Change, bytes]:
        change = merge(before, town, self.entries.get(town, ()), self.leaving.get(town, ()))
        return change, b"" if change.slice is None else encode(change.slice)


@dataclass(slots=True)
class Plan:
    """Everyone but the arrivals first, and then those: `movers` have left their old towns by then."""

    partings: Round
    arrivals: Round
    movers: frozenset[str]


def make_plan(people: People, slices: Slices, prune: bool) -> Plan:
    """Who leaves where: the file puts them elsewhere or, when pruning, nowhere."""
    town_of = {entry.id: town for town, entries in people.by_town.items() for entry in entries}
    leaving: dict[str, list[str]] = {}
    movers: set[str] = set()
    for town, (part, _) in slices.items():
        gone = set(part.left)
        for slot, ident in enumerate(part.ids):
            to = town_of.get(ident)
            if to == town or slot in gone:
                continue
            if to is not None:
                movers.add(ident)
                leaving.setdefault(town, []).append(ident)
            elif prune and ident not in people.spoken_of:
                leaving.setdefault(town, []).append(ident)
    if not movers:
        return Plan(Round(people.by_town, leaving), Round(), frozenset())
    plan = Plan(Round({}, leaving), Round(), frozenset(movers))
    for town, entries in people.by_town.items():
        for part_of, chosen in (
            (plan.partings, [e for e in entries if e.id not in movers]),
            (plan.arrivals, [e for e in entries if e.id in movers]),
        ):
            if chosen:
                part_of.entries[town] = chosen
    return plan


def rehearse(plan: Plan, slices: Slices) -> None:
    """Raise now what the merge would raise half-way: a town that is full, or too large for a message."""
    changed: dict[str, RosterSlice] = {}
    for part in (plan.partings, plan.arrivals):
        for town in part.towns:
            before = changed.get(town) or (slices[town][0] if town in slices else None)
            change, _ = part.merge(town, before)
            if change.slice is not None and plan.arrivals.entries:
                changed[town] = change.slice
