"""people.csv: what is read, what is refused, and that one bad row costs no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd import limits
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadRoster
from fusioncmd.roster.people_csv import BadRow, People, read
from fusioncmd.roster.slices import Entry

PLACES = Divisions({"44": "广东省", "440106001": "沙河街道", "440106001101": "甲村", "440106001102": "乙村"})
TOWN, VILLAGE = "440106001", "440106001101"
HEAD = "id,name,phone,village,roles\n"
GOOD = f"p1,陈伟,13800138000,{VILLAGE},flood\n"
WANTED = [Entry("p1", "陈伟", "13800138000", 101, ("flood",))]


def people(text: str, encoding: str = "utf-8") -> People:
    return read(text.encode(encoding), PLACES)


def reason(row: str) -> str:
    found = people(row + "\n" + f"other,李芳,,{VILLAGE},\n")
    assert found.bad_count == len(found.bad) == 1 and found.bad[0].line == 1
    assert len(found.by_town[TOWN]) == 1 and found.rows == 2
    assert found.bad[0].zh
    return found.bad[0].en


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk", "gb18030"])
@pytest.mark.parametrize("head", ["", HEAD, "编号,姓名,电话,村代码,职责\n", "ID, Name ,Phone,Village Code,Roles\n"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_usual_encoding_heading_and_line_ending_is_read(encoding: str, head: str, ending: str) -> None:
    found = people((head + GOOD).replace("\n", ending), encoding)
    assert found.by_town == {TOWN: WANTED} and not found.bad and found.rows == 1


def test_big_endian_utf_16_is_read() -> None:
    assert read(b"\xfe\xff" + GOOD.encode("utf-16-be"), PLACES).by_town == {TOWN: WANTED}


def test_tabs_separate_as_in_a_spreadsheets_unicode_text() -> None:
    assert people((HEAD + GOOD).replace(",", "\t"), "utf-16").by_town == {TOWN: WANTED}


def test_named_columns_stand_in_any_order_beside_others() -> None:
    text = f"备注,职责,村代码,电话,姓名,编号\nx,flood,{VILLAGE},13800138000,陈伟,p1\nshort,row\n"
    found = people(text)
    assert found.by_town == {TOWN: WANTED}
    assert found.bad == [BadRow(3, "2 columns, expected 6", "有 2 列，应为 6 列")]


def test_a_heading_without_a_column_is_refused_by_its_name() -> None:
    with pytest.raises(BadRoster, match="phone, roles"):
        people(f"编号,姓名,村代码\np1,陈伟,{VILLAGE}\n")


@pytest.mark.parametrize("village", [VILLAGE, "44.01.06.001.101", f" {VILLAGE} "])
def test_a_village_in_any_spelling(village: str) -> None:
    assert people(f"p1,陈伟,13800138000,{village},flood").by_town == {TOWN: WANTED}


@pytest.mark.parametrize("code", [TOWN, TOWN + "000", "44.01.06.001"])
def test_a_person_of_the_town_itself(code: str) -> None:
    assert people(f"p1,陈伟,,{code},").by_town == {TOWN: [Entry("p1", "陈伟", "", 0, ())]}


@pytest.mark.parametrize("roles", ["a;b", "a|b", "a、b", "a b", "a；b", "a; b;", ";a;b;a", '"a,b"'])
def test_roles_are_separated_by_what_people_use(roles: str) -> None:
    assert people(f"p1,陈伟,,{VILLAGE},{roles}").by_town[TOWN][0].roles == ("a", "b")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f"p1,陈伟,{VILLAGE},flood", "4 columns"),
        (f",陈伟,,{VILLAGE},", "id is empty"),
        (f"p1, ,,{VILLAGE},", "name is empty"),
        (f"{'x' * (limits.PERSON_ID_CHARS_MAX + 1)},陈伟,,{VILLAGE},", "id is empty or too long"),
        (f"p1,{'伟' * (limits.NAME_CHARS_MAX + 1)},,{VILLAGE},", "name is empty or too long"),
        ("p1,陈伟,,440106001999,", "no village with the code 440106001999"),
        ("p1,陈伟,,44010600110,", "not a village code"),
        ("p1,陈伟,,,", "not a village code"),
        ("p1,陈伟,,440106,", "neither a village nor a town"),
        ("p1,陈伟,,4.40106E+11,", "rounded by a spreadsheet"),
        (f"p1,陈伟,call me,{VILLAGE},", "not a phone number"),
        (f"p1,陈伟,{'1' * (limits.PHONE_CHARS_MAX + 1)},{VILLAGE},", "not a phone number"),
        (f"p1,陈伟,１３８００,{VILLAGE},", "not a phone number"),
        (f"p1,陈伟,,{VILLAGE},{';'.join(f'r{n}' for n in range(limits.ROLES_PER_PERSON_MAX + 1))}", "too many"),
        (f"p1,陈伟,,{VILLAGE},{'r' * (limits.ROLE_CHARS_MAX + 1)}", "too long roles"),
        (f"p1,陈\x1b[2J伟,,{VILLAGE},", "control character"),
        (f'p1,"陈伟,,{VILLAGE},', "quotation mark"),
        (f'p1,"陈"伟,,{VILLAGE},', "quotation mark"),
    ],
)
def test_a_bad_row_is_named_with_its_reason_and_costs_no_other(row: str, said: str) -> None:
    assert said in reason(row)


@pytest.mark.parametrize("phone", ["", "+86 138-0013-8000", "(020) 8888 8888", "119", "1" * limits.PHONE_CHARS_MAX])
def test_phones_as_people_write_them(phone: str) -> None:
    assert people(f"p1,陈伟,{phone},{VILLAGE},").by_town[TOWN][0].phone == phone


def test_an_ideographic_space_in_a_name_is_a_name() -> None:
    assert people(f"p1,陈　伟,,{VILLAGE},").by_town[TOWN][0].name == "陈　伟"


def test_a_second_row_of_the_same_id_names_the_first_line() -> None:
    found = people(HEAD + GOOD + "\n" + GOOD)
    assert found.bad == [BadRow(4, "id p1 stands already on line 2", "编号 p1 与第 2 行重复")]
    assert found.by_town == {TOWN: WANTED}


def test_a_row_is_bad_for_its_first_fault_and_its_id_is_still_taken() -> None:
    found = people(f"p1,,,{VILLAGE},\n{GOOD}")
    assert [row.line for row in found.bad] == [1, 2] and "line 1" in found.bad[1].en


def test_empty_rows_are_no_rows() -> None:
    found = people(f"\n{HEAD}\n,,,,\n   \n{GOOD}\n\n,,\n")
    assert (found.rows, found.bad, found.by_town) == (1, [], {TOWN: WANTED})


def test_the_cells_of_a_bad_row_are_remembered() -> None:
    found = people(f'p1,陈伟,call me,{VILLAGE},\np2,陈伟\n"p3",x,"\n{GOOD}')
    assert {"p1", "p2", "p3"} <= found.spoken_of


def test_only_so_many_bad_rows_are_kept_and_all_are_counted() -> None:
    found = people("x\n" * (limits.ROSTER_PROBLEMS_SHOWN_MAX + 5))
    assert (len(found.bad), found.bad_count) == (limits.ROSTER_PROBLEMS_SHOWN_MAX, found.rows)


@pytest.mark.parametrize("data", [b"", b" \n\r\n ", b"\xef\xbb\xbf", HEAD.encode(), b"\xff\xfe\x00", b"\xff\x00\xff"])
def test_what_is_no_roster_is_refused_as_a_whole(data: bytes) -> None:
    with pytest.raises(BadRoster):
        read(data, PLACES)


def test_a_file_beyond_the_bound_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ROSTER_FILE_BYTES_MAX", 10)
    with pytest.raises(BadRoster, match="10 bytes"):
        people(HEAD + GOOD)


def test_progress_is_told_and_ends_at_the_number_of_rows() -> None:
    told: list[int] = []
    read("".join(f"p{n},陈伟,,{VILLAGE},\n" for n in range(50_000)).encode(), PLACES, told.append)
    assert told == sorted(told) and told[0] < 50_000 == told[-1]


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_bad_roster(data: bytes) -> None:
    try:
        found = read(data, PLACES)
    except BadRoster:
        return
    assert found.rows == found.bad_count + sum(map(len, found.by_town.values()))


CELLS = st.text(st.sampled_from('ab1",\t ;伟\x00'), max_size=4)


@given(st.lists(st.lists(CELLS | st.just(VILLAGE), min_size=1, max_size=6).map(",".join), max_size=8))
def test_a_good_row_is_taken_whatever_stands_around_it(rows: list[str]) -> None:
    found = people(GOOD + "\n".join(rows) + f"\nlast,李芳,,{VILLAGE},\n")
    assert found.by_town[TOWN][0].id == "p1"
    assert found.by_town[TOWN][-1].id == "last"
