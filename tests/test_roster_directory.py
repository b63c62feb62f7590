"""The roster in memory: editions in any order, people by number, id and name."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd import subjects
from fusioncmd.codes import Path
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadMessage, NotFound
from fusioncmd.messages import RosterSlice, Selector, TownTable, encode
from fusioncmd.roster import directory
from fusioncmd.roster.directory import Roster
from fusioncmd.roster.numbers import extend
from fusioncmd.roster.slices import Entry, merge

PLACES = Divisions({
    "44": "广东省", "4401": "广州市", "440106": "天河区", "440106001": "沙河街道", "440106001101": "甲村",
    "440106001102": "乙村", "440106002": "五山街道", "440106002101": "丙村",
})  # fmt: skip
SHAHE, WUSHAN = "440106001", "440106002"
TABLE = extend(None, PLACES)


def slice_of(town: str, *entries: Entry, before: RosterSlice | None = None, leaving: Iterable[str] = ()) -> RosterSlice:
    part = merge(before, town, entries, leaving).slice
    assert part is not None
    return part


FIRST = slice_of(
    SHAHE,
    Entry("1001", "陈伟", "13800000001", 101, ("flood",)),
    Entry("1002", "李芳", "13800001001", 102, ("flood", "geology")),
    Entry("1003", "陈明", "13800000003", 0, ()),
)
SECOND = slice_of(SHAHE, Entry("1002", "李芳", "1", 101, ("geology",)), before=FIRST, leaving=["1001"])
OTHER = slice_of(WUSHAN, Entry("2001", "陈伟强", "13900000001", 101, ("hazchem",)))


def put(roster: Roster, *messages: RosterSlice | TownTable) -> Roster:
    for message in messages:
        path = PLACES.root if isinstance(message, TownTable) else Path(message.town)
        roster.put(subjects.roster(path), encode(message))
    return roster


def roster_of(*messages: RosterSlice | TownTable) -> Roster:
    return put(Roster(PLACES), *messages)


def look(roster: Roster) -> object:
    """Everything that can be asked of it."""
    roles = {}
    for role in ("flood", "geology", "hazchem"):
        try:
            roles[role] = sorted(roster.resolve(Selector(("44",), (role,))))
        except NotFound:
            roles[role] = None
    places = {code: sorted(roster.members(Path(code))) for code in PLACES.names}
    return roster.people, roles, places, roster.find("", PLACES.root, None, 100)


def test_whatever_order_messages_come_in_the_roster_is_the_same() -> None:
    wanted = look(roster_of(TABLE, SECOND, OTHER))
    for messages in permutations((TABLE, FIRST, SECOND, OTHER, FIRST)):
        assert look(roster_of(*messages)) == wanted


def test_an_edition_that_is_not_newer_is_ignored() -> None:
    roster = roster_of(TABLE, FIRST)
    put(roster, msgspec.structs.replace(FIRST, names=["x", "y", "z"]))
    assert roster.person(0).name == "陈伟"


def test_slices_wait_for_the_table_that_numbers_their_town() -> None:
    roster = roster_of(TownTable(1, (WUSHAN,)), FIRST, OTHER)
    assert (roster.people, sorted(roster.everyone)) == (1, [0])
    put(roster, TownTable(2, (WUSHAN, SHAHE)))
    assert roster.people == 4 and roster.number_of("1001") == 1 << 16


@pytest.mark.parametrize("towns", [(WUSHAN, SHAHE), (SHAHE,), (SHAHE, WUSHAN, SHAHE)])
def test_a_table_that_gives_numbers_anew_is_refused_and_changes_nothing(towns: tuple[str, ...]) -> None:
    roster = roster_of(TABLE, FIRST, OTHER)
    before = look(roster)
    with pytest.raises(BadMessage):
        put(roster, TownTable(9, towns))
    assert look(roster) == before
    put(roster, TownTable(2, (SHAHE, WUSHAN, "440106003")))
    assert roster.towns[2] == "440106003"


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        (subjects.roster(Path(WUSHAN)), FIRST),
        (subjects.roster(Path(SHAHE)), TABLE),
        (subjects.roster(Path("440106")), TABLE),
        (subjects.roster(Path("44")), FIRST),
        (subjects.roster(Path(SHAHE)), msgspec.structs.replace(SECOND, phones=[])),
    ],
)
def test_what_contradicts_its_subject_or_itself_changes_nothing(subject: str, message: RosterSlice | TownTable) -> None:
    roster = roster_of(TABLE, FIRST, OTHER)
    before = look(roster)
    with pytest.raises(BadMessage):
        roster.put(subject, encode(message))
    assert look(roster) == before


def test_a_village_that_the_next_edition_empties_is_empty_even_off_the_map() -> None:
    nowhere = slice_of(SHAHE, Entry("1", "陈伟", "1", 999, ()))
    roster = roster_of(TABLE, nowhere)
    assert len(roster.members(Path(SHAHE + "999"))) == 1
    put(roster, slice_of(SHAHE, Entry("1", "陈伟", "1", 101, ()), before=nowhere))
    assert len(roster.members(Path(SHAHE + "999"))) == 0 and len(roster.members(Path(SHAHE + "101"))) == 1


def test_people_of_a_town_that_the_map_no_longer_shows_are_still_called() -> None:
    roster = roster_of(TownTable(1, ("440106009", SHAHE)), slice_of("440106009", Entry("1", "陈伟", "1", 1, ())))
    assert list(roster.resolve(Selector(("440106",)))) == [0]
    assert roster.find("陈", PLACES.root, None, 1)[1] == 1


def test_a_person_is_shown_with_place_and_roles() -> None:
    person = roster_of(TABLE, FIRST).person(1, reachable=True)
    assert (person.number, person.id, person.name, person.phone) == (1, "1002", "李芳", "13800001001")
    assert (person.place, person.place_name) == ("440106001102", "广州市天河区沙河街道乙村")
    assert person.reachable and set(person.roles) == {"flood", "geology"}
    assert roster_of(TABLE, FIRST).person(2).place == SHAHE


def test_who_left_is_still_shown_by_number_and_no_longer_found() -> None:
    roster = roster_of(TABLE, SECOND)
    assert roster.person(0).name == "陈伟" and 0 not in roster.everyone
    assert roster.number_of("1001") is None and roster.find("1001", PLACES.root, None, 9) == ([], 0)


@pytest.mark.parametrize("number", [3, 1 << 16, 5 << 16, (1 << 32) - 1])
def test_a_number_that_nobody_ever_had_is_not_found(number: int) -> None:
    with pytest.raises(NotFound):
        roster_of(TABLE, FIRST).person(number)


def test_a_number_is_found_by_id_in_the_town_where_the_person_lives_now() -> None:
    moved = slice_of(WUSHAN, Entry("1001", "陈伟", "1", 101, ()), before=OTHER)
    assert roster_of(TABLE, SECOND, moved).number_of("1001") == (1 << 16) + 1
    assert roster_of(TABLE, FIRST).number_of("100") is None


def test_find_puts_the_exact_id_first_and_counts_beyond_the_limit() -> None:
    roster = roster_of(TABLE, FIRST, OTHER)
    found, total = roster.find("1001", PLACES.root, None, 10)
    assert ([p.id for p in found], total) == (["1001", "1002"], 2)
    found, total = roster.find("陈", PLACES.root, None, 2)
    assert ([p.id for p in found], total) == (["1001", "1003"], 3)


def test_find_keeps_to_the_place_and_the_role() -> None:
    roster = roster_of(TABLE, FIRST, OTHER)
    assert [p.id for p in roster.find("陈伟", Path(WUSHAN), None, 9)[0]] == ["2001"]
    assert [p.id for p in roster.find("", Path(SHAHE + "102"), None, 9)[0]] == ["1002"]
    assert [p.id for p in roster.find("", PLACES.root, "geology", 9)[0]] == ["1002"]
    with pytest.raises(NotFound, match="flood, geology, hazchem"):
        roster.find("", PLACES.root, "nope", 9)


@given(st.text(st.sampled_from("0123陈伟李\ud800"), max_size=5))
def test_a_search_finds_what_reading_every_person_finds(query: str) -> None:
    roster = roster_of(TABLE, FIRST, OTHER)
    people = [roster.person(n) for n in roster.everyone]
    wanted = {p.number for p in people if query == p.id or query in p.name or query in p.phone}
    found = [n for numbers in roster.search(query, PLACES.root, None) for n in numbers]
    assert len(found) == len(set(found)) and set(found) == wanted


def test_a_new_edition_is_seen_though_the_old_one_was_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "DECODED_TOWNS_MAX", 1)
    roster = roster_of(TABLE, FIRST, OTHER)
    assert (roster.person(1).phone, roster.person(1 << 16).name) == ("13800001001", "陈伟强")
    assert put(roster, SECOND).person(1).phone == "1"
