"""WGS 84 on a map that is drawn in GCJ-02, the datum of public maps in mainland China: some 500 m away. Pure.

Positions are WGS 84 on the wire and in every file. Only who shows them on polygons of GCJ-02 moves them, at the last
moment: a position that was moved is nobody's to keep. Moving back is by approximation, and for a place alone that
somebody touched on such a map. The formula is the public one of
`wgtochina_lb` as known since 2010; outside of the rectangle around mainland China it moves nothing.
"""

from __future__ import annotations

import math

_A, _EE = 6_378_245.0, 0.006_693_421_622_965_943  # Krasovsky 1940: semi-major axis in m, eccentricity squared
_ROUNDS = 4


def to_gcj02(lat: float, lon: float) -> tuple[float, float]:
    """Degrees of WGS 84 as degrees of GCJ-02."""
    if not (0.8293 <= lat <= 55.8271 and 72.004 <= lon <= 137.8347):
        return lat, lon
    x, y = lon - 105.0, lat - 35.0
    radians = math.radians(lat)
    magic = 1 - _EE * math.sin(radians) ** 2
    d_lat = math.degrees(_d_lat(x, y) * magic * math.sqrt(magic) / (_A * (1 - _EE)))
    d_lon = math.degrees(_d_lon(x, y) * math.sqrt(magic) / (_A * math.cos(radians)))
    return lat + d_lat, lon + d_lon


def to_wgs84(lat: float, lon: float) -> tuple[float, float]:
    """Degrees of GCJ-02 as degrees of WGS 84, to within a centimetre: each round leaves a thousandth of the error."""
    back = lat, lon
    for _ in range(_ROUNDS):
        there = to_gcj02(*back)
        back = back[0] + lat - there[0], back[1] + lon - there[1]
    return back


def _waves(*waves: tuple[float, float, float]) -> float:
    """Sum of `amplitude * sin(pi * value / per)`, two thirds of it."""
    return sum(amplitude * math.sin(math.pi * value / per) for amplitude, value, per in waves) * 2 / 3


def _d_lat(x: float, y: float) -> float:
    flat = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    return flat + _waves(
        (20, x, 1 / 6), (20, x, 1 / 2), (20, y, 1), (40, y, 3), (160, y, 12), (320, y, 30),
    )  # fmt: skip


def _d_lon(x: float, y: float) -> float:
    flat = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    return flat + _waves(
        (20, x, 1 / 6), (20, x, 1 / 2), (20, x, 1), (40, x, 3), (150, x, 12), (300, x, 30),
    )  # fmt: skip
