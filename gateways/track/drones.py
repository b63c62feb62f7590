"""MAVLink systems as units: who is which, and their positions, at most one a second. Pure; time is given.

Autopilots come with system number 1 from the factory. So a system is known by its number and where it comes from: the
first is `mav-1`, another with the same number is `mav-1-2`, and so on, and keeps that while it flies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fusioncmd.errors import BadInput
from fusioncmd.track.position import Track, degrees
from gateways.track.bounds import SYSTEMS_MAX, TAKEN_MS, UNIT_EVERY_MS
from gateways.track.mavlink import At, Charge, Is, Receiver, Said, Signal

NAMES_OF_NUMBER_MAX = 9
MOVES_CM_S = 50  # below, the course of the movement is noise; the heading is not


@dataclass(slots=True)
class _System:
    unit: str
    heard_ms: int = 0
    said_ms: int = -UNIT_EVERY_MS
    kind: str = "drone"
    fixed: bool = True
    accuracy_mm: int | None = None
    ellipsoid_mm: int | None = None
    battery: int | None = None
    quality: int | None = None


class Drones:
    """`node` is the place that they are of."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._systems: dict[tuple[str, int], _System] = {}  # by sender and number; heard last stands last
        self._holders: dict[str, tuple[str, int]] = {}  # of names

    def take(self, sender: str, said: Said, now_ms: int) -> Track | None:
        """A position that is to be said; BadInput where there is none in what should be one."""
        system = self._system((sender, said.system), now_ms)
        match said:
            case Is():
                system.kind = said.kind
            case Receiver():
                system.fixed, system.accuracy_mm, system.ellipsoid_mm = said.fixed, said.accuracy_mm, said.ellipsoid_mm
            case Charge():
                system.battery = said.percent
            case Signal():
                system.quality = said.percent
            case At():
                return self._track(system, said, now_ms)
        return None

    def _system(self, key: tuple[str, int], now_ms: int) -> _System:
        system = self._systems.pop(key, None)
        if system is None:
            if len(self._systems) >= SYSTEMS_MAX:
                oldest = next(iter(self._systems))
                self._holders.pop(self._systems.pop(oldest).unit, None)
            system = _System(self._name(key, now_ms))
        system.heard_ms = now_ms
        self._systems[key] = system
        return system

    def _name(self, key: tuple[str, int], now_ms: int) -> str:
        """The first that is free, or was not used for `TAKEN_MS`."""
        names = [f"mav-{key[1]}", *(f"mav-{key[1]}-{n}" for n in range(2, NAMES_OF_NUMBER_MAX + 1))]
        free = (name for name in names if (held := self._holders.get(name)) is None or self._is_silent(held, now_ms))
        if (name := next(free, None)) is None:
            raise BadInput(
                f"More than {NAMES_OF_NUMBER_MAX} systems call themselves {key[1]}.",
                f"编号为 {key[1]} 的系统超过 {NAMES_OF_NUMBER_MAX} 个。",
            )
        if (before := self._holders.get(name)) is not None:
            del self._systems[before]
        self._holders[name] = key
        return name

    def _is_silent(self, key: tuple[str, int], now_ms: int) -> bool:
        return now_ms - self._systems[key].heard_ms > TAKEN_MS

    def _track(self, system: _System, at: At, now_ms: int) -> Track | None:
        if not system.kind or now_ms - system.said_ms < UNIT_EVERY_MS:
            return None
        system.said_ms = now_ms
        if not system.fixed:
            raise BadInput(f"{system.unit} has no fix.", f"{system.unit} 尚未定位。")
        lat_e7, lon_e7 = degrees(at.lat_e7 / 1e7, at.lon_e7 / 1e7)
        speed = math.hypot(at.north_cm_s, at.east_cm_s)
        course = None if at.heading_cdeg is None else at.heading_cdeg // 100
        if speed >= MOVES_CM_S:
            course = int(math.degrees(math.atan2(at.east_cm_s, at.north_cm_s))) % 360
        above_mm = at.altitude_mm if system.ellipsoid_mm is None else system.ellipsoid_mm
        accuracy_m = None if system.accuracy_mm is None else min(math.ceil(system.accuracy_mm / 1_000), 1_000_000)
        return Track(
            self._node, system.unit, "vehicle" if system.kind == "vehicle" else "drone", system.unit, lat_e7, lon_e7,
            now_ms, "mavlink", min(max(above_mm // 1_000, -500), 60_000), accuracy_m, min(round(speed / 10), 10_000),
            course, system.battery, "radio" if system.quality is not None else "", system.quality,
        )  # fmt: skip
