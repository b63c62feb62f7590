"""Which places border on one, by the map in a tier's data folder (`counties.geojson`, `towns.csv`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fusioncmd.errors import Problem
from fusioncmd.ground import COUNTIES, TOWNS
from tiers.problems import Said

if TYPE_CHECKING:
    from fusioncmd.gazetteer import Gazetteer

NO_MAP: Said = (
    f"There is no map of what borders on what: {COUNTIES}, {TOWNS}",
    f"没有可判断相邻关系的地图：{COUNTIES}、{TOWNS}",
)


class Borders:
    """Read when it is first asked for, and again when a file is another; where one is wrong, what was read stays."""

    def __init__(self, data: Path) -> None:
        self._files = data / COUNTIES, data / TOWNS
        self._map: Gazetteer | None = None
        self._read_at: list[tuple[int, int] | None] | None = None
        self.problem: Said | None = None

    def of(self, code: str) -> tuple[str, ...]:
        """Places of the same tier; empty where no map says any."""
        self.look()
        return self._map.beside(code) if self._map is not None else ()

    def look(self) -> None:
        """`problem` is as the files are now."""
        at = [_state(file) for file in self._files]
        if at == self._read_at:
            return
        self._read_at = at
        from fusioncmd import gazetteer  # GEOS takes a node 0.2 s to load, and few ask for a map

        try:
            self._map, self.problem = gazetteer.load(*self._files), None if any(at) else NO_MAP
        except Problem as problem:
            self.problem = problem.en, problem.zh


def _state(file: Path) -> tuple[int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size
