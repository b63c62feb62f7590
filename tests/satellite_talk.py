"""Talkgroups over the link of `satellite_link.py`: carriers and bridges of both ends on real QUIC, in virtual time."""

from __future__ import annotations

from functools import partial

from fusioncmd.codes import Path
from fusioncmd.voice import frames
from fusioncmd.voice.frames import PER_MS, VoiceFrame
from gateways.satellite.carrying import Kind, Link, Pipe, Side
from gateways.satellite.classes import Class
from gateways.satellite.core import Bridge
from gateways.satellite.talk import Talk
from tests.satellite_link import HUB, KIT, World

DUE_S = 0.05
CLIP = bytes((Kind.KEPT,)) + bytes(range(250)) * 60


class TalkEnd:
    """`heard`: each frame of voice that came out on this end's bus, and when."""

    def __init__(self, world: World, side: Side, pipe: Pipe) -> None:
        self._world = world
        code = KIT if side == "kit" else HUB
        self.talk = Talk(Link(side, Path(code), Path(KIT), pipe.waiting, lambda: pipe.rate_bps))
        self.heard: list[tuple[float, VoiceFrame]] = []
        self.said: list[tuple[str, bytes]] = []
        self.bridge = Bridge(pipe, [self.talk], self._said)
        pipe.heard = lambda cls, letter: self.bridge.from_link(letter, world.now_s)
        pipe.turned = lambda up: self.bridge.turned(up, world.now_s)
        self.bridge.begin(world.now_s)
        self._due()

    def say(self, subject: str, data: bytes) -> None:
        """Somebody on this end's bus."""
        self.bridge.from_bus(self.talk, subject, data, self._world.now_s)

    def speak(self, group: str, burst: list[VoiceFrame], after_s: float = 0.0) -> float:
        """Each frame when it has been spoken; when the first one is."""
        begins_s = self._world.now_s + after_s
        for frame in burst:
            said = partial(self.say, f"fc.voice.{group}", frames.encode(frame))
            self._world.at(begins_s + frame.timestamp / PER_MS / 1_000, said)
        return begins_s

    def _said(self, subject: str, data: bytes) -> None:
        self.said.append((subject, data))
        if subject.startswith("fc.voice."):
            self.heard.append((self._world.now_s, frames.decode(data)))

    def _due(self) -> None:
        self._world.at(self._world.now_s + DUE_S, self._due)
        self.bridge.due(self._world.now_s)


class Pair:
    def __init__(self, rate_bps: int, loss: float = 0.0, seed: int = 1) -> None:
        self.world = World(rate_bps=rate_bps, loss=loss, seed=seed)
        self.world.connect()
        self.kit = TalkEnd(self.world, "kit", self.world.kit)
        self.hub = TalkEnd(self.world, "hub", self.world.hub_end)
        self.world.run(for_s=2.0)

    def upload(self) -> None:
        """A clip, without end."""
        self.world.at(self.world.now_s + DUE_S, self.upload)
        while self.world.kit.waiting(Class.CLIPS) < 2 * len(CLIP):
            self.world.kit.say(Class.CLIPS, CLIP)
