"""What looks at pictures of one source, whatever it is made of: one interface, and what it says. Pure.

A detector is given pictures in their order, as far apart as the camera's keyframes are (half a second to some ten), and
keeps what it has to know of those before. It says what it sees now; whether that becomes an alarm is not its business.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, Protocol

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

AREA_PIXELS = 320 * 180  # what a picture is scaled to, whatever its proportions
CELL = 8  # pixels; sides are multiples of it
REGIONS_MAX = 4  # said of one picture; cut, the least sure

Picture = NDArray[np.uint8]  # height × width × 3, RGB
Field = Any  # a number for each pixel or cell; of OpenCV's results numpy's types say no more
Event = Literal["smoke", "fire"]
Share = Annotated[float, Meta(ge=0, le=1)]


class Seen(NamedTuple):
    """`box`: left, top, right and bottom of the region, each a share of the picture's side. `score`: 0 to 1; from
    `POSSIBLE` on it is worth a look, from `LIKELY` on more so."""

    event: Event
    box: tuple[Share, Share, Share, Share]
    score: Share


POSSIBLE, LIKELY = 0.5, 0.75


class Detector(Protocol):
    def size(self, width: int, height: int) -> tuple[int, int]:
        """What pictures of that width and height are to be scaled to."""
        ...

    def look(self, at_s: float, picture: Picture) -> list[Seen] | None:
        """What is seen at that time, of a clock that nobody sets; surest first. None: it is blind now, which is no
        sign that nothing is there."""
        ...


def size_of(width: int, height: int) -> tuple[int, int]:
    """Width and height that a picture is scaled to: its proportions, within a cell, and about `AREA_PIXELS`."""
    part = (AREA_PIXELS / (width * height)) ** 0.5
    wide, high = (max(4, min(80, round(side * part / CELL))) for side in (width, height))
    return wide * CELL, high * CELL
