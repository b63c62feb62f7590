"""Codes, divisions and subjects: every spelling of a place leads to the same place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd import codes, divisions, subjects
from fusioncmd.codes import LENGTHS, Path, Tier
from fusioncmd.errors import BadCode, BadInput, NotFound

GUANGDONG = divisions.guangdong()
places = st.sampled_from(sorted(GUANGDONG.names)).map(Path)


@given(places)
def test_a_place_survives_its_code_its_tokens_and_its_subjects(path: Path) -> None:
    assert codes.parse(path.code) == codes.parse(path.dotted) == path
    assert subjects.path_of(subjects.call(path)) == path
    assert GUANGDONG.find(path.code.ljust(12, "0")).code == path.code or path.code.endswith("00")


@given(places, places)
def test_a_place_covers_another_exactly_when_it_is_among_its_ancestors(a: Path, b: Path) -> None:
    assert a.covers(b) == (a == b or a in b.ancestors())


@given(places, places)
def test_an_order_to_the_common_ancestor_reaches_both(a: Path, b: Path) -> None:
    above = codes.common_ancestor([a, b])
    assert above.covers(a)
    assert above.covers(b)
    assert above in (a, b) or not any(c.covers(a) and c.covers(b) for c in GUANGDONG.children(above))


def test_the_tiers_have_their_widths() -> None:
    path = codes.parse("44.01.06.001.101")
    assert path.tokens == ("44", "01", "06", "001", "101")
    assert [p.tier for p in (*path.ancestors(), path)] == list(Tier)
    assert [len(p.code) for p in (*path.ancestors(), path)] == list(LENGTHS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4",
        "440",
        "44010",
        "4a01",
        "44.1",
        "44.01.06.1",
        "44-01",
        "４４",
        "4401060011011",
        "44.1.6",
    ],
)
def test_what_is_not_a_code_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(BadCode) as caught:
        codes.parse(text)
    assert "\n" not in caught.value.en
    assert caught.value.zh


def test_guangdong_is_whole() -> None:
    tiers = [sum(Path(c).tier is tier for c in GUANGDONG.names) for tier in Tier]
    assert tiers == [1, 21, 124, 1757, 26842]


def test_a_city_without_counties_has_one_county_token() -> None:
    dongguan = GUANGDONG.find("东莞市")
    assert dongguan == Path("4419")
    assert [c.dotted for c in GUANGDONG.children(dongguan)] == ["44.19.00"]
    assert GUANGDONG.find("441900") == Path("441900")
    assert GUANGDONG.find("441900000000") == Path("4419")
    assert GUANGDONG.full_name(Path("441900003")) == "东莞市东城街道"
    assert Path("4419").covers(GUANGDONG.towns_under(dongguan)[0])


def test_a_file_that_leaves_the_county_out_gets_it_implied() -> None:
    tree = divisions.parse_csv("code,name\n46,海南省\n4604,儋州市\n460400100,那大镇\n", "hainan.csv")
    assert tree.name(Path("460400")) == "儋州市"
    assert tree.full_name(Path("460400100")) == "儋州市那大镇"
    assert tree.find("460400100") in tree.towns_under(tree.find("儋州市"))


def test_a_functional_zone_stands_where_a_county_does() -> None:
    tree = divisions.parse_csv("44,广东省\n4401,广州市\n440171,黄埔功能区\n440171401,园区\n", "zones.csv")
    assert tree.find("44.01.71").tier is Tier.COUNTY
    assert tree.find("44.01.71.401").tier is Tier.TOWN


def test_padded_six_digits_are_a_city_unless_a_county_bears_them() -> None:
    assert GUANGDONG.find("440000") == Path("44")
    assert GUANGDONG.find("440100") == Path("4401")


def test_a_name_borne_by_several_places_is_not_guessed() -> None:
    with pytest.raises(BadCode, match="places are called"):
        GUANGDONG.find("城关村民委员会" if "城关村民委员会" in GUANGDONG.names.values() else _twice())
    with pytest.raises(NotFound):
        GUANGDONG.find("不存在的地方")


def _twice() -> str:
    seen: dict[str, Path] = {}
    for code, name in GUANGDONG.names.items():
        path = Path(code)
        if name in seen and not seen[name].covers(path):
            return name
        seen.setdefault(name, path)
    raise AssertionError("no name stands twice")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("44,广东省\n45,广西\n", "2 provinces"),
        ("44\n", "line 1"),
        ("44,a\n44,b\n", "given twice"),
        ("x1,name\n", "line 1"),
    ],
)
def test_a_divisions_file_with_a_mistake_names_the_line(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        divisions.parse_csv(text, "file.csv")


def test_a_gateway_hears_its_ancestors_itself_and_below() -> None:
    assert subjects.calls_heard_at(Path("440106")) == [
        "fc.call.44", "fc.call.44.01", "fc.call.44.01.06", "fc.call.44.01.06.>",
    ]  # fmt: skip
