"""Positions over a thin link: up from the kit, thinned; at the other end said on the bus as they were said below. Pure.

The kit's end remembers one position of each unit while the link is down, so after a cut where everything is now goes,
and nothing of where it was. The upper end asks to be told anew (`_AGAIN`) when it is spoken of somebody whom it does
not know; so neither a restart nor a letter that was shed leaves a unit out for long.
"""

from __future__ import annotations

from collections.abc import Sequence

from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage
from fusioncmd.track import compact
from fusioncmd.track.bounds import LINK_BYTES_MAX, LINK_UNITS_MAX
from fusioncmd.track.position import Track, all_below, encode, heard
from fusioncmd.track.thinning import Thinning
from gateways.satellite.carrying import Kind, Letter, Link, Publish, Work
from gateways.satellite.classes import Class

GATHER_S = 1.0  # positions of so long go in one letter
LOOK_S = 0.2  # between two looks while nothing is to be said
SHARE = 0.05  # of the link's rate that positions may take, their letters' heads included
WAITING_MAX = 2 * LINK_BYTES_MAX  # bytes that wait in the class; then nothing is added: what is newer goes later
LETTER_COST = 40  # bytes on the wire around a letter: QUIC, UDP and IP, shared with what goes beside it
_AGAIN = b"\x00"  # a letter down: say who everybody is
AGAIN_S = 5.0  # between two of those


class KitTracks:
    """The lower end."""

    kinds: Sequence[Kind] = (Kind.TRACK,)

    def __init__(self, link: Link) -> None:
        self._link, self._up = link, False
        self._thinning = Thinning()
        self._numbers: dict[str, tuple[int, Track]] = {}  # by address: as which it was introduced, and where
        self._next, self._due_s = 0, 0.0
        self.refused = 0

    def hears(self) -> Sequence[str]:
        return (all_below(self._link.kit),)

    def from_bus(self, subject: str, data: bytes, now_s: float) -> Work:
        try:
            self._thinning.take(heard(subject, data))
        except BadMessage:
            self.refused += 1
        return Work()

    def from_link(self, kind: Kind, body: bytes, now_s: float) -> Work:
        if body != _AGAIN:
            raise BadMessage("Nothing but a question for positions goes down.", "下行只允许位置重报请求。")
        self._anew()
        return Work()

    def turned(self, up: bool, now_s: float) -> Work:
        self._up = up
        if up:
            self._anew()
        return Work()

    def due(self, now_s: float) -> Work:
        work = Work()
        if not self._up or now_s < self._due_s or self._link.waiting(Class.POSITIONS) > WAITING_MAX:
            return work
        budget, entries, size = self._link.rate_bps() / 8 * SHARE, list[Track](), 0
        for track in self._thinning.due(now_s, budget):
            said = self._size(track)
            if size + said > LINK_BYTES_MAX:
                break
            entries.append(track)
            size += said
        if entries:
            body = self._letter(entries)
            self._thinning.spend(len(body) + LETTER_COST)
            work.letters.append(Letter(Class.POSITIONS, Kind.TRACK, body))
        self._due_s = now_s + (GATHER_S if entries else LOOK_S)
        return work

    def _anew(self) -> None:
        self._numbers.clear()
        self._thinning.forget_told()

    def _size(self, track: Track) -> int:
        """At most so many bytes."""
        known = self._numbers.get(track.address)
        if known is not None and compact.in_reach(known[1], track):
            return compact.POSITION_BYTES_MAX
        return len(encode(track)) + 8

    def _letter(self, tracks: list[Track]) -> bytes:
        out = bytearray(head := compact.head(max(track.at_ms for track in tracks)))
        for track in tracks:
            known = self._numbers.get(track.address)
            if known is not None and compact.in_reach(known[1], track):
                out += compact.position(*known, track, head)
                continue
            if known is None and len(self._numbers) >= LINK_UNITS_MAX:
                del self._numbers[next(iter(self._numbers))]
            number, self._next = self._next, (self._next + 1) % compact.NUMBERS
            self._numbers[track.address] = number, track
            out += compact.introduction(number, track)
        return bytes(out)


class HubTracks:
    """The upper end. Positions of places that are not the kit's are refused: nobody speaks for others."""

    kinds: Sequence[Kind] = (Kind.TRACK,)

    def __init__(self, link: Link) -> None:
        self._link = link
        self._known: dict[int, Track] = {}  # introductions, by number; the one introduced last stands last
        self._asked_s = -AGAIN_S
        self.unknown = self.refused = 0

    def hears(self) -> Sequence[str]:
        return ()

    def from_bus(self, subject: str, data: bytes, now_s: float) -> Work:
        return Work()

    def from_link(self, kind: Kind, body: bytes, now_s: float) -> Work:
        work = Work()
        for number, introduced, position in compact.entries(body):
            if introduced is not None:
                if not self._link.kit.covers(Path(introduced.node)):
                    self.refused += 1
                    raise BadMessage("A position of a place that is not the kit's.", "位置不属于该便携站。")
                self._introduce(number, introduced)
                work.publishes.append(_said(introduced))
            elif position is not None and (anchor := self._known.get(number)) is not None:
                work.publishes.append(_said(compact.placed(anchor, position)))
            else:
                self.unknown += 1
                if now_s - self._asked_s >= AGAIN_S:
                    self._asked_s = now_s
                    work.letters.append(Letter(Class.POSITIONS, Kind.TRACK, _AGAIN, AGAIN_S))
        return work

    def turned(self, up: bool, now_s: float) -> Work:
        self._known.clear()
        return Work()

    def due(self, now_s: float) -> Work:
        return Work()

    def _introduce(self, number: int, track: Track) -> None:
        self._known.pop(number, None)
        if len(self._known) >= 2 * LINK_UNITS_MAX:
            del self._known[next(iter(self._known))]
        self._known[number] = track


def tracks(link: Link) -> KitTracks | HubTracks:
    return KitTracks(link) if link.side == "kit" else HubTracks(link)


def _said(track: Track) -> Publish:
    return Publish(f"fc.track.{track.address}", encode(track))
