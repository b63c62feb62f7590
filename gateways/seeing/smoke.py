"""Whether what veils a camera's ground is smoke: grey, growing, stirred, and from one place. Pure; OpenCV.

A cell is suspected where a part of its detail has gone and something brighter than a shadow came in between; where the
ground has no detail, where it turned another grey and stayed smooth. A region of such cells is smoke when it stays
where it begins, reaches over ground with detail (a cloud does not), grows, and never stands still.
"""

from __future__ import annotations

import numpy as np

from gateways.seeing.detector import Field, Seen
from gateways.seeing.grounds import DETAIL_MIN, Cells
from gateways.seeing.regions import Heat, Moment, Region, Regions

LEFT_MAX = 0.8  # of the detail
MISSING_MIN = 3.0  # usual spreads below what is usual there
ALIKE_MIN = 0.45  # what is left is the ground's own detail, veiled
BURIED_MAX = 0.3  # or there is next to none
SHADE_MAX = 0.8  # detail left, of brightness left: a shadow takes as much of both
VEIL_MIN = 38.0  # brightness: darker is a shadow
ADDED_MIN = 12.0  # of brightness, by the veil: what is measured of a shadow is not exactly none
COLOUR_MAX = 26.0  # from grey
PLAIN_CHANGE_MIN = 7.0  # of brightness, where the ground is plain
PLAIN_DETAIL_MAX = 16.0
EVERYWHERE = 0.5  # so much of the picture at once is weather
CELLS_MIN = 4
AGE_S, PICTURES_MIN = 7.0, 5
GROWN_MIN = 1.5
STIRRED_MIN = 1.3
ANCHOR_CELLS = 3.5  # its base moves no further, either way
VEILED_MIN = 0.3  # of the region lies over ground with detail
SURE_S, SURE_CELLS = 16.0, 16.0  # then it is likely


class SmokeLook:
    def __init__(self) -> None:
        self.heat = Heat()
        self._regions = Regions(CELLS_MIN)
        self.blind = False  # by weather, or by smoke all over

    def look(self, at_s: float, found: Cells) -> list[Seen]:
        textured = found.was > DETAIL_MIN
        veiled = textured & _veiled(found)
        suspected = veiled | (~textured & _greyed(found))
        weather = suspected.mean() > EVERYWHERE or veiled.sum() > EVERYWHERE * max(12, textured.sum())
        self.blind = bool(weather)
        on = self.heat.take(at_s, np.zeros_like(suspected) if weather else suspected)
        stirred = found.stirred / np.maximum(1.0, found.noise)
        here = self._regions.take(at_s, on, stirred, (textured & (found.left < LEFT_MAX)).astype(np.float32))
        return [Seen("smoke", each.box, score) for each in here if (score := _score(each)) > 0]


def _veiled(found: Cells) -> Field:
    own = found.alike > ALIKE_MIN
    buried = found.detail < BURIED_MAX * found.was
    added = found.luma - np.clip(found.left, 0.0, 1.0) * found.ground > ADDED_MIN
    shade = found.left < SHADE_MAX * (found.luma + 1.0) / (found.ground + 1.0)
    grey = added & shade & (found.veil > VEIL_MIN) & (found.colour < COLOUR_MAX)
    little = (found.left < LEFT_MAX) & (found.missing > MISSING_MIN)
    return little & (own | buried) & (found.detail < 0.9 * found.was) & grey


def _greyed(found: Cells) -> Field:
    changed = np.abs(found.luma - found.ground) > np.maximum(PLAIN_CHANGE_MIN, 3 * found.noise)
    smooth = found.detail < PLAIN_DETAIL_MAX
    return changed & smooth & (found.colour < COLOUR_MAX)


def _score(region: Region) -> float:
    """0 where anything that smoke is, this is not."""
    moments = list(region.moments)
    age_s = region.last_s - region.first_s
    if age_s < AGE_S or len(moments) < PICTURES_MIN:
        return 0.0
    lately = region.lately(10.0)
    first, most = min(each.area for each in moments[:3]), max(each.area for each in moments)
    grown = most / max(1, first)
    stirred = float(np.median([each.stirred for each in lately]))
    veiled = float(np.mean([each.sure for each in lately]))
    if grown < GROWN_MIN or stirred < STIRRED_MIN or veiled < VEILED_MIN or _strays(lately):
        return 0.0
    age, size = min(1.0, (age_s - AGE_S) / (SURE_S - AGE_S)), min(1.0, lately[-1].area / SURE_CELLS)
    return 0.5 + 0.2 * age + 0.2 * size + 0.1 * min(1.0, (grown - GROWN_MIN) / 2)


def _strays(lately: list[Moment]) -> bool:
    """Its base does not stay: it drifts, as a cloud or a queue of cars does."""
    bases, at = [each.base for each in lately], [each.base_x for each in lately]
    steps = max(1, len(lately) // 3)
    down = abs(float(np.median(bases[-steps:])) - float(np.median(bases[:steps])))
    aside = abs(float(np.median(at[-steps:])) - float(np.median(at[:steps])))
    return down > ANCHOR_CELLS or aside > 2 * ANCHOR_CELLS
