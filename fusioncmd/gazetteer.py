"""Where something is in the tree of places: the county that holds a point, the nearest town, what an area meets.

The one file that knows shapely (GEOS). Counties come as polygons (GeoJSON, RFC 7946), towns as polygons where there are
any, and as points elsewhere: of a county without town polygons, a point belongs to the nearest town, and an area means
the towns whose point lies in it. Degrees, in whatever datum the files are: what is asked has to be in the same.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any

import shapely
from shapely import STRtree
from shapely.errors import ShapelyError
from shapely.geometry import MultiPolygon, Polygon, shape
from shapely.geometry.base import BaseGeometry

from fusioncmd.codes import Path, parse
from fusioncmd.errors import BadInput, Problem
from fusioncmd.ground import DEGREE_M, MAP_BYTES_MAX, Nearby, Point, distance_m
from fusioncmd.words import reason

POLYGONS_MAX = 60_000  # of all places; reject
TOWNS_MAX = 60_000  # points; reject
TOWN_M_MAX = 60_000.0  # a town further away than this is not where something is
BORDER_DEG = 0.002  # 200 m: maps of two counties do not meet to the metre
_CIRCLE_SIDES = 32


class Gazetteer:
    """`polygons`: code and geometry of counties and towns; `towns`: code and point."""

    def __init__(
        self, polygons: Sequence[tuple[str, BaseGeometry]] = (), towns: Iterable[tuple[str, Point]] = ()
    ) -> None:
        self._codes = [code for code, _ in polygons]
        self._polygons = [geometry for _, geometry in polygons]
        shapely.prepare(self._polygons)
        self._tree = STRtree(self._polygons)
        self._drawn = {code[:6] for code in self._codes if len(code) > 6}  # counties whose towns have polygons
        self._towns: dict[str, Nearby[str]] = defaultdict(Nearby)  # by county
        self._points: dict[str, Point] = {}
        for code, at in towns:
            if code[:6] not in self._drawn:
                self._towns[code[:6]].add(at, code)
                self._points[code] = at
        names = sorted(self._points)
        self._point_codes = names
        self._point_tree = STRtree([shapely.Point(self._points[name].lon, self._points[name].lat) for name in names])

    def __len__(self) -> int:
        return len(self._codes) + len(self._points)

    def at(self, lat: float, lon: float) -> str:
        """The lowest place at a point; empty: abroad, or no polygon is known there."""
        found = [self._codes[i] for i in self._tree.query(shapely.Point(lon, lat), predicate="intersects")]
        if not found:
            return ""
        best: str = min(found, key=lambda code: (-len(code), code))  # on a border: the lowest code, always the same
        if len(best) > 6:
            return best
        nearest = self._towns[best[:6]].nearest(Point(lat, lon), TOWN_M_MAX) if best[:6] in self._towns else None
        return nearest[1] if nearest is not None else best

    def meets(self, area: BaseGeometry) -> tuple[str, ...]:
        """The towns that an area means; a county as a whole where none of its towns is known. An area so small that it
        holds no town's point means where its middle lies."""
        met = list(self._tree.query(area, predicate="intersects"))
        inside = [i for i in met if not self._polygons[i].touches(area)]  # a border in common is no ground in common
        found = [self._codes[i] for i in inside or met]
        meant = {code for code in found if len(code) > 6}
        meant |= {self._point_codes[i] for i in self._point_tree.query(area, predicate="intersects")}
        meant |= {code for code in found if len(code) <= 6 and code not in self._towns and code not in self._drawn}
        if not meant and found:
            middle = area.intersection(self._polygons[self._codes.index(found[0])]).representative_point()
            meant = {self.at(middle.y, middle.x)} - {""}
        return tuple(sorted(meant))

    def beside(self, code: str) -> tuple[str, ...]:
        """Places of the same tier that border on one, by their polygons; of towns of which only points are known, those
        between which no other town is nearer. Empty where none is known, as of villages."""
        own = [shape for each, shape in zip(self._codes, self._polygons, strict=True) if each.startswith(code)]
        near = {self._codes[i] for one in own for i in self._tree.query(one, predicate="dwithin", distance=BORDER_DEG)}
        found = {each[: len(code)] for each in near if len(each) >= len(code)}
        return tuple(sorted((found | set(self._towns_beside(code))) - {code}))

    def _towns_beside(self, code: str) -> Iterator[str]:
        if code not in self._points or len(self._points) < 2:
            return
        tree, of_town, of_cell = self._cells
        for cell in tree.query(tree.geometries[of_town[code]], predicate="intersects"):
            if distance_m(self._points[code], self._points[of_cell[cell]]) <= TOWN_M_MAX:
                yield of_cell[cell]

    @cached_property
    def _cells(self) -> tuple[STRtree, dict[str, int], dict[int, str]]:
        """The ground that is nearer to each town's point than to any other (Voronoi), and whose each cell is."""
        points = self._point_tree.geometries
        tree = STRtree(shapely.get_parts(shapely.voronoi_polygons(shapely.MultiPoint(list(points)))))
        found = (int(tree.query(at, predicate="intersects")[0]) for at in points)
        of_town = dict(zip(self._point_codes, found, strict=True))
        return tree, of_town, {cell: name for name, cell in of_town.items()}

    def coded(self, codes: Iterable[str]) -> tuple[str, ...]:
        """Those that are codes of places here, without the zeros that fill short ones up (440000000000: the province);
        of a place whose towns are not known, itself."""
        found = []
        for code in codes:
            bare = code.strip()
            for length in (12, 9, 6, 4, 2):
                if len(bare) > length and not bare[length:].strip("0"):
                    bare = bare[:length]
            with contextlib.suppress(Problem):
                found.append(parse(bare).code)
        return tuple(found)


