"""Audiences: the bitmaps mean exactly what asking each person in turn would mean."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from fusioncmd import subjects
from fusioncmd.codes import Path
from fusioncmd.divisions import Divisions
from fusioncmd.errors import NotFound
from fusioncmd.messages import RosterSlice, Selector, encode
from fusioncmd.roster.directory import Roster
from fusioncmd.roster.numbers import extend, number_of
from fusioncmd.roster.slices import Entry, merge

# Two cities, one of them without counties; towns whose numbers are not adjacent below one county.
VILLAGES = ("440103001001", "440103001002", "440103002001", "440106001001", "441900001001", "441900002001")
PLACES = Divisions({"44": "广东省"} | dict.fromkeys(VILLAGES, "某村"))
ALL = list(PLACES.names)
ROLES = ("flood", "geology", "duty-leader")


@dataclass(frozen=True)
class Someone:
    place: str  # a village, or a town for a person of the town itself
    roles: tuple[str, ...]
    here: bool  # False: has left


def build(people: list[Someone]) -> tuple[Roster, dict[int, Someone]]:
    """The roster of `people`, and who has which number."""
    roster, numbered = Roster(PLACES), {}
    table = extend(None, PLACES)
    for town, code in enumerate(table.towns):
        mine = [(f"id{n}", p) for n, p in enumerate(people) if p.place[:9] == code]
        first = merge(None, code, [Entry(i, "陈伟", "1", int(p.place[9:] or 0), p.roles) for i, p in mine]).slice
        if first is None:
            continue
        last = merge(first, code, (), [i for i, p in mine if not p.here]).slice or first
        roster.put(subjects.roster(Path(code)), encode(last))
        numbered |= {number_of(town, slot): p for slot, (_, p) in enumerate(mine)}
    roster.put(subjects.roster(PLACES.root), encode(table))
    return roster, numbered


PEOPLE = st.lists(
    st.builds(
        Someone,
        st.sampled_from(VILLAGES + tuple(v[:9] for v in VILLAGES)),
        st.lists(st.sampled_from(ROLES), unique=True, max_size=3).map(tuple),
        st.booleans(),
    ),
    max_size=30,
)
SELECTORS = st.builds(
    Selector,
    st.lists(st.sampled_from(ALL), min_size=1, max_size=4).map(tuple),
    st.lists(st.sampled_from(ROLES), max_size=2).map(tuple),
    st.lists(st.sampled_from(ALL), max_size=3).map(tuple),
    st.lists(st.sampled_from(ROLES), max_size=2).map(tuple),
)


def meant(person: Someone, selector: Selector) -> bool:
    within = any(person.place.startswith(node) for node in selector.nodes)
    fits = not selector.roles or any(role in person.roles for role in selector.roles)
    spared = any(person.place.startswith(node) for node in selector.not_nodes)
    return person.here and within and fits and not spared and not set(person.roles) & set(selector.not_roles)


@given(PEOPLE, SELECTORS)
def test_a_selector_means_whom_asking_each_person_would_mean(people: list[Someone], selector: Selector) -> None:
    # Somebody has each role, so that every role is known.
    roster, numbered = build([*people, Someone(VILLAGES[0], ROLES, True)])
    assert set(roster.resolve(selector)) == {n for n, p in numbered.items() if meant(p, selector)}


@given(PEOPLE, st.sampled_from(ALL), st.sets(st.integers(0, 29)))
def test_members_counts_and_ranges_agree_with_the_people(people: list[Someone], code: str, some: set[int]) -> None:
    roster, numbered = build(people)
    path = Path(code)
    here = {n for n, p in numbered.items() if p.here and p.place.startswith(code)}
    assert set(roster.members(path)) == here
    chosen = BitMap([n for i, n in enumerate(sorted(numbered)) if i in some and numbered[n].here])
    assert roster.count(chosen, path) == len(here & set(chosen))
    if len(code) <= 9:
        assert {n for n in chosen if any(a <= n < b for a, b in roster.ranges(path))} == here & set(chosen)


@given(PEOPLE)
def test_the_places_right_below_add_up_with_those_of_the_place_itself(people: list[Someone]) -> None:
    roster, _ = build(people)
    for code in ALL:
        below = PLACES.children(Path(code))
        if below and len(code) < 9:
            assert sum(roster.count(roster.everyone, p) for p in below) == roster.count(roster.everyone, Path(code))
    assert roster.count(roster.everyone, Path("44")) == roster.people


def test_adjacent_towns_are_one_range() -> None:
    roster, _ = build([])
    assert roster.ranges(Path("44")) == [(0, 5 << 16)]
    assert roster.ranges(Path("4419")) == [(3 << 16, 5 << 16)]
    assert roster.ranges(Path("440106001")) == [(2 << 16, 3 << 16)]
    grown = extend(extend(None, PLACES), Divisions({"44": "广东省", "440103003": "新镇", "440107001": "新镇"}))
    roster.put(subjects.roster(PLACES.root), encode(grown))
    assert roster.ranges(Path("440103")) == [(0, 2 << 16), (5 << 16, 6 << 16)]


def test_the_last_town_and_slot_of_all_are_counted() -> None:
    towns = [f"44{n:07}" for n in range(1 << 16)]
    roster = Roster(Divisions({"44": "广东省"} | dict.fromkeys(towns, "某镇")))
    roster.put("fc.roster.44", encode(extend(None, roster.divisions)))
    ids = [str(n) for n in range(1 << 16)]
    zeros = [0] * len(ids)
    full = RosterSlice(towns[-1], 1, ids, ids, ids, zeros, [], zeros, [])
    roster.put(subjects.roster(Path(towns[-1])), encode(full))
    assert roster.count(roster.everyone, Path("44")) == len(roster.members(Path(towns[-1]))) == 1 << 16
    assert roster.everyone.max() == (1 << 32) - 1


def test_an_unknown_place_or_role_is_an_error_and_never_nobody() -> None:
    roster, _ = build([Someone(VILLAGES[0], ("flood",), True), Someone(VILLAGES[0], ("geology",), False)])
    for selector in (
        Selector(("4402",)),
        Selector(("44",), not_nodes=("440103001009",)),
        Selector(("44",), ("geology",)),
        Selector(("44",), not_roles=("nope",)),
    ):
        with pytest.raises(NotFound):
            roster.resolve(selector)
    with pytest.raises(NotFound, match="known: flood"):
        roster.resolve(Selector(("44",), ("nope",)))


def test_an_audience_is_the_callers_own_bitmap() -> None:
    roster, _ = build([Someone(VILLAGES[0], ("flood",), True)])
    for found in (roster.resolve(Selector((VILLAGES[0],), ("flood",))), roster.members(Path(VILLAGES[0]))):
        found.clear()
    assert len(roster.resolve(Selector((VILLAGES[0],), ("flood",)))) == 1
