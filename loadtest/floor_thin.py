"""Races for one floor (floor_world.py) where one link between nodes is a satellite's: 300 ms each way, loses, is cut.

Its two ends are the real carriers (`gateways/satellite/talk.py`), and every letter goes through its bytes. A cut ends
for the pipe when its connection is there again, and is noticed by it after seconds, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from fusioncmd.codes import parse
from fusioncmd.floor import frames
from fusioncmd.floor.frames import Answer, Ask, Beacon, Frame
from fusioncmd.voice import subjects
from gateways.satellite.carrying import Link as ThinLink
from gateways.satellite.carrying import Side, Work
from gateways.satellite.classes import Class
from gateways.satellite.talk import Talk
from loadtest.floor_parts import Link
from loadtest.floor_world import TICK_MS, World

ONE_WAY_MS = (290, 310)
LISTENS_MS = 2_000
SIDES: tuple[Side, Side] = ("hub", "kit")


class ThinWorld(World):
    """`kit` is the node at the lower end of the satellite link; `links[kit].cuts` are as its pipe has them."""

    def __init__(
        self, chance: Random, above: dict[str, str], links: dict[str, Link], gateways: list[str], home: str, kit: str
    ) -> None:
        super().__init__(chance, above, links, gateways, home)
        self.kit, self._station = kit, {"kit": kit, "hub": above[kit]}
        self._group = f"{parse(home).dotted}.main"
        self._side = {name: self._side_of(name) for name in (*self.seats, *self.relays)}
        self.letters = dict.fromkeys(SIDES, 0)
        self.letter_bytes = dict.fromkeys(SIDES, 0)
        self.talk: dict[Side, Talk] = {
            side: Talk(ThinLink(side, parse(self._station[side]), parse(kit), lambda _: 0, lambda: 64_000))
            for side in SIDES
        }
        self._meet()
        for side in SIDES:
            self.after(chance.randrange(TICK_MS), lambda side=side: self._due(side))  # type: ignore[misc]

    def turn(self, up: bool) -> None:
        """The pipe says that it is there, or is not; at both ends."""
        for side in SIDES:
            self._work(side, self.talk[side].turned(up, self.now_ms / 1_000))

    def side_of(self, talker: str) -> Side:
        return self._side[self.talkers[talker].gateway]

    def _side_of(self, name: str) -> Side:
        while name != self.kit and name in self._above:
            name = self._above[name]
        return "kit" if name == self.kit else "hub"

    def _meet(self) -> None:
        """They have known each other for a while."""
        now_s = self.now_ms / 1_000
        for talk in self.talk.values():
            talk.turned(True, now_s)
        for side, other in zip(SIDES, reversed(SIDES), strict=True):
            for seat in (name for name in self.seats if self._side[name] == side):
                self.talk[side].from_bus(subjects.beacon(parse(seat)), frames.encode(Beacon(seat)), now_s)
            self.talk[side].from_bus(f"fc.listens.{self._group}", b"", now_s)
            for letter in self.talk[side].due(now_s).letters:
                self.talk[other].from_link(letter.kind, letter.body, now_s)

    def _publish(self, sender: str, said: list[Frame]) -> None:
        for frame in said:
            self._on_bus(sender, frame)

    def _on_bus(self, sender: str, frame: Frame) -> None:
        """As far as wires go, and to the end of the satellite link."""
        data, side = frames.encode(frame), self._side[sender]
        nodes, gateways = not isinstance(frame, Answer), not isinstance(frame, Ask)
        for name in (*(self.seats if nodes else ()), *(self.relays if gateways else ())):
            if self._side[name] == side:
                if name == sender:
                    self._deliver(name, data)
                else:
                    self._carry(sender, name, data)
        station = self._station[side]
        if station == sender:
            self._to_end(side, frame)
        else:
            self._wire(sender, station, lambda: self._to_end(side, frame))

    def _wire(self, sender: str, station: str, what: Callable[[], None]) -> None:
        delay_ms = 0
        for hop in self._paths[sender, station]:
            link = self.links[hop]
            if link.is_cut(self.now_ms) or self.chance.random() < link.loss:
                return
            delay_ms += self.chance.randint(*link.delay_ms)
        self.after(delay_ms, what)

    def _to_end(self, side: Side, frame: Frame) -> None:
        subject = subjects.beacon(parse(frame.node)) if isinstance(frame, Beacon) else f"fc.floor.{self._group}"
        self._work(side, self.talk[side].from_bus(subject, frames.encode(frame), self.now_ms / 1_000))

    def _due(self, side: Side) -> None:
        self.after(TICK_MS, lambda: self._due(side))
        now_s = self.now_ms / 1_000
        if self.now_ms % LISTENS_MS < TICK_MS:
            self.talk[side].from_bus(f"fc.listens.{self._group}", b"", now_s)
        self._work(side, self.talk[side].due(now_s))

    def _work(self, side: Side, work: Work) -> None:
        other: Side = "kit" if side == "hub" else "hub"
        link = self.links[self.kit]
        for letter in work.letters:
            self.letters[side] += 1
            self.letter_bytes[side] += len(letter.body)
            lost = self.chance.random() < link.loss
            if link.is_cut(self.now_ms) or (lost and letter.cls is Class.VOICE):
                continue
            delay_ms = self.chance.randint(*ONE_WAY_MS) + (600 if lost else 0)
            self.after(delay_ms, lambda letter=letter: self._work(  # type: ignore[misc]
                other, self.talk[other].from_link(letter.kind, letter.body, self.now_ms / 1_000)
            ))  # fmt: skip
        for said in work.publishes:
            if not said.subject.startswith("fc.listens."):
                self._on_bus(self._station[side], frames.decode(said.data))  # and it hears itself
