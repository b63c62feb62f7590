"""Where a point is and what an area means: by polygon, by the nearest town, and nowhere."""

from __future__ import annotations

import json
import random

import pytest

from fusioncmd import gazetteer
from fusioncmd.errors import BadInput
from fusioncmd.gazetteer import Gazetteer, circle, polygon
from fusioncmd.ground import Nearby, Point, distance_m


def square(code: str, south: float, west: float, side: float = 1.0) -> dict[str, object]:
    ring = [[west, south], [west + side, south], [west + side, south + side], [west, south + side], [west, south]]
    return {"properties": {"code": code}, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def of(*features: dict[str, object], towns: str = "code,lat,lon\n") -> Gazetteer:
    read = gazetteer.read_polygons(json.dumps({"features": features}).encode())
    return Gazetteer(read, gazetteer.read_towns(towns.encode()))


TOWNS = "code,lat,lon\n440106001,23.2,113.2\n440106002,23.8,113.8\n440305001,22.5,114.5\n"
MAP = of(square("440106", 23, 113), square("440305", 22, 114), square("440705", 21, 112), towns=TOWNS)


@pytest.mark.parametrize(
    ("lat", "lon", "code"),
    [(23.1, 113.1, "440106001"), (23.9, 113.9, "440106002"), (22.4, 114.6, "440305001"), (21.5, 112.5, "440705"),
     (25.0, 113.5, ""), (23.5, 115.5, ""), (-89.0, 0.0, "")],
)  # fmt: skip
def test_a_point_is_in_its_county_at_the_nearest_town_of_that_county(lat: float, lon: float, code: str) -> None:
    assert MAP.at(lat, lon) == code


def test_a_point_on_a_border_is_in_one_place_always_the_same() -> None:
    two = of(square("440106", 23, 113), square("440105", 23, 114))
    assert {two.at(23.5, 114.0) for _ in range(5)} == {"440105"}


def test_an_area_means_the_towns_in_it_and_no_others() -> None:
    assert MAP.meets(polygon([(23.1, 113.1), (23.3, 113.1), (23.3, 113.3), (23.1, 113.3)])) == ("440106001",)
    assert MAP.meets(polygon([(22, 113), (24, 113), (24, 115), (22, 115)])) == ("440106001", "440106002", "440305001")
    assert MAP.meets(circle(23.8, 113.8, 3_000)) == ("440106002",)
    assert MAP.meets(circle(23.5, 113.1, 2_000)) == ("440106001",)  # too small to hold a town's point
    assert MAP.meets(circle(21.5, 112.5, 0)) == ("440705",)
    assert MAP.meets(circle(30.0, 100.0, 5_000)) == ()
    bow = polygon([(23.1, 113.1), (23.3, 113.3), (23.3, 113.1), (23.1, 113.3)])  # it crosses itself
    assert MAP.meets(bow) in (("440106001",), ())


def test_a_town_with_a_polygon_is_told_by_it() -> None:
    drawn = of(square("440106", 23, 113), square("440106001", 23, 113, 0.5), square("440106002", 23.5, 113, 0.5))
    assert drawn.at(23.2, 113.2) == "440106001" and drawn.at(23.9, 113.9) == "440106"
    assert drawn.meets(circle(23.2, 113.2, 100)) == ("440106001",)


def test_what_borders_on_a_place_is_of_its_tier_by_polygon_and_by_the_points_of_towns() -> None:
    row = of(
        square("440105", 23, 112), square("440106", 23, 113.001), square("440305", 23, 114.2), square("440306", 24, 114)
    )  # fmt: skip
    assert row.beside("440105") == ("440106",) and row.beside("440306") == ("440106", "440305")
    assert row.beside("4403") == ("4401",) and row.beside("4401") == ("4403",) and row.beside("440199") == ()
    at = (1, 1), (1, 3), (3, 1), (3, 3), (1, 5)
    towns = "".join(f"44010600{i},23.{j},113.{k}\n" for i, (j, k) in enumerate(at, 1))
    five = of(square("440106", 23, 113), towns=f"code,lat,lon\n{towns}440106009,26.0,119.0\n")
    assert set(five.beside("440106001")) == {"440106002", "440106003", "440106004"}  # they meet at a corner
    assert "440106001" not in five.beside("440106005") and "440106002" in five.beside("440106005")
    assert five.beside("440106009") == ()  # 500 km away
    assert five.beside("440106001001") == () and of(towns=TOWNS[:33]).beside("440106001") == ()


def test_what_is_near_is_found_as_by_looking_at_all() -> None:
    dice = random.Random(3)
    points = [Point(dice.uniform(20, 25.5), dice.uniform(109.6, 117.3)) for _ in range(1_757)]
    index = Nearby(zip(points, range(len(points)), strict=True))
    for _ in range(200):
        here = Point(dice.uniform(20, 25.5), dice.uniform(109.6, 117.3))
        by_all = min(range(len(points)), key=lambda i: distance_m(here, points[i]))
        found = index.nearest(here, 400_000)
        assert found is not None and found[1] == by_all
        near = {i for i, each in enumerate(points) if distance_m(here, each) <= 12_000}
        assert {i for _, i in index.within(here, 12_000)} == near
    assert index.nearest(Point(-40.0, 10.0), 1_000) is None and len(index) == 1_757


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"{}", "Not GeoJSON"), (b"[1]", "Not GeoJSON"),
     (json.dumps({"features": [square("12345", 0, 0)]}).encode(), "12345"),
     (json.dumps({"features": [square("440106", 0, 0) | {"geometry": {"type": "Point", "coordinates": [0, 0]}}]})
      .encode(), "440106 has no polygon")],
)  # fmt: skip
def test_files_that_are_no_polygons(data: bytes, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        gazetteer.read_polygons(data)


@pytest.mark.parametrize("line", ["440106001,91,113", "440106001,x,113", "440106,23,113", "440106001,23", "a,1,2"])
def test_files_that_are_no_towns(line: str) -> None:
    with pytest.raises(BadInput):
        gazetteer.read_towns(f"code,lat,lon\n{line}\n".encode())
