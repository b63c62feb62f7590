"""Cells that are suspected, put together to regions, and each followed from picture to picture. Pure; OpenCV."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np

from gateways.seeing.detector import Field

FOLLOWED_MAX = 8  # of one kind; shed, the smallest
HISTORY_MAX = 64  # pictures
HEAT_S = 5.0  # of being suspected, until a cell is
WARM, COLD = 0.55, 0.3  # a cell is suspected from here on, and not any more below
LOST_S = 12.0  # a region that was not there for so long is over


class Heat:
    """How much of the last seconds each cell was suspected."""

    def __init__(self, heat_s: float = HEAT_S) -> None:
        self._heat_s = heat_s
        self._at_s: float | None = None
        self.value: Field | None = None
        self._on: Field | None = None

    def take(self, at_s: float, suspected: Field) -> Field:
        """Those that have been for long enough."""
        if self.value is None or self._on is None or self.value.shape != suspected.shape:
            self.value, self._on = np.zeros(suspected.shape, np.float32), np.zeros(suspected.shape, bool)
        passed_s = 1.0 if self._at_s is None else float(np.clip(at_s - self._at_s, 0.0, self._heat_s))
        self._at_s = at_s
        self.value += (suspected.astype(np.float32) - self.value) * (1 - np.exp(-passed_s / self._heat_s))
        self._on = (self.value > WARM) | (self._on & (self.value > COLD))
        return self._on


class Moment(NamedTuple):
    """`area`: cells; `base`: its lowest row; `base_x`: the middle of that; `stirred`, `sure`: means over it of what was
    given."""

    at_s: float
    area: int
    base: float
    base_x: float
    stirred: float
    sure: float


@dataclass(slots=True, eq=False)
class Region:
    mask: Field
    first_s: float
    last_s: float
    moments: deque[Moment] = field(default_factory=lambda: deque(maxlen=HISTORY_MAX))

    @property
    def box(self) -> tuple[float, float, float, float]:
        rows, columns = np.nonzero(self.mask)
        height, width = self.mask.shape
        return (
            float(columns.min() / width), float(rows.min() / height),
            float((columns.max() + 1) / width), float((rows.max() + 1) / height),
        )  # fmt: skip

    def lately(self, seconds: float) -> list[Moment]:
        return [each for each in self.moments if each.at_s >= self.last_s - seconds]


class Regions:
    """`cells_min`: smaller ones are none."""

    def __init__(self, cells_min: int) -> None:
        self._cells_min = cells_min
        self.known: list[Region] = []

    def take(self, at_s: float, on: Field, stirred: Field, sure: Field) -> list[Region]:
        """Those that are there now."""
        count, labels, stats, _ = cv2.connectedComponentsWithStats(on.astype(np.uint8), connectivity=8)
        order = sorted(range(1, count), key=lambda one: -stats[one, cv2.CC_STAT_AREA])[:FOLLOWED_MAX]
        here: list[Region] = []
        for label in order:
            if stats[label, cv2.CC_STAT_AREA] < self._cells_min:
                break
            mask = labels == label
            region = self._known(mask, here) or Region(mask, at_s, at_s)
            region.mask, region.last_s = mask, at_s
            region.moments.append(_moment(at_s, mask, stirred, sure))
            here.append(region)
        gone = [each for each in self.known if each not in here and 0 <= at_s - each.last_s < LOST_S]
        self.known = (here + gone)[:FOLLOWED_MAX]
        return here

    def _known(self, mask: Field, taken: list[Region]) -> Region | None:
        near = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        free = [each for each in self.known if each not in taken and each.mask.shape == mask.shape]
        found = [(int((each.mask & near).sum()), each) for each in free]
        best = max(found, key=lambda one: (one[0], -one[1].first_s), default=(0, None))
        return best[1] if best[0] else None


def _moment(at_s: float, mask: Field, stirred: Field, sure: Field) -> Moment:
    rows, columns = np.nonzero(mask)
    lowest = rows >= rows.max() - 1
    return Moment(
        at_s, len(rows), float(rows.max()), float(columns[lowest].mean()), float(stirred[mask].mean()),
        float(sure[mask].mean()),
    )  # fmt: skip
