"""Which talkgroups cross the link: those that somebody at the other end listens to. Pure.

Voice and floors of the places above the kit always go up, and those of the kit's place and below always down: the tier
whose talkgroup it is records it. The other way it needs a listener, whom gateways tell of by `fc.listens.…` at this
end or anywhere beyond it. That is told to the other end when it changes, and there said on: behind that end there may
be a further satellite.
"""

from __future__ import annotations

from fusioncmd.codes import Path
from fusioncmd.errors import BadInput
from fusioncmd.voice import subjects
from gateways.satellite.carrying import Kind, Letter, Link, Publish, Work
from gateways.satellite.classes import Class
from gateways.satellite.tags import bad

WANTED_MAX = 64  # talkgroups that one end may want; beyond, the first by name are carried
LISTENS_S = 6.0  # without a word of a listener, so long somebody listens still
AGAIN_S = 60.0  # what is wanted is told again
SAYS_S = 2.0  # that somebody beyond listens
LOOK_S = 0.25
_GROUP_CHARS_MAX = 64


def group_of(subject: str) -> str:
    """`44.01.main` of `fc.voice.44.01.main`."""
    return subject.split(".", 2)[2]


class Wants:
    def __init__(self, link: Link) -> None:
        self._link = link
        self._above = link.kit.ancestors()
        self._here: dict[str, float] = {}  # who listens at this end: talkgroup, and when that was said last
        self.beyond: frozenset[str] = frozenset()  # what the other end wants beside what always goes there
        self._up = False
        self._told: frozenset[str] = frozenset()
        self._told_s = self._said_s = self._looked_s = 0.0
        self._carried: dict[str, Path | None] = {}  # places of talkgroups that were asked about; None: not ours

    def hears(self) -> tuple[str, ...]:
        if self._link.side == "kit":
            return tuple(f"fc.listens.{path.dotted}.*" for path in self._above)
        return (f"fc.listens.{self._link.kit.dotted}.>",)

    def carries(self, group: str) -> bool:
        """It is a talkgroup of a place above the kit, the kit's own, or of one below."""
        return self._place(group) is not None

    def goes(self, group: str) -> bool:
        """The other end wants it."""
        place = self._place(group)
        return place is not None and (group in self.beyond or self._always(place))

    def listens(self, subject: str, now_s: float) -> None:
        """What comes here anyway need not be wanted."""
        group = group_of(subject)
        place = self._place(group)
        if place is not None and self._always(place):
            self._here[group] = now_s

    def told(self, body: bytes) -> None:
        """By the other end. Raises BadMessage."""
        if len(body) > WANTED_MAX * _GROUP_CHARS_MAX:
            raise bad()
        try:
            groups = body.decode("ascii").split("\n") if body else []
        except UnicodeDecodeError:
            raise bad() from None
        if len(groups) > WANTED_MAX or not all(map(self.carries, groups)):
            raise bad()
        self.beyond = frozenset(groups)

    def turned(self, up: bool, now_s: float) -> Work:
        """Said again where the other end began anew: what it wants is told by itself, and may have come already."""
        self._up = up
        if up:
            return self._tell(now_s)
        self.beyond = frozenset()
        return Work()

    def due(self, now_s: float) -> Work:
        if now_s - self._looked_s < LOOK_S:
            return Work()
        self._looked_s, work = now_s, Work()
        self._here = {group: said_s for group, said_s in self._here.items() if now_s - said_s <= LISTENS_S}
        if self._up and (self._wanted() != self._told or (self._told and now_s - self._told_s >= AGAIN_S)):
            work = self._tell(now_s)
        if now_s - self._said_s >= SAYS_S:
            self._said_s = now_s
            work.publishes += [Publish(f"fc.listens.{group}", b"") for group in sorted(self.beyond)]
        return work

    def _wanted(self) -> frozenset[str]:
        return frozenset(sorted(self._here)[:WANTED_MAX])

    def _tell(self, now_s: float) -> Work:
        self._told, self._told_s = self._wanted(), now_s
        return Work([Letter(Class.ORDERS, Kind.WANTS, "\n".join(sorted(self._told)).encode())])

    def _always(self, place: Path) -> bool:
        """It is recorded at the other end."""
        below = self._link.kit.covers(place)
        return below if self._link.side == "hub" else not below

    def _place(self, group: str) -> Path | None:
        if group not in self._carried:
            if len(self._carried) >= 4 * WANTED_MAX:
                self._carried.clear()
            try:
                place, _ = subjects.talkgroup_of(f"fc.voice.{group}")
            except (BadInput, ValueError):
                self._carried[group] = None
            else:
                ours = place.covers(self._link.kit) or self._link.kit.covers(place)
                self._carried[group] = place if ours and len(group) <= _GROUP_CHARS_MAX else None
        return self._carried[group]
