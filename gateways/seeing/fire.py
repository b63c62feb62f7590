"""Whether what is bright and yellow to red on a picture is fire: new, flickering, and in one place. Pure; OpenCV.

Lamps of cars move on or stand still; a beacon is there and not there; a low sun changes in minutes; cloth is not so
bright. Flames have a bright yellow core and redder edges, and no two pictures show them with the same outline.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise

import cv2
import numpy as np

from gateways.seeing.detector import Field, Picture, Seen
from gateways.seeing.grounds import cells
from gateways.seeing.regions import Heat, Region, Regions

RED_MIN, CORE_GREEN_MIN, CORE_RED_MIN = 170, 150, 225
WARMTH_MIN = 60  # red less blue
CHANGE_MIN = 14.0  # of brightness, from the ground
SHARE_MIN = 0.06  # of a cell's pixels
CORE_MIN = 0.04  # of a flame's pixels are its core
CELLS_MIN = 1
AGE_S, PICTURES_MIN = 6.0, 5
OVERLAP_MAX = 0.78  # of outlines of two pictures: more alike is no flame
OVERLAP_MIN = 0.1  # less is something that moves
THERE_MIN = 0.8  # of the pictures
SPREAD_MIN = 22.0  # of green, between core and edges
EVERYWHERE = 0.4
SURE_S, SURE_CELLS = 14.0, 6.0


class FireLook:
    def __init__(self) -> None:
        self.heat = Heat(4.0)
        self._regions = Regions(CELLS_MIN)
        self._masks: deque[tuple[float, Field, Field]] = deque(maxlen=12)  # times, outlines, green of them

    def look(self, at_s: float, picture: Picture, luma: Field, ground: Field) -> list[Seen]:
        """`luma` and `ground`: brightness of each pixel, now and usually."""
        red, green, blue = (picture[..., each].astype(np.int16) for each in range(3))
        mask = (red >= RED_MIN) & (red > green) & (green > blue) & (red - blue >= WARMTH_MIN)
        core = (red >= CORE_RED_MIN) & (green >= CORE_GREEN_MIN) & (green >= blue)
        near = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
        mask = (mask | (core & near)) & (luma - ground > CHANGE_MIN)
        share = cells(mask.astype(np.float32))
        if self._masks and self._masks[-1][1].shape != mask.shape:
            self._masks.clear()
        self._masks.append((at_s, mask, np.where(mask, green, 0).astype(np.uint8)))
        suspected = share > SHARE_MIN
        on = self.heat.take(at_s, suspected & (suspected.mean() < EVERYWHERE))
        here = self._regions.take(at_s, on, share, cells((core & mask).astype(np.float32)))
        return [Seen("fire", each.box, score) for each in here if (score := self._score(each)) > 0]

    def _score(self, region: Region) -> float:
        age_s = region.last_s - region.first_s
        if age_s < AGE_S or len(region.moments) < PICTURES_MIN or len(self._masks) < PICTURES_MIN:
            return 0.0
        around = cv2.dilate(region.mask.astype(np.uint8), np.ones((3, 3), np.uint8))
        height, width = self._masks[-1][1].shape
        wide = cv2.resize(around, (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)
        outlines = [(mask & wide, green[mask & wide]) for _, mask, green in self._masks]
        areas = [int(outline.sum()) for outline, _ in outlines]
        there = [n for n, area in enumerate(areas) if area >= 4]
        if len(there) < THERE_MIN * len(areas):
            return 0.0
        spread = float(np.median([outlines[n][1].std() for n in there]))
        core = float(np.median([(outlines[n][1] >= CORE_GREEN_MIN).mean() for n in there]))
        overlap = _overlap([outlines[n][0] for n in there])
        if not OVERLAP_MIN < overlap < OVERLAP_MAX or spread < SPREAD_MIN or core < CORE_MIN:
            return 0.0
        age = min(1.0, (age_s - AGE_S) / (SURE_S - AGE_S))
        size = min(1.0, float(np.median(areas)) / 64 / SURE_CELLS * 2)
        return 0.55 + 0.25 * age + 0.2 * size


def _overlap(outlines: list[Field]) -> float:
    """Of each with the one before: what both have, of what either has."""
    found = [float((one & other).sum() / max(1, (one | other).sum())) for one, other in pairwise(outlines)]
    return float(np.median(found)) if found else 1.0