def polygon(points: Sequence[tuple[float, float]]) -> BaseGeometry:
    """Of latitude and longitude. One that crosses itself is made whole, as people meant it. BadInput."""
    try:
        made = Polygon([(lon, lat) for lat, lon in points])
        return made if made.is_valid else shapely.make_valid(made)
    except (ShapelyError, ValueError) as error:
        raise BadInput(f"Not a polygon: {error}.", f"不是有效的多边形：{error}。") from None


def circle(lat: float, lon: float, radius_m: float) -> BaseGeometry:
    """As a polygon of 32 sides around it, so that nothing in the circle is left out."""
    if radius_m <= 0:
        return shapely.Point(lon, lat)
    grown = radius_m / math.cos(math.pi / _CIRCLE_SIDES)
    north = grown / DEGREE_M
    east = north / max(math.cos(math.radians(lat)), 0.01)
    turns = (2 * math.pi * i / _CIRCLE_SIDES for i in range(_CIRCLE_SIDES))
    return Polygon([(lon + east * math.cos(turn), lat + north * math.sin(turn)) for turn in turns])


def united(areas: Iterable[BaseGeometry]) -> BaseGeometry:
    return shapely.union_all(list(areas))


def load(counties: FilePath | None, towns: FilePath | None) -> Gazetteer:
    """Of the files that are there. BadInput."""
    return Gazetteer(read_polygons(found) if (found := _bytes(counties)) else [], read_towns(_bytes(towns)))


def _bytes(file: FilePath | None) -> bytes:
    """Empty where there is no such file."""
    if file is None or not file.exists():
        return b""
    try:
        with file.open("rb") as opened:
            data = opened.read(MAP_BYTES_MAX + 1)
    except OSError as error:
        en, zh = reason(error)
        raise BadInput(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None
    if len(data) > MAP_BYTES_MAX:
        raise BadInput(f"{file} has more than {MAP_BYTES_MAX} bytes.", f"{file} 过大。")
    return data


def read_polygons(data: bytes) -> list[tuple[str, BaseGeometry]]:
    """Features of GeoJSON whose property `code` is that of a county or a town. BadInput."""
    try:
        features = json.loads(data)["features"]
        found = [(str(each["properties"]["code"]), each["geometry"]) for each in features]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadInput("Not GeoJSON of features that have a code.", "不是含 code 属性的 GeoJSON 要素集。") from None
    if len(found) > POLYGONS_MAX:
        raise BadInput(f"{len(found)} polygons; {POLYGONS_MAX} are taken.", f"多边形 {len(found)} 个，超出上限。")
    return [(_code(code, (4, 6, 9)), _geometry(code, geometry)) for code, geometry in found]


def read_towns(data: bytes) -> list[tuple[str, Point]]:
    """A CSV with the columns `code`, `lat`, `lon`, in any order. BadInput with the line."""
    found: list[tuple[str, Point]] = []
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
        for row in rows:
            if len(found) >= TOWNS_MAX:
                raise BadInput(f"More than {TOWNS_MAX} towns.", f"乡镇点数超过 {TOWNS_MAX}。")
            at = Point(float(row["lat"]), float(row["lon"]))
            if not (-90 <= at.lat <= 90 and -180 <= at.lon <= 180):
                raise ValueError
            found.append((_code(row["code"], (9,)), at))
    except (ValueError, KeyError, TypeError, csv.Error, Problem) as error:
        if isinstance(error, Problem):
            raise
        raise BadInput(
            f"Line {len(found) + 2}: not a town with code, lat and lon.",
            f"第 {len(found) + 2} 行不是含 code、lat、lon 的乡镇。",
        ) from None
    return found


def _code(text: str, lengths: tuple[int, ...]) -> str:
    path: Path = parse(text)
    if len(path.code) not in lengths:
        raise BadInput(f"{text} is not the code of such a place.", f"{text} 不是该层级的代码。")
    return path.code


def _geometry(code: str, plain: Any) -> BaseGeometry:
    try:
        made = shape(plain)
    except (ShapelyError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        made = None
    if not isinstance(made, Polygon | MultiPolygon) or made.is_empty:
        raise BadInput(f"{code} has no polygon.", f"{code} 没有多边形。")
    return made if made.is_valid else shapely.make_valid(made)
