"""The places that a node knows: who is found, what is near a point, and at which of them an alarm is. Pure.

Places lie in cells, by class of their radius: one that is wide does not make all that are small be looked at.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from fusioncmd.alarm.alarm import Alarm
from fusioncmd.codes import LENGTHS
from fusioncmd.ground import Nearby, Point
from fusioncmd.places.place import RADIUS_M_MAX, Place
from fusioncmd.places.sight import Box

CLASSES_M = (200.0, 1_000.0, 5_000.0, RADIUS_M_MAX)  # radii up to here are looked for together
AT_MAX = 8  # places at which one alarm is; the nearest middles
CAMERAS_KM = 10.0  # a camera further away shows nothing of it
_COUNTY = LENGTHS[2]


class Registry:
    def __init__(self) -> None:
        self.places: dict[str, Place] = {}
        self.changes = 0  # so many times was one put
        self._near: tuple[Nearby[str], ...] = tuple(Nearby() for _ in CLASSES_M)
        self._seen: Nearby[str] = Nearby()  # those with cameras

    def put(self, place: Place) -> None:
        """It takes the place of what had its id, or ends it."""
        self.changes += 1
        before = self.places.pop(place.id, None)
        if before is not None and before.where is not None:
            self._of(before).remove(Point(*before.where), before.id)
            if before.cameras:
                self._seen.remove(Point(*before.where), before.id)
        if place.removed:
            return
        self.places[place.id] = place
        if place.where is not None:
            self._of(place).add(Point(*place.where), place.id)
            if place.cameras:
                self._seen.add(Point(*place.where), place.id)

    def near(self, at: tuple[float, float], metres: float, node: str = "", kind: str = "") -> list[tuple[float, Place]]:
        """Those whose middle is within `metres`, of `node` and below: how far away, the nearest first."""
        found = (
            (away, self.places[ident]) for near in self._near for away, ident in near.within(Point(*at), metres)
        )  # fmt: skip
        kept = [each for each in found if each[1].node.startswith(node) and kind in ("", each[1].kind)]
        return sorted(kept, key=lambda each: (each[0], each[1].id))

    def inside(self, box: Box) -> Iterator[Place]:
        """Those of a box, and some beside it. The registry may change meanwhile."""
        low, high = Point(box.south, box.west), Point(box.north, box.east)
        for near in self._near:
            for ident in near.inside(low, high):
                if (place := self.places.get(ident)) is not None:
                    yield place

    def at(self, alarm: Alarm) -> list[Place]:
        """Where the alarm is: first the place that it names, then those within whose radius it lies, the nearest first.
        A name counts in the county that the alarm is of, so that a source which may speak for one county only names
        nothing elsewhere."""
        named = self.places.get(alarm.place)
        found = [named] if named is not None and any(_together(named.node, node) for node in alarm.nodes) else []
        if alarm.where is not None:
            here = []
            for metres, near in zip(CLASSES_M, self._near, strict=True):
                here += [
                    (away, ident)
                    for away, ident in near.within(Point(*alarm.where), metres)
                    if away <= self.places[ident].radius_m
                ]
            found += [self.places[ident] for _, ident in heapq.nsmallest(AT_MAX, here) if ident != alarm.place]
        return found[:AT_MAX]

    def cameras(self, at: tuple[float, float]) -> dict[str, float]:
        """Sources of the places that are near enough, and how far away each stands, in metres."""
        found: dict[str, float] = {}
        for away, ident in self._seen.within(Point(*at), CAMERAS_KM * 1_000):
            for source in self.places[ident].cameras:
                found.setdefault(source, away)
        return found

    def _of(self, place: Place) -> Nearby[str]:
        return next(near for most, near in zip(CLASSES_M, self._near, strict=True) if place.radius_m <= most)


def matching(places: Iterator[Place], text: str, kind: str, node: str) -> Iterator[Place]:
    """Those of `node` and below of whom `text` is part of id, name, address or who is responsible."""
    for place in places:
        if not place.node.startswith(node) or (kind and place.kind != kind):
            continue
        if not text or text in place.id or text in place.name or text in place.address or text in place.people:
            yield place


def _together(one: str, other: str) -> bool:
    """Whether one covers the other, or both are of one county."""
    length = min(len(one), len(other), _COUNTY)
    return one[:length] == other[:length]
