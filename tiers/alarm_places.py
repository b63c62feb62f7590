"""What the registry of places adds to alarms: where one is that only names a place, which playbooks apply there, and
which cameras show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import structs

from fusioncmd.alarm import playbook as playbooks
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.playbook import Playbook
from fusioncmd.ground import distance_m
from fusioncmd.places.place import Place
from fusioncmd.places.registry import CAMERAS_KM
from tiers.place_desk import PlaceDesk

Cameras = Callable[[], Iterable[tuple[str, tuple[float, float]]]]


class AlarmPlaces:
    """`cameras`: the node's own, source and where."""

    def __init__(self, places: PlaceDesk, cameras: Cameras = lambda: ()) -> None:
        self._places, self._cameras = places, cameras

    async def start(self) -> None:
        await self._places.start()

    def narrowed(self, alarm: Alarm) -> Alarm:
        """One that says no more than a place is of that place's node; of a place that nobody knows it stays as it is,
        and calls nobody."""
        if not alarm.only_place or not (found := self.at(alarm)) or found[0].id != alarm.place:
            return alarm
        return structs.replace(alarm, nodes=(found[0].node,), where=alarm.where or found[0].where, only_place=False)

    def at(self, alarm: Alarm) -> list[Place]:
        return self._places.registry.at(alarm)

    def applying(self, found: Iterable[Playbook], alarm: Alarm) -> Iterator[tuple[Playbook, Place | None]]:
        """Each playbook that applies, and for which of the places where the alarm is."""
        at = [*self.at(alarm), None]
        for playbook in found:
            for place in at:
                if playbooks.applies(playbook, alarm, place.kind if place is not None else ""):
                    yield playbook, place
                    break

    def cameras(self, alarm: Alarm, most: int) -> tuple[str, ...]:
        """Sources, those of the place first, then the nearest."""
        if most <= 0:
            return ()
        at = self.at(alarm)
        where = alarm.where or next((place.where for place in at if place.where is not None), None)
        found = dict.fromkeys(source for place in at for source in place.cameras)
        if where is not None:
            away = {source: distance_m(where, stands) for source, stands in self._cameras()}
            away |= self._places.registry.cameras(where)
            near = sorted((metres, source) for source, metres in away.items() if metres <= CAMERAS_KM * 1_000)
            found |= dict.fromkeys(source for _, source in near)
        return tuple(found)[:most]
