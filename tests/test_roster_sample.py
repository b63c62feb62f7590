"""The synthetic roster: exact, repeatable, plausible, and accepted by the import."""

from __future__ import annotations

from collections import Counter

import pytest

from fusioncmd.divisions import Divisions, guangdong
from fusioncmd.errors import BadInput
from fusioncmd.roster.people_csv import read
from fusioncmd.roster.sample import ROLES, sample_csv, sample_rows

FEW = Divisions({"44": "广东省", "440106001001": "甲社区居委会", "440106001002": "乙村", "440106002001": "丙村"})


@pytest.mark.parametrize("people", [0, 1, 2, 3, 4, 1000])
def test_there_are_exactly_as_many_people_as_asked_for(people: int) -> None:
    rows = list(sample_rows(FEW, people, 7))
    assert len(rows) == people == len({row[0] for row in rows})


def test_the_same_seed_makes_the_same_people_and_another_seed_others() -> None:
    assert "".join(sample_csv(FEW, 500, 3)) == "".join(sample_csv(FEW, 500, 3))
    assert "".join(sample_csv(FEW, 500, 3)) != "".join(sample_csv(FEW, 500, 4))


def test_every_village_of_the_province_has_a_grid_worker_and_sizes_vary() -> None:
    places = guangdong()
    rows = list(sample_rows(places, 60_000, 1))
    villages = {code for code in places.names if len(code) == 12}
    assert {village for _, _, _, village, roles in rows if "grid-worker" in roles.split(";")} == villages
    sizes = Counter(row[3] for row in rows)
    urban = [n for code, n in sizes.items() if "社区" in places.names[code]]
    rural = [n for code, n in sizes.items() if "社区" not in places.names[code]]
    assert sum(urban) / len(urban) > sum(rural) / len(rural) and max(sizes.values()) > 5


def test_the_import_takes_every_row_and_the_phones_belong_to_nobody() -> None:
    data = "".join(sample_csv(FEW, 9_000, 1)).encode()
    people = read(data, FEW)
    assert (people.rows, people.bad_count) == (9_000, 0)
    entries = [entry for town in people.by_town.values() for entry in town]
    assert all(len(e.phone) == 11 and e.phone.startswith("100") and 2 <= len(e.name) <= 3 for e in entries)
    assert {role for e in entries for role in e.roles} == set(ROLES) and all(e.roles for e in entries)


def test_a_province_without_villages_has_its_people_in_towns() -> None:
    towns = Divisions({"44": "广东省", "440106001": "甲镇", "440106002": "乙镇"})
    assert {row[3] for row in sample_rows(towns, 10, 1)} == {"440106001", "440106002"}
    with pytest.raises(BadInput):
        list(sample_rows(Divisions({"44": "广东省"}), 10, 1))
