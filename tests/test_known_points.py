"""A thousand points on the map that is shipped, whose county and nearest town are known by other means than the code's.

The map knows a point inside of each county. For others the county is found by counting how often its border winds
around the point, in plain arithmetic over the same polygons, and the nearest town by looking at all of the county's.
Nobody publishes where towns are with this map, so 1,757 points are thrown for them, each in its own county.
"""

from __future__ import annotations

import itertools
import json
import math
import random
from functools import cache
from typing import Any, NamedTuple

import pytest

from fusioncmd import divisions, gazetteer
from fusioncmd.codes import Tier
from fusioncmd.gazetteer import Gazetteer
from fusioncmd.ground import Point, distance_m
from tests.test_tidy import ROOT

MAP = (ROOT / "fusioncmd" / "web" / "console" / "public" / "counties.geojson").read_bytes()
LANDMARKS = {  # WGS 84, from atlases
    "440106": (23.1385, 113.3240),  # Tianhe Stadium
    "440105": (23.1065, 113.3245),  # Canton Tower
    "440104": (23.1335, 113.2583),  # Sun Yat-sen Memorial Hall
    "440304": (22.5460, 114.0590),  # Shenzhen Civic Centre
    "440604": (23.0288, 113.1128),  # Foshan Ancestral Temple
    "441900": (23.0207, 113.7518),  # Dongguan's city hall
    "442000": (22.5176, 113.3928),  # Zhongshan
    "440224": (25.0200, 113.7400),  # Mount Danxia
    "441202": (23.0750, 112.4750),  # the Seven Star Crags
    "": (22.2793, 114.1628),  # Hong Kong, Central: not of this province
}


class County(NamedTuple):
    code: str
    inside: Point
    rings: list[list[tuple[float, float]]]  # longitude, latitude
    box: tuple[float, float, float, float]


@cache
def counties() -> list[County]:
    found = []
    for feature in json.loads(MAP)["features"]:
        said, drawn = feature["properties"], feature["geometry"]
        parts: Any = [drawn["coordinates"]] if drawn["type"] == "Polygon" else drawn["coordinates"]
        rings = [[(x, y) for x, y, *_ in ring] for part in parts for ring in part]
        xs, ys = [x for ring in rings for x, _ in ring], [y for ring in rings for _, y in ring]
        box = min(xs), min(ys), max(xs), max(ys)
        found.append(County(said["code"], Point(said["lat"], said["lon"]), rings, box))
    return found


def winds(at: Point, county: County) -> bool:
    """Whether a ray to the east crosses the border an odd number of times: islands and holes count by themselves."""
    west, south, east, north = county.box
    if not (west <= at.lon <= east and south <= at.lat <= north):
        return False
    crossings = 0
    for ring in county.rings:
        for (x1, y1), (x2, y2) in itertools.pairwise(ring):
            if (y1 > at.lat) != (y2 > at.lat) and at.lon < x1 + (at.lat - y1) * (x2 - x1) / (y2 - y1):
                crossings += 1
    return crossings % 2 == 1


def known(at: Point) -> str:
    held = [county.code for county in counties() if winds(at, county)]
    assert len(held) <= 1, (at, held)  # no ground is of two
    return held[0] if held else ""


@cache
def towns() -> tuple[tuple[str, Point], ...]:
    """Each somewhere in its county."""
    dice, by_code = random.Random(11), {county.code: county for county in counties()}
    found = []
    for town in divisions.guangdong().towns:
        if town.tier is Tier.TOWN and (county := by_code.get(town.code[:6])) is not None:
            west, south, east, north = county.box
            while not winds(at := Point(dice.uniform(south, north), dice.uniform(west, east)), county):
                pass
            found.append((town.code, at))
    return tuple(found)


def thrown(count: int) -> list[Point]:
    """Half anywhere in the province's box, half within 300 m of a corner of a border."""
    dice = random.Random(7)
    corners = [corner for county in counties() for ring in county.rings for corner in ring]
    anywhere = [Point(dice.uniform(20.2, 25.5), dice.uniform(109.7, 117.2)) for _ in range(count // 2)]
    near = [
        Point(y + dice.uniform(-0.003, 0.003), x + dice.uniform(-0.003, 0.003))
        for x, y in dice.sample(corners, count // 2)
    ]
    return anywhere + near


@pytest.fixture(scope="module")
def polygons() -> Any:
    return gazetteer.read_polygons(MAP)


def test_a_thousand_points_are_in_the_county_that_winds_around_them(polygons: Any) -> None:
    of = Gazetteer(polygons)
    points = thrown(1_000)
    expected = [known(at) for at in points]
    assert len(of) == 124 and len(set(expected)) > 110 and 200 < expected.count("") < 500
    assert [of.at(*at) for at in points] == expected


def test_the_point_that_the_map_itself_has_for_each_county_is_in_it(polygons: Any) -> None:
    of = Gazetteer(polygons)
    assert {county.code: of.at(*county.inside) for county in counties()} == {c.code: c.code for c in counties()}
    assert {code: of.at(*at) for code, at in LANDMARKS.items()} == {code: code for code in LANDMARKS}


def test_a_thousand_points_are_at_the_nearest_town_of_their_county(polygons: Any) -> None:
    of, held = Gazetteer(polygons, towns()), dict[str, list[tuple[str, Point]]]()
    for code, at in towns():
        held.setdefault(code[:6], []).append((code, at))
    for at in thrown(1_000):
        county = known(at)
        nearest = min(held.get(county, ()), key=lambda town: distance_m(at, town[1]), default=(county, at))
        assert of.at(*at) == nearest[0], (at, county)
    assert len(towns()) == 1_757 and all(of.at(*at) == code for code, at in towns())


def test_an_area_that_cuts_counties_means_the_towns_in_it_and_no_others(polygons: Any) -> None:
    of, dice = Gazetteer(polygons, towns()), random.Random(5)
    cut = 0
    for _ in range(200):
        middle, reach = dice.choice(towns())[1], dice.uniform(0.05, 0.5)
        turns = sorted(dice.uniform(0, 2 * math.pi) for _ in range(7))
        ring = [Point(middle.lat + reach * math.sin(turn), middle.lon + reach * math.cos(turn)) for turn in turns]
        drawn = County("", middle, [[(at.lon, at.lat) for at in (*ring, ring[0])]], _box(ring))
        inside = tuple(sorted(code for code, at in towns() if winds(at, drawn)))
        if inside:
            assert of.meets(gazetteer.polygon(ring)) == inside
        in_county = {code[:6] for code in inside}
        cut += any(code[:6] in in_county and code not in inside for code, _ in towns())
    assert cut > 150  # of which most hold a part of some county


def _box(ring: list[Point]) -> tuple[float, float, float, float]:
    lats, lons = [at.lat for at in ring], [at.lon for at in ring]
    return min(lons), min(lats), max(lons), max(lats)
