"""A kit under its county over a satellite, in virtual time: two replicas, their exchanges and pulses, the bridges
between them with the real carriers, and the twin of the pipe. Buses are subjects and callbacks.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from fusioncmd import pulse, subjects
from fusioncmd.canary import Branch, Trail, Word
from fusioncmd.codes import Path
from fusioncmd.exchange import scope
from fusioncmd.exchange.exchange import Exchange
from fusioncmd.exchange.pace import thin
from fusioncmd.exchange.replica import MemoryReplica
from fusioncmd.pulse import Beat, Pulse
from gateways.satellite.carriers import carriers
from gateways.satellite.carrying import Link, Side
from gateways.satellite.core import Bridge
from tests.exchange_pair import CITY, COUNTY, replica
from tests.satellite_pipe import TwinLink, TwinPipe

STEP_S, TICK_S = 0.01, 0.05


class End:
    """A node with its bus, and the bridge of its end."""

    def __init__(
        self, side: Side, pipe: TwinPipe, holds: MemoryReplica, link: TwinLink, began_ms: int = 1_000_000
    ) -> None:
        self.side, self._link = side, link
        own, peer = (COUNTY, CITY) if side == "kit" else (CITY, COUNTY)
        seed = 2 if side == "kit" else 1
        self.replica = holds
        self.exchange = Exchange(
            holds, scope.link(own, peer), side == "kit", seed, random.Random(seed).random, thin(64_000)
        )
        self.pulse, self.beats = Pulse(seed * 1_000, 0.0), list[Beat]()
        self.trail, self.canary, self.alive, self.answers = Trail(30.0), 0, True, True
        self.numbers = b""
        self.below: tuple[Branch, ...] = ()
        told = Link(side, Path(own), Path(COUNTY), pipe.waiting, lambda: pipe.rate_bps, lambda: 0.6, began_ms)
        self.bridge = Bridge(pipe, carriers(told), self._said, began_ms)
        pipe.heard = lambda cls, letter: self.bridge.from_link(letter, link.now_s)
        pipe.turned = self._turned
        self._wanted = [(carrier, subject) for carrier in self.bridge.carriers for subject in carrier.hears()]
        self.said: list[tuple[str, bytes]] = []  # by the bridge, on this bus
        self._beat_due_s = self._due_s = 0.0
        self.bridge.begin(0.0)

    def _turned(self, up: bool) -> None:
        (self.exchange.connect if up else self.exchange.cut)(int(self._link.now_s * 1000))
        self.bridge.turned(up, self._link.now_s)

    def _said(self, subject: str, data: bytes) -> None:
        self.said.append((subject, data))
        if subject in (subjects.link_up(COUNTY), subjects.link_down(COUNTY)):
            self.exchange.receive(data, int(self._link.now_s * 1000))
        elif subject.startswith("fc.link."):
            beat = pulse.unpack(data)
            self.beats.append(beat)
            self.pulse.hear(beat, self._link.now_s)
            if self.side == "hub" and beat.word is not None:
                self.trail.hear(beat.word.answered)

    def say(self, subject: str, data: bytes) -> None:
        """The node, on this bus."""
        for carrier, wanted in self._wanted:
            if wanted == subject:
                self.bridge.from_bus(carrier, subject, data, self._link.now_s)

    def step(self, now_s: float) -> None:
        if self.alive and now_s >= self._beat_due_s:
            self._beat_due_s = now_s + 1.0
            up = self.side == "kit"
            self.canary += 1
            if up:
                heard = self.beats[-1].word if self.beats else None
                word = Word(0, heard.said if heard is not None and self.answers else 0, self.below)
            else:
                word = Word(self.canary)
                self.trail.say(self.canary, now_s)
            subject = subjects.link_beat_up(COUNTY) if up else subjects.link_beat_down(COUNTY)
            self.say(subject, pulse.pack(self.pulse.beat(now_s, self.numbers, word)))
        if now_s >= self._due_s:
            self._due_s = now_s + TICK_S
            if self.alive:
                subject = subjects.link_up(COUNTY) if self.side == "kit" else subjects.link_down(COUNTY)
                for frame in self.exchange.due(int(now_s * 1000)):
                    self.say(subject, frame)
            self.bridge.due(now_s)


class World:
    def __init__(self, loss: float = 0.0, rate_bps: int = 64_000) -> None:
        self.link = TwinLink(rate_bps=rate_bps, loss=loss)
        self.kit = End("kit", self.link.kit, replica(), self.link)
        self.hub = End("hub", self.link.hub, replica(), self.link)

    def step(self, seconds: float = STEP_S) -> None:
        self.link.step(seconds)
        for end in (self.kit, self.hub):
            end.step(self.link.now_s)

    def run(self, seconds: float, step_s: float = STEP_S) -> None:
        until_s = self.link.now_s + seconds
        while self.link.now_s < until_s:
            self.step(step_s)

    def until(self, true: Callable[[], bool], seconds: float = 60.0) -> float:
        """After how long it is."""
        began_s = self.link.now_s
        while not true():
            assert self.link.now_s - began_s < seconds, "it did not come true"
            self.step()
        return self.link.now_s - began_s

    @property
    def same(self) -> bool:
        return self.kit.exchange.index.digests == self.hub.exchange.index.digests

    def wire_bytes(self) -> tuple[int, int]:
        return self.link.kit.wire_bytes, self.link.hub.wire_bytes
