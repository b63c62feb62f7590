"""The detector that ships: motion, colour and growth, by OpenCV, with nothing that was learned. Pure.

What it does not know it does not say: after a turn of the camera, while light changes, and in weather that veils half
of the picture it is blind, and begins anew.
"""

from __future__ import annotations

import numpy as np

from gateways.seeing.detector import REGIONS_MAX, Picture, Seen, size_of
from gateways.seeing.fire import FireLook
from gateways.seeing.grounds import Ground
from gateways.seeing.smoke import SmokeLook


class Classical:
    def __init__(self) -> None:
        self._ground, self._smoke, self._fire = Ground(), SmokeLook(), FireLook()

    def size(self, width: int, height: int) -> tuple[int, int]:
        return size_of(width, height)

    def look(self, at_s: float, picture: Picture) -> list[Seen] | None:
        held = [each for each in (self._smoke.heat.value, self._fire.heat.value) if each is not None]
        found = self._ground.compare(at_s, picture, np.maximum.reduce(held) if held else None)
        ground = self._ground
        if found is None or ground.picture is None or ground.lit is None or ground.mean is None:
            return None
        seen = self._smoke.look(at_s, found)
        seen += self._fire.look(at_s, ground.picture, ground.lit[..., 0], ground.mean[..., 0])
        if not seen and self._smoke.blind:
            return None
        return sorted(seen, key=lambda each: -each.score)[:REGIONS_MAX]
