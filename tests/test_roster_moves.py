"""People who move between towns: never two live numbers, wherever the import is cut off."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusioncmd import subjects
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.codes import Path
from fusioncmd.errors import BusDown, Problem
from fusioncmd.messages import encode
from fusioncmd.roster.slices import Entry, merge
from tests.test_roster_load import DOWN, TOWNS, VILLAGES, Watched, counts, csv, live, load, roster


async def test_who_moves_leaves_one_town_and_gets_a_number_in_the_other() -> None:
    bus = MemoryBus()
    await load(bus, csv(a=VILLAGES[0], b=VILLAGES[0], c=VILLAGES[1]))
    old = await live(bus)
    report = await load(bus, csv(a=VILLAGES[1], b=VILLAGES[0], c=VILLAGES[0]))
    assert counts(report) == {"unchanged": 1, "moved": 2, "towns_written": 2}
    new = await live(bus)
    assert new == {"a": [(1 << 16) + 1], "b": [1], "c": [2]}
    await load(bus, csv(a=VILLAGES[0], c=VILLAGES[1]))
    assert await live(bus) == old


@pytest.mark.parametrize("writes", range(7))
async def test_wherever_a_move_is_cut_off_nobody_has_two_numbers_and_the_next_import_finishes(writes: int) -> None:
    bus = Watched()
    await load(bus, csv(a=VILLAGES[0], b=VILLAGES[1], c=VILLAGES[2], d=VILLAGES[0]))
    left = [writes]

    def cut(_: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise DOWN

    bus.before_store = cut
    moved = csv(a=VILLAGES[1], b=VILLAGES[2], c=VILLAGES[0], d=VILLAGES[0])
    try:
        await load(bus, moved)
    except BusDown as problem:
        assert "run again" in problem.en and "重新运行" in problem.zh and writes < 6
    else:
        assert writes == 6
    numbers = await live(bus)
    assert all(len(mine) == 1 for mine in numbers.values()) and numbers["d"] == [1]
    bus.before_store = lambda _: None
    await load(bus, moved)
    assert await live(bus) == {"a": [(1 << 16) + 1], "b": [(2 << 16) + 1], "c": [2], "d": [1]}


async def test_somebody_with_two_live_numbers_is_brought_back_to_one() -> None:
    bus = MemoryBus()
    await load(bus, csv(a=VILLAGES[0]))
    doubled = merge(None, TOWNS[1], [Entry("a", "名a", "", 101, ("flood",))]).slice
    assert doubled is not None
    await bus.store(subjects.roster(Path(TOWNS[1])), encode(doubled))
    report = await load(bus, csv(a=VILLAGES[1]))
    assert await live(bus) == {"a": [1 << 16]} and counts(report) == {"unchanged": 1, "towns_written": 1}


FILES = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(VILLAGES), min_size=1),
        st.booleans(),
        st.lists(st.sampled_from([None, DOWN]), max_size=4),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60)
@given(FILES)
def test_numbers_are_never_reused_or_shared_through_any_imports_and_failures(
    files: list[tuple[dict[str, str], bool, list[Problem | None]]],
) -> None:
    async def story() -> None:
        bus = Watched()
        wanted: dict[str, str] = {}
        ever: dict[int, str] = {}
        for places, prune, troubles in files:
            pending = list(troubles)

            def trouble(_: str, pending: list[Problem | None] = pending) -> None:
                problem = pending.pop(0) if pending else None
                if problem is not None:
                    raise problem

            for attempt in (trouble, lambda _: None):
                bus.before_store = attempt
                try:
                    await load(bus, csv(**places), prune=prune)
                except BusDown:
                    assert attempt is trouble
                found = await roster(bus)
                numbers = await live(bus)
                assert all(len(mine) == 1 for mine in numbers.values())
                for number in found.everyone:
                    assert ever.setdefault(number, found.person(number).id) == found.person(number).id
            wanted = places if prune else wanted | places
            assert {i: found.person(mine[0]).place for i, mine in numbers.items()} == wanted

    asyncio.run(story())
