"""The floors that a tier node arbitrates, or would: a seat for each talkgroup in which somebody asks. No socket.

One beacon serves all of them. A talkgroup of a node below is left to that node: whether it is there is listened for
from when somebody joins, or asks, and it is taken only where that node is not heard.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.floor import frames
from fusioncmd.floor.frames import Ask, Beacon, Frame
from fusioncmd.floor.known import Beacons
from fusioncmd.floor.seat import Seat
from fusioncmd.floor.timers import BEACON_MS, SERVER
from fusioncmd.voice import subjects
from fusioncmd.voice.bounds import TALKGROUPS_MAX

IDLE_MS = 500  # seats at which nobody speaks or waits are looked at so often
FORGOTTEN_MS = 10 * 60_000  # and are given up after so long without an Ask


@dataclass(slots=True)
class _Place:
    path: Path
    seat: Seat
    asked_ms: int
    ticked_ms: int = 0

    @property
    def busy(self) -> bool:
        arbiter = self.seat.arbiter
        return arbiter is not None and (arbiter.speaker is not None or len(arbiter.queue) > 0)


class Floors:
    """`say` takes a subject and its bytes; `listen` a node below whose beacons have to be heard from now on."""

    def __init__(
        self, node: Path, now_ms: int, say: Callable[[str, bytes], None], listen: Callable[[Path], None]
    ) -> None:
        self._node, self._began_ms, self._say, self._listen = node, now_ms, say, listen
        self._beacons = Beacons()
        self._seats: dict[str, _Place] = {}  # by subject
        self._beacon_ms = now_ms + SERVER.t3_ms  # a seat is silent until what it granted in an earlier life has lapsed
        self.refused = 0  # frames that are none, and talkgroups beyond the bound

    def beacon(self, subject: str, data: bytes, now_ms: int) -> None:
        frame = self._decoded(data)
        if not isinstance(frame, Beacon) or subject != subjects.beacon(Path(frame.node)):
            self.refused += 1
        elif frame.node != self._node.code:
            self._beacons.hear(frame.node, now_ms)
            for place in self._seats.values():
                place.seat.hear(frame, now_ms)

    def floor(self, subject: str, data: bytes, now_ms: int) -> None:
        frame = self._decoded(data)
        if isinstance(frame, Ask) and (place := self._place(subject, now_ms)) is not None:
            place.asked_ms = now_ms
            self._answer(subject, place.seat.ask(frame, now_ms))

    def joined(self, group: str, now_ms: int) -> None:
        """Somebody listens to it (`place.name`, as a subject has it), and may ask for its floor soon."""
        if (place := self._place(f"fc.floor.{group}", now_ms)) is not None:
            place.asked_ms = now_ms

    def tick(self, now_ms: int) -> None:
        """To be called at least each 100 ms."""
        if now_ms >= self._beacon_ms:
            self._beacon_ms = now_ms + BEACON_MS
            self._say(subjects.beacon(self._node), frames.encode(Beacon(self._node.code)))
        for subject, place in list(self._seats.items()):
            if place.busy or now_ms - place.ticked_ms >= IDLE_MS:
                place.ticked_ms = now_ms
                self._answer(subject, place.seat.tick(now_ms))
                if not place.busy and now_ms - place.asked_ms >= FORGOTTEN_MS:
                    del self._seats[subject]

    def arbitrates(self, subject: str) -> bool:
        place = self._seats.get(subject)
        return place is not None and place.seat.arbiter is not None

    def _place(self, subject: str, now_ms: int) -> _Place | None:
        place = self._seats.get(subject)
        if place is not None:
            return place
        try:
            path, _ = subjects.talkgroup_of(subject)
        except BadInput:
            path = None
        if path is None or len(self._seats) >= TALKGROUPS_MAX:
            self.refused += 1
            return None
        above = path.covers(self._node)
        ssrc = zlib.crc32(subject.encode())
        place = self._seats[subject] = _Place(
            path,
            Seat(self._node.code, path.code, ssrc, self._began_ms, listens_ms=self._began_ms if above else now_ms),
            now_ms,
        )
        for beacon, ms in self._beacons.again():
            place.seat.hear(beacon, ms)
        if not above:
            for each in (*path.ancestors(), path):
                if each.tier > self._node.tier:
                    self._listen(each)
        place.seat.tick(now_ms)  # it takes its chair now, if nobody better is heard
        return place

    def _answer(self, subject: str, said: list[Frame]) -> None:
        for frame in said:
            if not isinstance(frame, Beacon):  # the one of `tick` serves all
                self._say(subject, frames.encode(frame))

    def _decoded(self, data: bytes) -> Frame | None:
        try:
            return frames.decode(data)
        except BadMessage:
            self.refused += 1
            return None
