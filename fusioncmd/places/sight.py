"""What a map shows of many places: each of them while they are few or alone, else how many there are where. Pure."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from fusioncmd.places.place import Place

ACROSS = 18  # cells of a box each way, in which places are counted: some 50 pixels of a map
KINDS_MAX = 16  # named with how many there are; the rest count in the total
KINDS_COUNTED_MAX = 1_000  # a kind may be any word; those that come later are not counted by kind


class Box(NamedTuple):
    """Degrees."""

    south: float
    west: float
    north: float
    east: float


class Group(NamedTuple):
    """`lat`, `lon`: the middle of as many; `kind`: of them all, empty where they differ."""

    lat: float
    lon: float
    many: int
    kind: str


class _Cell:
    __slots__ = ("count", "first", "kind", "lat", "lon")

    def __init__(self, first: Place) -> None:
        self.lat, self.lon, self.count, self.first, self.kind = 0.0, 0.0, 0, first, first.kind


class Sight:
    """Told of one place after the other; `most` of them are shown by themselves. What it holds is bounded, however many
    come. `kinds`: those that are shown; empty: all."""

    def __init__(self, box: Box, most: int, node: str = "", kinds: frozenset[str] = frozenset()) -> None:
        self._box, self._most, self._node, self._kinds = box, most, node, kinds
        self._cells: dict[tuple[int, int], _Cell] = {}
        self._each: list[Place] = []
        self._seen: Counter[str] = Counter()
        self.total = 0

    def add(self, place: Place) -> None:
        if place.where is None or not place.node.startswith(self._node):
            return
        lat, lon = place.where
        south, west, north, east = self._box
        if not (south <= lat <= north and west <= lon <= east):
            return
        if len(self._seen) < KINDS_COUNTED_MAX or place.kind in self._seen:
            self._seen[place.kind] += 1
        if self._kinds and place.kind not in self._kinds:
            return
        self.total += 1
        if self.total <= self._most:
            self._each.append(place)
        at = _step(lat - south, north - south), _step(lon - west, east - west)
        cell = self._cells.get(at)
        if cell is None:
            cell = self._cells[at] = _Cell(place)
        elif cell.kind != place.kind:
            cell.kind = ""
        cell.lat += lat
        cell.lon += lon
        cell.count += 1

    @property
    def each(self) -> tuple[Place, ...]:
        """All of them; where they are too many, those that have their cell to themselves."""
        alone = (cell.first for cell in self._cells.values() if cell.count == 1)
        return tuple(self._each if self.total <= self._most else alone)

    @property
    def groups(self) -> tuple[Group, ...]:
        if self.total <= self._most:
            return ()
        return tuple(
            Group(round(cell.lat / cell.count, 6), round(cell.lon / cell.count, 6), cell.count, cell.kind)
            for cell in self._cells.values()
            if cell.count > 1
        )

    @property
    def kinds(self) -> dict[str, int]:
        """How many of each kind there are in the box, shown or not, the most frequent first."""
        return dict(self._seen.most_common(KINDS_MAX))


def _step(along: float, whole: float) -> int:
    return min(int(along / whole * ACROSS), ACROSS - 1) if whole > 0 else 0
