"""What a camera shows when nothing happens, and how a new picture differs from it, cell by cell. Pure; OpenCV.

Smoke is a veil: of the detail behind it a part `t` is left, and in place of the rest comes the smoke's own grey (its
`veil`), I = t·B + (1 - t)·A. A shadow leaves a part of the detail too, but puts nothing in its place (A = 0); a car or
a person puts detail of its own there; more light leaves it all. So `t` and `A` are measured in each cell of 8 × 8
pixels.

A camera that shakes is moved back first, and light that changes everywhere is evened out.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from gateways.seeing.detector import CELL, Field, Picture

SETTLE_S = 60.0  # in so long the ground follows what changes slowly: dusk, fog, shadows
HELD_S = 600.0  # and where something is suspected
BEGIN_PICTURES = 4  # of a new ground, before it says anything
SHIFT_PIXELS_MIN = 0.3
SHIFT_PIXELS_MAX = 12.0  # of a shake; beyond: the camera was turned, and the ground begins anew
SHIFT_SURE = 0.15  # of the correlation that says so
SPREAD_MIN = 0.05  # of the part that is left
DETAIL_MIN = 18.0  # variance of a cell's detail from which on a veil over it can be measured


@dataclass(slots=True)
class Cells:
    """One value a cell. `left`: the part of detail that is left; `missing`: how far below what it usually is, in its
    usual spreads; `alike`: how much the detail is that of the ground,
    -1 to 1; `detail`, `was`: its variance now and before; `luma`, `ground`: mean brightness, now and before; `veil`:
    brightness of what came in between; `colour`: how far that is from grey; `stirred`: how much the cell's brightness
    changed since the picture before; `noise`: how much it usually does."""

    left: Field
    missing: Field
    alike: Field
    detail: Field
    was: Field
    luma: Field
    ground: Field
    veil: Field
    colour: Field
    stirred: Field
    noise: Field


def cells(field: Field) -> Field:
    """The mean of each cell."""
    height, width = field.shape[:2]
    return cv2.resize(field, (width // CELL, height // CELL), interpolation=cv2.INTER_AREA)


class Ground:
    """Of one camera. `held` is what is suspected: one value a cell, where the ground follows slowly."""

    def __init__(self) -> None:
        self._mean: Field | None = None  # height × width × 3: brightness, and two of colour
        self._noise: Field | None = None
        self._left: Field | None = None  # as it usually is, and how much that varies
        self._spread: Field | None = None
        self._before: Field | None = None
        self._at_s = 0.0
        self._pictures = 0
        self.picture: Picture | None = None  # the last one, moved back
        self.lit: Field | None = None  # and evened out
        self.mean: Field | None = None  # the ground before it was learned

    def begin(self) -> None:
        """Forgets everything: another scene."""
        self._mean = self._noise = self._before = self._left = self._spread = None
        self._pictures = 0

    def compare(self, at_s: float, picture: Picture, held: Field | None) -> Cells | None:
        """None while there is nothing to compare it with."""
        field = _field(picture)
        if self._mean is not None and self._mean.shape == field.shape:
            x, y = _shaken(field, self._mean)
            if np.hypot(x, y) > SHIFT_PIXELS_MAX:
                self.begin()
            elif x or y:
                picture = _moved(picture, -x, -y)
                field = _field(picture)
        self.picture = picture
        if self._mean is None or self._mean.shape != field.shape:
            self.begin()
            self._mean, self._at_s, self._pictures = field, at_s, 1
            self._before = cells(field[..., 0])
            self._noise = np.full(self._before.shape, 2.0, np.float32)
            self._left, self._spread = np.ones_like(self._noise), np.full_like(self._noise, 0.1)
            return None
        field = _evened(field, self._mean)
        found = self._measured(field)
        self.lit, self.mean = field, self._mean.copy()
        self._learn(at_s, field, found, held)
        return found if self._pictures > BEGIN_PICTURES else None

    def _measured(self, field: Field) -> Cells:
        assert self._mean is not None and self._before is not None and self._noise is not None
        assert self._left is not None and self._spread is not None
        now, then = _detail(field[..., 0]), _detail(self._mean[..., 0])
        both, detail, was = cells(now * then), cells(now * now), cells(then * then)
        left = both / (was + 1.0)
        alike = both / np.sqrt((detail + 1.0) * (was + 1.0))
        mean, ground = cells(field), cells(self._mean)
        part = np.clip(left, 0.0, 0.95)[..., None]
        veil = (mean - part * ground) / (1.0 - part)
        colour = np.hypot(veil[..., 1] - 128.0, veil[..., 2] - 128.0)
        stirred = np.abs(mean[..., 0] - self._before)
        self._before = mean[..., 0]
        missing = (self._left - left) / np.maximum(SPREAD_MIN, self._spread)
        return Cells(
            left, missing, alike, detail, was, mean[..., 0], ground[..., 0], veil[..., 0], colour, stirred,
            self._noise.copy(),
        )  # fmt: skip

    def _learn(self, at_s: float, field: Field, found: Cells, held: Field | None) -> None:
        assert self._mean is not None and self._noise is not None
        assert self._left is not None and self._spread is not None
        passed_s, self._at_s = max(0.0, at_s - self._at_s), at_s
        self._pictures += 1
        rate = max(1 - np.exp(-passed_s / SETTLE_S), 1 / self._pictures if self._pictures <= BEGIN_PICTURES else 0.0)
        rates = np.full(found.luma.shape, rate, np.float32)
        if held is not None and held.shape == rates.shape:
            rates[held > 0.25] = 1 - np.exp(-passed_s / HELD_S)
        wide = cv2.resize(rates, (field.shape[1], field.shape[0]), interpolation=cv2.INTER_LINEAR)[..., None]
        self._mean += (field - self._mean) * wide
        self._noise += (np.minimum(found.stirred, 12.0) - self._noise) * rates
        left = np.clip(found.left, -0.5, 1.5)
        self._spread += (np.abs(left - self._left) - self._spread) * np.minimum(1.0, 2 * rates)
        self._left += (left - self._left) * rates


def _detail(luma: Field) -> Field:
    return luma - cv2.GaussianBlur(luma, (0, 0), 2.5)


def _field(picture: Picture) -> Field:
    return cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb), (3, 3), 0.8).astype(np.float32)


def _shaken(field: Field, mean: Field) -> tuple[float, float]:
    """By how many pixels the camera shows another place."""
    half = (field.shape[1] // 2, field.shape[0] // 2)
    now, then = (_detail(cv2.resize(each[..., 0], half, interpolation=cv2.INTER_AREA)) for each in (field, mean))
    (x, y), sure = cv2.phaseCorrelate(then, now, cv2.createHanningWindow(half, cv2.CV_32F))
    return (2 * x, 2 * y) if sure >= SHIFT_SURE and np.hypot(x, y) >= SHIFT_PIXELS_MIN / 2 else (0.0, 0.0)


def _moved(picture: Picture, x: float, y: float) -> Picture:
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = (picture.shape[1], picture.shape[0])
    return np.asarray(cv2.warpAffine(picture, move, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _evened(field: Field, mean: Field) -> Field:
    """Light that changed everywhere (exposure, a cloud before the sun) is taken out: by the median of cells, which what
    fills less than half of the picture does not move."""
    now, then = cells(field[..., 0]), cells(mean[..., 0])
    gain = float(np.median((now + 4.0) / (then + 4.0)))
    if 0.97 < gain < 1.03:
        return field
    out = field.copy()
    out[..., 0] = np.clip((field[..., 0] + 4.0) / gain - 4.0, 0.0, 255.0)
    return out


def one_thread() -> None:
    """OpenCV takes one processor: there are as many cameras to share them."""
    cv2.setNumThreads(1)
