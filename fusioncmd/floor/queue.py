"""Who waits for the floor: by priority, then by arrival. Pure.

At most FLOOR_QUEUE_MAX: beyond, whoever comes last of all, by the same rule, waits no more.
"""

from __future__ import annotations

from dataclasses import dataclass

from fusioncmd import limits


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. `key` tells a burst apart from every other: a participant asks twice under two of them, when its
    gateway relays. `holding`: it speaks already, by the word of an arbiter before, for `talked_ms` so far.
    """

    key: str
    user: str
    ssrc: int
    priority: int
    can_wait: bool = True
    holding: bool = False
    talked_ms: int = 0


@dataclass(slots=True)
class _Place:
    asker: Asker
    arrival: int
    heard_ms: int


class Queue:
    def __init__(self) -> None:
        self._places: list[_Place] = []
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._places)

    def keep(self, asker: Asker, now_ms: int) -> Asker | None:
        """It waits, in the place where it stood when it waited already. Returns for whom there is no room."""
        for place in self._places:
            if place.asker.key == asker.key:
                place.asker, place.heard_ms = asker, now_ms
                break
        else:
            self._arrivals += 1
            self._places.append(_Place(asker, self._arrivals, now_ms))
        self._places.sort(key=lambda place: (-place.asker.priority, place.arrival))
        return self._places.pop().asker if len(self._places) > limits.FLOOR_QUEUE_MAX else None

    def position(self, key: str) -> int | None:
        """1 is next; None: it does not wait."""
        return next((n for n, place in enumerate(self._places, 1) if place.asker.key == key), None)

    def first(self) -> Asker | None:
        return self._places[0].asker if self._places else None

    def drop(self, key: str) -> bool:
        before = len(self._places)
        self._places = [place for place in self._places if place.asker.key != key]
        return len(self._places) < before

    def forget(self, heard_before_ms: int) -> list[Asker]:
        """Those who were not heard of since."""
        gone = [place.asker for place in self._places if place.heard_ms < heard_before_ms]
        if gone:
            self._places = [place for place in self._places if place.heard_ms >= heard_before_ms]
        return gone

    def waiting(self) -> list[Asker]:
        return [place.asker for place in self._places]
