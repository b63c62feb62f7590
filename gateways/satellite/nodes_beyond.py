"""The tier nodes at the other end, as floors see them: their beacons, without beacons on the link. Pure.

A node says four times a second that it is there. Each end tells the other which nodes it hears, when that changes, and
says their beacons on its own bus for as long as the link is up. An end that asks one of them for the floor needs to
know that it is there *now*, as the floor's rules take it (floor/sides.py): from then on its beacons are said only when
a letter has come, and the other end sees to it that one comes each half second. So whoever presses while the link is
dead, but not known to be, has the next node within some three seconds, and a burst learns of a cut as by wire. From
then on the end asks each second whether the other one is there, and says no beacon of it before a letter comes.
"""

from __future__ import annotations

from fusioncmd.codes import Path, parse
from fusioncmd.errors import BadInput
from fusioncmd.floor import frames
from fusioncmd.floor.frames import Beacon
from fusioncmd.floor.timers import BEACON_MS, SERVER, SILENT_MS
from fusioncmd.voice import subjects
from gateways.satellite.carrying import Kind, Letter, Link, Publish, Work
from gateways.satellite.classes import Class
from gateways.satellite.floor_letter import HERE, NODES, THERE
from gateways.satellite.tags import bad

BEACON_S = BEACON_MS / 1_000
HEARD_S = 1.2  # a node that was not heard for longer is not there
USED_S = 3.0  # after the last question so long answers matter
GRACE_S = 1.0  # from the first question, until an answer may have come: more than the link's round trip
BEAT_S = 0.5  # a letter comes so often, while the other end asks
BEAT_LIVES_S = 0.6
DOUBTED_S = SILENT_MS / 1_000  # without a letter, while it was asked
PROBE_S = 1.0
AGAIN_S = 600.0  # what is heard here is told again, should it have been shed
OVERTAKEN_S = 3.0  # a letter that is older than what came so lately was overtaken
NEAR_S = SERVER.t3_ms / 1_000
NODES_MAX = 64  # told of; reject
_NEVER_S = -1e9


class NodesBeyond:
    def __init__(self, link: Link) -> None:
        self._link, self._up = link, False
        self._here: dict[str, float] = {}  # nodes of this side, and when they were heard
        self._told: tuple[str, ...] = ()
        self._edition = 0
        self.beyond: tuple[str, ...] = ()  # nodes of the other side
        self._beyond_edition = 0
        self._asked_s = self._asking_s = self._heard_s = self._since_s = self._said_s = self._beacon_s = _NEVER_S
        self._doubted = False  # it was asked, and nothing came
        self._used_s = _NEVER_S  # the first question, of those that follow each other
        self._probed_s = self._again_s = self._told_of_s = _NEVER_S

    def is_beyond(self, code: str) -> bool:
        """That node is on the other side of the link, if it is anywhere."""
        try:
            below = self._link.kit.covers(parse(code))
        except BadInput:
            return False
        return below if self._link.side == "hub" else not below

    def hears(self) -> tuple[str, ...]:
        if self._link.side == "hub":
            return tuple(map(subjects.beacon, self._link.kit.ancestors()))
        own = subjects.beacon(self._link.kit)
        return own, f"{own}.>"

    def beacon(self, data: bytes, now_s: float) -> None:
        """Raises BadMessage."""
        frame = frames.decode(data)
        if not isinstance(frame, Beacon) or self.is_beyond(frame.node):
            return
        if frame.node in self._here or len(self._here) < NODES_MAX:
            self._here[frame.node] = now_s

    def told(self, body: bytes, now_s: float) -> None:
        """By the other end: NODES come in order, HERE and THERE may be overtaken. Raises BadMessage."""
        try:
            text = body[2:].decode("ascii")
            codes = tuple(text.split(",")) if text else ()
        except UnicodeDecodeError:
            raise bad() from None
        if len(body) < 2 or len(codes) > NODES_MAX or not all(map(self._may_be, codes)):
            raise bad()
        newer = (body[1] - self._beyond_edition) & 0xFF < 0x80
        if body[0] == NODES or newer or now_s - self._told_of_s > OVERTAKEN_S:
            self.beyond, self._beyond_edition, self._told_of_s = codes, body[1], now_s
        if body[0] == THERE:
            self._asking_s = now_s

    def asks(self, now_s: float) -> None:
        """Somebody here asks a node beyond."""
        if now_s - self._asked_s > USED_S:
            self._used_s = now_s
        self._asked_s = now_s

    def asked(self, now_s: float) -> None:
        """Somebody beyond asks a node here."""
        self._asking_s = now_s

    def came(self, now_s: float) -> None:
        """A letter that is worth something only now."""
        if now_s - self._heard_s > DOUBTED_S:
            self._since_s = now_s
        self._heard_s, self._doubted = now_s, False

    def near(self, now_s: float) -> bool:
        """Letters came without a gap for so long that whoever speaks there by an older word was heard of here: what
        `Nodes.as_near` takes from beacons, which here are no proof of it."""
        return now_s - self._heard_s <= DOUBTED_S and now_s - self._since_s >= NEAR_S

    def said(self, now_s: float) -> None:
        self._said_s = now_s

    def turned(self, up: bool, now_s: float) -> Work:
        """Said again where the other end began anew: what it hears is told by itself, and may have come already."""
        self._up, self._doubted = up, False
        if up:
            self._again_s = now_s
            return Work([self._letter(NODES)])
        self.beyond = ()
        return Work()

    def due(self, now_s: float) -> Work:
        work = Work()
        if not self._up:
            return work
        self._here = {code: s for code, s in self._here.items() if now_s - s <= HEARD_S}
        here = tuple(sorted(self._here))
        if here != self._told or (here and now_s - self._again_s >= AGAIN_S):
            self._edition = self._edition + (here != self._told) & 0xFF
            self._told, self._again_s = here, now_s
            work.letters.append(self._letter(NODES))
        if now_s - self._asking_s < USED_S and now_s - self._said_s >= BEAT_S:
            self._said_s = now_s
            work.letters.append(self._letter(HERE))
        self._doubt(now_s)
        if self._doubted and now_s - self._probed_s >= PROBE_S:
            self._probed_s = now_s
            work.letters.append(self._letter(THERE))
        if now_s - self._beacon_s >= BEACON_S and self._alive(now_s):
            self._beacon_s = now_s
            work.publishes += [_said(code) for code in self.beyond]
        return work

    def _used(self, now_s: float) -> bool:
        return now_s - self._asked_s < USED_S

    def _doubt(self, now_s: float) -> None:
        if self._used(now_s) and now_s - max(self._heard_s, self._used_s) > DOUBTED_S:
            self._doubted = True

    def _alive(self, now_s: float) -> bool:
        if self._doubted or not self._used(now_s):
            return not self._doubted
        return now_s - self._used_s < GRACE_S or self._heard_s > self._beacon_s

    def _letter(self, form: int) -> Letter:
        body = bytes((form, self._edition)) + ",".join(self._told).encode()
        if form == NODES:
            return Letter(Class.ORDERS, Kind.FLOOR, body)
        return Letter(Class.VOICE, Kind.FLOOR, body, BEAT_LIVES_S)

    def _may_be(self, code: str) -> bool:
        try:
            path = parse(code)
        except BadInput:
            return False
        return path.code == code and (
            self.is_beyond(code) and (self._link.side == "hub" or path.covers(self._link.kit))
        )


def _said(code: str) -> Publish:
    return Publish(subjects.beacon(Path(code)), frames.encode(Beacon(code)))
