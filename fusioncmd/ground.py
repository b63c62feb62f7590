"""Points on the ground: how far two are apart, what is within a distance, what is nearest. Pure.

Latitude and longitude in degrees, WGS 84; metres. A sphere of the mean radius (IUGG: 6,371,008.8 m) is 0.6 % off the
ellipsoid at most: for 3 km that is 18 m, less than what a phone knows of itself.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

EARTH_M = 6_371_008.8
CELL_DEG = 0.02  # of the index of points: 2.2 km from north to south
DEGREE_M = math.radians(EARTH_M)  # of latitude
COUNTIES, TOWNS = "counties.geojson", "towns.csv"  # in a tier's data folder: where its places are
MAP_BYTES_MAX = 64 * 1024**2  # of each; reject

T = TypeVar("T")


class Point(NamedTuple):
    lat: float
    lon: float


def distance_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Along the great circle (haversine, which is exact for points that are near)."""
    lat_a, lon_a, lat_b, lon_b = map(math.radians, (*a, *b))
    half = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(half)))


class Nearby(Generic[T]):
    """Things at points, by cells of `CELL_DEG`: what is within some distance, and what is nearest."""

    def __init__(self, things: Iterable[tuple[Point, T]] = ()) -> None:
        self._cells: dict[tuple[int, int], list[tuple[Point, T]]] = defaultdict(list)
        self._count = 0
        for at, thing in things:
            self.add(at, thing)

    def __len__(self) -> int:
        return self._count

    def add(self, at: Point, thing: T) -> None:
        self._cells[_cell(at)].append((at, thing))
        self._count += 1

    def remove(self, at: Point, thing: T) -> None:
        """ValueError: it is not there."""
        cell = self._cells[_cell(at)]
        cell.remove((at, thing))
        if not cell:
            del self._cells[_cell(at)]
        self._count -= 1

    def within(self, centre: Point, metres: float) -> list[tuple[float, T]]:
        """Distance and thing, the nearest first."""
        found = []
        north, east = _reach(centre, metres)
        low, high, west, right = centre.lat - north, centre.lat + north, centre.lon - east, centre.lon + east
        for cell in self._around(centre, metres):
            for at, thing in self._cells.get(cell, ()):
                if not (low <= at[0] <= high and west <= at[1] <= right):
                    continue  # most of the corner cells, without a sine
                away = distance_m(centre, at)
                if away <= metres:
                    found.append((away, thing))
        return sorted(found, key=lambda each: each[0])

    def inside(self, low: Point, high: Point) -> Iterator[T]:
        """Those of the cells that a box touches, some of which lie beside it. Others may come and go meanwhile."""
        for cell in list(self._touched(_cell(low), _cell(high))):
            yield from [thing for _, thing in self._cells.get(cell, ())]

    def nearest(self, centre: Point, metres_max: float) -> tuple[float, T] | None:
        """Looks ever further, so that what is near is found at once."""
        metres = 1_000.0
        while True:
            metres = min(metres, metres_max)
            if found := self.within(centre, metres):
                return found[0]
            if metres >= metres_max:
                return None
            metres *= 2

    def _around(self, centre: Point, metres: float) -> Iterator[tuple[int, int]]:
        north, east = _reach(centre, metres)
        low, high = (
            _cell(Point(centre.lat - north, centre.lon - east)),
            _cell(Point(centre.lat + north, centre.lon + east)),
        )
        return self._touched(low, high)

    def _touched(self, low: tuple[int, int], high: tuple[int, int]) -> Iterator[tuple[int, int]]:
        if (high[0] - low[0] + 1) * (high[1] - low[1] + 1) > len(self._cells):
            yield from (cell for cell in self._cells if low[0] <= cell[0] <= high[0] and low[1] <= cell[1] <= high[1])
            return
        for row in range(low[0], high[0] + 1):
            for column in range(low[1], high[1] + 1):
                yield row, column


def _reach(centre: Point, metres: float) -> tuple[float, float]:
    """Degrees of latitude and of longitude within which all lies that is so near; a metre more, for rounding."""
    north = (metres + 1.0) / DEGREE_M
    return north, north / max(math.cos(math.radians(min(89.0, abs(centre.lat) + north))), 0.01)


def _cell(at: Point) -> tuple[int, int]:
    return math.floor(at.lat / CELL_DEG), math.floor(at.lon / CELL_DEG)
