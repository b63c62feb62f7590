"""Places: their files, whole or not at all; what is near among 100,000; at which of them an alarm is."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import structs

from fusioncmd import limits
from fusioncmd.api import places as asked
from fusioncmd.errors import BadInput
from fusioncmd.ground import distance_m
from fusioncmd.places import reading
from fusioncmd.places.place import Place, decode, encode
from fusioncmd.places.registry import Registry, matching
from fusioncmd.places.sight import ACROSS, Box, Sight
from tests.test_alarm_rules import of

CSV = """id,name,kind,node,lat,lon,radius_m,people,cameras
tank-farm,南方化工,enterprise,440106001,23.15,113.35,300,440106001-1;13800000001,44.01.06.gate-1
school-1,五山小学,protected,440106001,23.151,113.352,,,
marsh,湿地,protected,440106,23.16,113.36,20000,,
"""


def features(*each: tuple[dict[str, object], object]) -> str:
    return json.dumps({
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": said, "geometry": geometry} for said, geometry in each],
    })  # fmt: skip


def registry(*places: Place) -> Registry:
    made = Registry()
    for place in places or reading.read(CSV.encode()):
        made.put(place)
    return made


def many(count: int, lat: tuple[float, float], lon: tuple[float, float]) -> Iterator[Place]:
    dice = random.Random(7)
    for i in range(count):
        yield Place(f"p{i}", f"场所{i}", "enterprise", "440106", (dice.uniform(*lat), dice.uniform(*lon)), 100.0)


def test_a_csv_is_read_in_either_encoding_and_comes_back_of_its_bytes() -> None:
    found = reading.read(CSV.encode())
    assert found == reading.read(CSV.encode("gb18030")) == [decode(encode(place)) for place in found]
    assert found[0].people == ("440106001-1", "13800000001") and found[0].cameras == ("44.01.06.gate-1",)
    assert (found[1].radius_m, found[1].removed, found[2].where) == (0.0, False, (23.16, 113.36))


def test_geojson_is_read_and_an_outline_is_the_circle_around_it() -> None:
    said = {"id": "a", "name": "A", "kind": "hazard", "node": 440106, "people": ["1", "2"]}
    square = [[[113.0, 23.0], [113.2, 23.0], [113.2, 23.2], [113.0, 23.2], [113.0, 23.0]]]
    point, outline = reading.read(features(
        (said, {"type": "Point", "coordinates": [113.3, 23.1]}),
        (said | {"id": "b"}, {"type": "Polygon", "coordinates": square}),
    ).encode())  # fmt: skip
    assert (point.where, point.radius_m, point.people, point.node) == ((23.1, 113.3), 0.0, ("1", "2"), "440106")
    assert outline.where == pytest.approx((23.1, 113.1))
    assert outline.radius_m == pytest.approx(distance_m((23.1, 113.1), (23.0, 113.0)), rel=1e-6)


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "without id, kind"), ("id,name,kind,node\n", "no place"), ("id,age\nx,1\n", "not age"),
     (CSV + "school-1,x,hazard,44,,,,,\n", "Line 5: school-1 is there twice"), (CSV + "x,x,hazard,4,,,,,\n", "Line 5"),
     (CSV + "x,x,hazard,44,91,0,,,\n", "Line 5"), (CSV + "x,x,hazard,44,1,,,,\n", "Line 5: '' is no number"),
     (CSV + "x,x,hazard,44,nan,1,,,\n", "Line 5"), (CSV + "x,x,hazard,44,1,1,-5,,\n", "Line 5"),
     (CSV + "x,x,hazard,44,,,,,,more\n", "more cells"), ("{", "Not GeoJSON"), ('{"features": 1}', "Not GeoJSON"),
     (features(({"id": "a"}, None)), "Feature 1"), (features(({}, {"coordinates": []})), "Feature 1"),
     (features(({}, {"coordinates": [113, 95]})), "Feature 1"), (features((None, 7)), "Feature 1")],  # type: ignore[arg-type]
)  # fmt: skip
def test_files_that_are_no_places(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        reading.read(text.encode())


def test_what_is_within_three_kilometres_of_a_hundred_thousand_is_found_in_milliseconds() -> None:
    """As dense as a city of 2,500 km²; the same that looking at each would find."""
    places = list(many(100_000, (22.9, 23.35), (113.1, 113.59)))
    known, at = registry(*places), (23.125, 113.345)
    took = min(_seconds(lambda: known.near(at, 3_000)) for _ in range(5))
    wanted = sorted((distance_m(at, place.where), place.id) for place in places if place.where)
    found = known.near(at, 3_000)
    assert [place.id for _, place in found] == [name for away, name in wanted if away <= 3_000]
    assert len(found) > 1_000 and took < 0.030, f"{took * 1000:.1f} ms for {len(found)} places"


def _seconds(run: object) -> float:
    began = time.process_time()
    run()  # type: ignore[operator]
    return time.process_time() - began


def test_an_alarm_is_at_the_place_that_it_names_then_where_it_lies_and_the_nearest_first() -> None:
    known = registry()
    ids = lambda **more: [place.id for place in known.at(of(**more))]  # noqa: E731
    assert ids(where=(23.1505, 113.3505)) == ["tank-farm", "marsh"]  # a school without a radius is only named
    assert ids(place="school-1", where=(23.1505, 113.3505)) == ["school-1", "tank-farm", "marsh"]
    assert ids(place="tank-farm", where=(23.1505, 113.3505)) == ["tank-farm", "marsh"]
    assert ids(place="school-1", nodes=("44",)) == ["school-1"]
    assert ids(place="school-1", nodes=("440103",)) == []  # it is of another county: it names nothing here
    assert ids(place="unknown") == ids() == ids(where=(20.0, 110.0)) == []


def test_what_was_moved_or_removed_is_there_no_more() -> None:
    known = registry()
    farm = known.places["tank-farm"]
    known.put(structs.replace(farm, where=(22.0, 112.0), radius_m=1_500.0))
    assert [place.id for place in known.at(of(where=(22.01, 112.0)))] == ["tank-farm"]
    assert known.at(of(where=(23.15, 113.35))) == [known.places["marsh"]] and known.cameras((23.15, 113.35)) == {}
    assert list(known.cameras((22.0, 112.0))) == ["44.01.06.gate-1"]
    known.put(structs.replace(farm, removed=True))
    assert not known.near((22.0, 112.0), 1e6, kind="enterprise") and known.cameras((22.0, 112.0)) == {}
    assert [place.id for place in matching(iter(known.places.values()), "湿", "", "4401")] == ["marsh"]


def test_a_file_is_asked_in_questions_that_fit() -> None:
    places = [structs.replace(place, address="号" * 85) for place in many(1_200, (23.0, 23.1), (113.0, 113.1))]
    made = list(asked.questions(places))
    assert [place for question in made for place in question.places] == places
    assert all(sum(len(encode(p)) for p in each.places) < limits.API_REQUEST_BYTES_MAX * 3 // 4 for each in made)


def test_a_map_shows_each_place_while_they_are_few_and_else_how_many_there_are_where() -> None:
    made = registry(
        *many(3_000, (23.0, 24.0), (113.0, 114.0)), Place("school", "S", "protected", "440106", (23.5, 113.5))
    )
    near, whole = Box(23.49, 113.49, 23.51, 113.51), Box(22.0, 112.0, 25.0, 115.0)

    def seen(box: Box, **more: Any) -> Sight:
        sight = Sight(box, 50, **more)
        for place in made.inside(box):
            sight.add(place)
        return sight

    few = seen(near)
    assert {place.id for place in few.each} == {
        place.id for place in made.places.values() if place.where and near.south <= place.where[0] <= near.north
        and near.west <= place.where[1] <= near.east
    } and few.groups == () and 1 < few.total < 50  # fmt: skip
    lots = seen(whole)
    assert lots.kinds == {"enterprise": 3_000, "protected": 1} and all(group.many > 1 for group in lots.groups)
    assert sum(group.many for group in lots.groups) + len(lots.each) == lots.total == 3_001
    assert len(lots.groups) + len(lots.each) <= ACROSS**2
    assert {group.kind for group in lots.groups} == {"enterprise", ""}
    assert all(22.9 < group.lat < 24.1 and 112.9 < group.lon < 114.1 for group in lots.groups)
    only = seen(whole, kinds=frozenset({"protected"}))
    assert [place.id for place in only.each] == ["school"] and only.kinds["enterprise"] == 3_000
    assert seen(whole, node="4402").total == 0 and seen(Box(23.5, 113.5, 23.5, 113.5)).total == 1
