"""Talkgroups over a thin link: voice, floors, and who wants which. One carrier for the three, at either end.

They belong together: voice crosses only where somebody listens, an Ask shares its packet with voice, and every letter
of either shows that the other end is there.
"""

from __future__ import annotations

from collections.abc import Sequence

from fusioncmd.floor import frames as floor_frames
from fusioncmd.floor.frames import Ask, Beacon
from fusioncmd.floor.messages import Kind as FloorKind
from fusioncmd.voice import frames
from gateways.satellite import floor_letter
from gateways.satellite.carrying import Kind, Letter, Link, Publish, Work
from gateways.satellite.classes import Class
from gateways.satellite.floor_letter import Told
from gateways.satellite.floor_out import FloorOut
from gateways.satellite.nodes_beyond import NodesBeyond
from gateways.satellite.tags import Known, bad
from gateways.satellite.voice_in import VoiceIn
from gateways.satellite.voice_out import VoiceOut
from gateways.satellite.wants import Wants, group_of

VOICE_LIVES_S = 0.5  # what is later is not worth its bytes
FLOOR_LIVES_S = 1.0


class Talk:
    kinds: Sequence[Kind] = (Kind.VOICE, Kind.FLOOR, Kind.WANTS)

    def __init__(self, link: Link) -> None:
        self._link, self._up = link, False
        self.wants, self.nodes = Wants(link), NodesBeyond(link)
        self.voice_out, self.voice_in = VoiceOut(link.rate_bps), VoiceIn(self.wants.carries)
        self.floor_out = FloorOut(self.wants.goes, self.nodes.is_beyond)
        self._known = Known[Told]()
        self._static = (*self.nodes.hears(), *self.wants.hears(), *self._always())

    def hears(self) -> Sequence[str]:
        return (*self._static, *(f"fc.voice.{group}" for group in sorted(self.wants.beyond)))

    def from_bus(self, subject: str, data: bytes, now_s: float) -> Work:
        kind = subject.split(".", 2)[1]
        if kind == "listens":
            self.wants.listens(subject, now_s)
        elif kind == "beacon":
            self.nodes.beacon(data, now_s)
        elif self._up and kind == "voice":
            return self._voice(group_of(subject), data, now_s)
        elif self._up and kind == "floor":
            return self._floor(group_of(subject), data, now_s)
        return Work()

    def from_link(self, kind: Kind, body: bytes, now_s: float) -> Work:
        if kind is Kind.WANTS:
            self.wants.told(body)
            return Work()
        self.nodes.came(now_s)
        if kind is Kind.VOICE:
            heard = self.voice_in.hear(body, now_s)
            said = [] if heard is None else [(f"fc.voice.{heard[0]}", frames.encode(frame)) for frame in heard[1]]
            return Work(publishes=[Publish(*each) for each in said])
        if body and body[0] in floor_letter.OF_NODES:
            self.nodes.told(body, now_s)
            return Work()
        return self._floor_came(body, now_s)

    def turned(self, up: bool, now_s: float) -> Work:
        self._up = up
        if not up:
            self.voice_out.clear()
            self.floor_out.clear()
        return _both(self.wants.turned(up, now_s), self.nodes.turned(up, now_s))

    def due(self, now_s: float) -> Work:
        work = self.wants.due(now_s)
        if self._up:
            work.letters += self._letters(self.voice_out.due(now_s), self.floor_out.due(now_s), now_s)
        return _both(work, self.nodes.due(now_s))

    def _always(self) -> tuple[str, ...]:
        """Floors, and the voice that goes to the other end whoever listens."""
        above, own = self._link.kit.ancestors(), self._link.kit.dotted
        floors = (*(f"fc.floor.{path.dotted}.*" for path in above), f"fc.floor.{own}.>")
        if self._link.side == "hub":
            return (*floors, f"fc.voice.{own}.>")
        return (*floors, *(f"fc.voice.{path.dotted}.*" for path in above))

    def _voice(self, group: str, data: bytes, now_s: float) -> Work:
        if not self.wants.goes(group):
            return Work()
        frame = frames.decode(data)
        if self.voice_in.came(frame.key, now_s):
            return Work()
        shed = self.voice_out.shed
        letters = self.voice_out.hear(group, frame, now_s)
        work = Work(self._letters(letters, self.floor_out.ride(now_s) if letters else [], now_s))
        work.shed += [Class.VOICE] * (self.voice_out.shed - shed)
        return work

    def _floor(self, group: str, data: bytes, now_s: float) -> Work:
        frame = floor_frames.decode(data)
        if isinstance(frame, Beacon) or not self.wants.carries(group):
            return Work()
        letters = self.floor_out.hear(group, frame, now_s)
        if self.floor_out.asked:
            self.nodes.asks(now_s)
        return Work(self._letters([], letters, now_s))

    def _floor_came(self, body: bytes, now_s: float) -> Work:
        told = floor_letter.read(body, self._known)
        if told is None:
            return Work()
        group, frame = told
        here = not self.nodes.is_beyond(frame.to if isinstance(frame, Ask) else frame.node)
        if not self.wants.carries(group):
            raise bad()
        if isinstance(frame, Ask) and here:
            self.nodes.asked(now_s)
        elif not isinstance(frame, Ask) and here:
            raise bad()  # a node of this side, by the word of the other
        self.floor_out.came(group, frame, now_s)
        if isinstance(frame, Ask) and self._too_early(frame, now_s):
            return Work()  # it asks again
        return Work(publishes=[Publish(f"fc.floor.{group}", floor_frames.encode(frame))])

    def _too_early(self, ask: Ask, now_s: float) -> bool:
        """It followed a node of that side until lately, by whose word somebody may be speaking there of whom nothing
        has come yet."""
        if ask.holding or floor_letter.kind_of(ask) != FloorKind.REQUEST or self.nodes.near(now_s):
            return False
        return any(self.nodes.is_beyond(code) for code, _ in ask.before)

    def _letters(self, voice: list[bytes], floor: list[bytes], now_s: float) -> list[Letter]:
        if voice or floor:
            self.nodes.said(now_s)
        out = [Letter(Class.VOICE, Kind.VOICE, body, VOICE_LIVES_S) for body in voice]
        return out + [Letter(Class.VOICE, Kind.FLOOR, body, FLOOR_LIVES_S) for body in floor]


def _both(one: Work, other: Work) -> Work:
    return Work(one.letters + other.letters, one.publishes + other.publishes, one.shed + other.shed)
