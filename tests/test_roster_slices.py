"""Numbers and slices: what an id has been given it keeps, through any sequence of imports."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd import limits
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadMessage, BadRoster
from fusioncmd.messages import RosterSlice
from fusioncmd.roster.numbers import block, extend, grows_from, number_of, slot_of, town_of
from fusioncmd.roster.slices import Change, Entry, check, merge, roles_of

TOWN = "440106001"


def places(*towns: str) -> Divisions:
    return Divisions({"44": "广东省"} | dict.fromkeys(towns, "某镇"))


def entry(ident: str, name: str = "陈伟", village: int = 1, roles: tuple[str, ...] = ("flood",)) -> Entry:
    return Entry(ident, name, "10012345678", village, roles)


def merged(before: RosterSlice | None, *entries: Entry, leaving: tuple[str, ...] = ()) -> RosterSlice:
    part = merge(before, TOWN, entries, leaving).slice
    assert part is not None
    return check(part, TOWN)


@given(st.integers(0, limits.TOWNS_MAX - 1), st.integers(0, limits.SLOTS_PER_TOWN_MAX - 1))
def test_a_number_gives_back_its_town_and_slot(town: int, slot: int) -> None:
    number = number_of(town, slot)
    assert (town_of(number), slot_of(number)) == (town, slot)
    assert number in range(*block(town)) and number < 1 << 32


def test_towns_are_numbered_in_code_order_and_a_new_one_at_the_end() -> None:
    first = extend(None, places("440106002", "440106001"))
    assert (first.edition, first.towns) == (1, ("440106001", "440106002"))
    second = extend(first, places("440106000", "440105009", "440106002"))
    assert (second.edition, second.towns) == (2, (*first.towns, "440105009", "440106000"))
    assert extend(second, places("440106002")) is second


def test_a_town_beyond_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOWNS_MAX", 2)
    with pytest.raises(BadRoster):
        extend(None, places("440106001", "440106002", "440106003"))


@given(st.lists(st.sets(st.sampled_from([f"4401060{n:02}" for n in range(12)]), min_size=1), min_size=1, max_size=8))
def test_town_numbers_never_change_whatever_divisions_come(worlds: list[set[str]]) -> None:
    table = None
    for world in worlds:
        before = table
        table = extend(before, places(*world))
        assert world <= set(table.towns)
        if before is not None:
            assert grows_from(before.towns, table.towns)
            assert table.edition - before.edition == (table.towns != before.towns)


def test_the_same_people_again_are_no_new_edition() -> None:
    part = merged(None, entry("a"), entry("b"))
    assert part.edition == 1
    again = merge(part, TOWN, [entry("b"), entry("a")])
    assert (again.slice, again.unchanged) == (None, 2)


def test_a_changed_name_phone_village_or_role_keeps_the_slot() -> None:
    part = merged(None, entry("a"), entry("b"))
    change = merge(part, TOWN, [Entry("b", "李芳", "1", 7, ("geology", "flood"))])
    after = change.slice
    assert after is not None and (change.changed, change.added, after.edition) == (1, 0, 2)
    assert (after.ids, after.names[1], after.phones[1], after.villages[1]) == (["a", "b"], "李芳", "1", 7)
    assert set(roles_of(after, 1)) == {"flood", "geology"} and roles_of(after, 0) == ("flood",)


def test_roles_in_another_order_are_the_same_roles() -> None:
    part = merged(None, entry("a", roles=("flood", "geology")))
    assert merge(part, TOWN, [entry("a", roles=("geology", "flood"))]).slice is None


def test_who_leaves_keeps_the_slot_and_who_returns_has_it_again() -> None:
    part = merged(None, entry("a"), entry("b"))
    gone = merged(part, leaving=("a", "unknown"))
    assert (gone.ids, gone.left) == (["a", "b"], [0])
    with_new = merged(gone, entry("c"))
    assert (with_new.ids, with_new.left) == (["a", "b", "c"], [0])
    back = merge(with_new, TOWN, [entry("a")])
    assert back.added == 1 and back.slice is not None
    assert (back.slice.ids, back.slice.left) == (["a", "b", "c"], [])


def test_who_left_does_not_leave_again() -> None:
    gone = merged(merged(None, entry("a")), leaving=("a",))
    assert merge(gone, TOWN, (), ("a",)) == Change(None)


def test_an_entry_wins_over_leaving() -> None:
    part = merged(None, entry("a"))
    change = merge(part, TOWN, [entry("a")], ("a",))
    assert (change.slice, change.left, change.unchanged) == (None, [], 1)


def test_a_merge_leaves_the_edition_before_as_it_was() -> None:
    part = merged(None, entry("a"))
    copy = msgspec.convert(msgspec.to_builtins(part), RosterSlice)
    merged(part, entry("a", "李芳"), entry("b", roles=("x",)))
    assert part == copy


def test_a_full_town_refuses_a_further_person_and_takes_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SLOTS_PER_TOWN_MAX", 2)
    part = merged(None, entry("a"), entry("b"))
    gone = merged(part, leaving=("a",))
    with pytest.raises(BadRoster, match=TOWN):
        merge(gone, TOWN, [entry("c")])
    assert merged(gone, entry("a", "李芳")).ids == ["a", "b"]


def test_roles_beyond_the_bound_are_refused_while_somebody_has_the_others() -> None:
    part = merged(None, *(entry(f"p{n}", roles=(f"r{n}",)) for n in range(limits.ROLES_PER_TOWN_MAX)))
    with pytest.raises(BadRoster, match=TOWN):
        merge(part, TOWN, [entry("one-more", roles=("new",))])


def test_a_role_that_nobody_has_makes_room_and_nobody_else_changes_roles() -> None:
    many = [entry(f"p{n}", roles=(f"r{n}", "r0")) for n in range(limits.ROLES_PER_TOWN_MAX)]
    part = merged(None, *many)
    fewer = merged(part, entry("p5", roles=("r0",)))
    after = merged(fewer, entry("p5", roles=("r0", "new")))
    assert "r5" not in after.role_names and len(after.role_names) == limits.ROLES_PER_TOWN_MAX
    for slot, ident in enumerate(after.ids):
        assert set(roles_of(after, slot)) == ({"r0", "new"} if ident == "p5" else set(many[slot].roles))


@pytest.mark.parametrize(
    "wrong",
    [
        {"town": "440106002"}, {"names": []}, {"phones": ["1", "2"]}, {"villages": [1000]}, {"villages": [-1]},
        {"role_masks": [2]}, {"role_masks": [-1]}, {"left": [1]}, {"left": [-1]},
    ],
)  # fmt: skip
def test_a_slice_that_contradicts_itself_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadMessage):
        check(msgspec.structs.replace(merged(None, entry("a")), **wrong), TOWN)


IDS = st.sampled_from("abcdefgh")
ENTRIES = st.builds(
    Entry,
    IDS,
    st.sampled_from(["陈伟", "李芳"]),
    st.just("1"),
    st.integers(0, 3),
    st.lists(st.sampled_from(["flood", "geology"]), unique=True).map(tuple),
)
IMPORTS = st.lists(st.tuples(st.lists(ENTRIES, unique_by=lambda e: e.id), st.lists(IDS, unique=True)), max_size=12)


@given(IMPORTS)
def test_a_slot_belongs_to_one_id_through_any_sequence_of_imports(imports: list[tuple[list[Entry], list[str]]]) -> None:
    part: RosterSlice | None = None
    slot_of_id: dict[str, int] = {}
    living: dict[str, Entry] = {}
    for entries, leaving in imports:
        change = merge(part, TOWN, entries, leaving)
        listed = {e.id: e for e in entries}
        living = {i: e for i, e in living.items() if i not in leaving or i in listed} | listed
        if change.slice is not None:
            assert change.slice.edition == (part.edition if part is not None else 0) + 1
            part = check(change.slice, TOWN)
        now = {} if part is None else {ident: slot for slot, ident in enumerate(part.ids)}
        assert slot_of_id.items() <= now.items() and len(set(now.values())) == len(now)
        slot_of_id = now
        if part is not None:
            shown = {i: (part.names[s], part.villages[s], set(roles_of(part, s))) for i, s in now.items()}
            gone = {part.ids[slot] for slot in part.left}
            assert {i: v for i, v in shown.items() if i not in gone} == {
                i: (e.name, e.village, set(e.roles)) for i, e in living.items()
            }
