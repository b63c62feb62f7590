"""Races for one floor: tier nodes, gateways and terminals over links that lose, delay, double and are cut.

Time is made up, and chance is a `random.Random` of the seed: the same seed is the same race. Every frame goes through
its bytes. What is watched, at every event:

- *one holder*: no two gateways let a voice through at a time, between which no link was cut during the last RETURN_MS.
  So a cut never makes two holders on one side of it, not for a moment, and two sides that meet have one within 5 s.
- *one arbiter*: RETURN_MS after links changed for the last time exactly one node per connected side has the chair.
- *freed*: when everybody has let go, no voice passes, nobody waits, and every floor is idle; and who presses is heard.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

from fusioncmd.floor import frames
from fusioncmd.floor.bursts import Told
from fusioncmd.floor.frames import Answer, Ask, Beacon, Frame
from fusioncmd.floor.messages import FloorMessage
from fusioncmd.floor.relay import Out, Relay
from fusioncmd.floor.seat import Seat
from fusioncmd.floor.timers import RETURN_MS
from loadtest.floor_parts import NEVER_CUT, Found, Link, Talker

START_MS = 10_000
TICK_MS = 50


class World:
    """`above` names for each node and gateway the node above it (the top has none), `home` the talkgroup's own node."""

    def __init__(self, chance: Random, above: dict[str, str], links: dict[str, Link], gateways: list[str], home: str):
        self.chance, self.links, self._above = chance, links, above
        self.now_ms, self.found, self.radio_loss = START_MS, Found(), 0.05
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._speakers: dict[str, str] = {}  # by gateway
        self._pairs: dict[tuple[str, str], int] = {}  # who speaks at once, and since when
        stations = sorted({*above, *above.values()})
        self.seats = {name: Seat(name, home, n + 1, 0) for n, name in enumerate(stations) if name not in gateways}
        self.relays = {name: Relay(name, home, 100 + n, 1_000) for n, name in enumerate(gateways)}
        self.talkers: dict[str, Talker] = {}
        self._paths = {(a, b): self._path(a, b) for a in stations for b in stations if a != b}
        for heard_ms in range(START_MS - 5_000, START_MS + 1, 1_000):  # all have known each other for a while
            for beacon in map(Beacon, self.seats):
                for seat in self.seats.values():
                    seat.hear(beacon, heard_ms)
                for relay in self.relays.values():
                    relay.hear(beacon, heard_ms)
        for name in (*self.seats, *self.relays):
            self.after(chance.randrange(TICK_MS), lambda name=name: self._tick(name))  # type: ignore[misc]

    def at(self, when_ms: int, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (when_ms, self._count, what))

    def after(self, delay_ms: int, what: Callable[[], None]) -> None:
        self.at(self.now_ms + delay_ms, what)

    def run(self, until_ms: int) -> None:
        while self._queue and self._queue[0][0] <= until_ms:
            self.now_ms, _, what = heapq.heappop(self._queue)
            what()
            self._watch()
        self.now_ms = until_ms

    def press(self, name: str) -> None:
        talker = self.talkers[name]
        self._up(name, talker.participant.press(talker.priority, self.now_ms, talker.emergency))

    def lift(self, name: str) -> None:
        self._up(name, self.talkers[name].participant.lift(self.now_ms))

    def _path(self, one: str, other: str) -> list[str]:
        """The links between two stations, each by the name of its lower end."""

        def up(name: str) -> list[str]:
            return [name, *up(self._above[name])] if name in self._above else []

        return sorted(set(up(one)) ^ set(up(other)), key=lambda name: (len(up(name)), name))

    def joined_since(self, one: str, other: str) -> int | None:
        """Since when no link between them was cut; None: one is."""
        since = NEVER_CUT
        for name in self._paths.get((one, other), ()):
            whole = self.links[name].whole_since(self.now_ms)
            if whole is None:
                return None
            since = max(since, whole)
        return since

    def _tick(self, name: str) -> None:
        self.after(TICK_MS, lambda: self._tick(name))
        if name in self.seats:
            self._publish(name, self.seats[name].tick(self.now_ms))
            return
        relay = self.relays[name]
        for who, talker in self.talkers.items():
            if talker.gateway == name and not talker.dead:
                if talker.participant.may_speak:
                    relay.media(who, self.now_ms)
                self._up(who, talker.participant.tick(self.now_ms))
        self._out(name, relay.tick(self.now_ms))

    def _publish(self, sender: str, said: list[Frame]) -> None:
        for frame in said:
            data = frames.encode(frame)
            nodes, gateways = not isinstance(frame, Answer), not isinstance(frame, Ask)
            for name in (*(self.seats if nodes else ()), *(self.relays if gateways else ())):
                if name == sender:
                    self._deliver(name, data)  # a node hears itself on the bus
                else:
                    self._carry(sender, name, data)

    def _carry(self, sender: str, name: str, data: bytes) -> None:
        delay_ms, copies = 0, 1
        for hop in self._paths[sender, name]:
            link = self.links[hop]
            if link.is_cut(self.now_ms) or self.chance.random() < link.loss:
                return
            delay_ms += self.chance.randint(*link.delay_ms)
            copies += self.chance.random() < link.doubled
        for copy in range(copies):
            late_ms = copy * self.chance.randint(0, 400)
            self.after(delay_ms + late_ms, lambda: self._deliver(name, data))

    def _deliver(self, name: str, data: bytes) -> None:
        frame = frames.decode(data)
        seat, relay = self.seats.get(name), self.relays.get(name)
        match frame:
            case Beacon() if seat is not None:
                seat.hear(frame, self.now_ms)
            case Beacon() if relay is not None:
                relay.hear(frame, self.now_ms)
            case Ask() if seat is not None:
                self._publish(name, seat.ask(frame, self.now_ms))
            case Answer() if relay is not None:
                self._out(name, relay.answer(frame, self.now_ms))
            case _:
                raise AssertionError(f"{name} does not listen to that")

    def _out(self, gateway: str, out: Out) -> None:
        self._publish(gateway, [one for one in out if not isinstance(one, Told)])
        for told in out:
            if isinstance(told, Told):
                for who, talker in self.talkers.items():
                    if talker.gateway == gateway and told.to in (None, who) and told.but != who and not talker.dead:
                        self._radio(lambda who=who, told=told: self._down(who, told.message))  # type: ignore[misc]

    def _down(self, who: str, message: FloorMessage) -> None:
        self._up(who, self.talkers[who].participant.receive(message, self.now_ms))

    def _up(self, who: str, said: list[FloorMessage]) -> None:
        talker = self.talkers[who]
        for message in said:
            self._radio(
                lambda message=message: self._out(  # type: ignore[misc]
                    talker.gateway,
                    self.relays[talker.gateway].receive(who, message, talker.priority, self.now_ms),
                )
            )

    def _radio(self, what: Callable[[], None]) -> None:
        """Between a terminal and its gateway: some messages are lost, and none overtakes another."""
        if self.chance.random() >= self.radio_loss:
            self.after(5, what)

    def _watch(self) -> None:
        speakers = {name: who for name, relay in self.relays.items() if (who := relay.speaker(self.now_ms)) is not None}
        if speakers != self._speakers:
            self.found.bursts += len(speakers.items() - self._speakers.items())
            self._speakers = speakers
        speaking = list(speakers)
        if len(speaking) < 2:
            self._pairs.clear()
            return
        now_at_once: dict[tuple[str, str], int] = {}
        for n, one in enumerate(speaking):
            for other in speaking[n + 1 :]:
                since = self.joined_since(one, other)
                if since is None:
                    continue
                begun = max(self._pairs.get((one, other), self.now_ms), since)
                now_at_once[one, other] = begun
                self.found.together_ms = max(self.found.together_ms, self.now_ms - begun)
                if self.now_ms - since > RETURN_MS:
                    self.found.wrong.append(f"{self.now_ms} ms: {one} and {other} speak at once")
        self._pairs = now_at_once

    def sides(self) -> list[set[str]]:
        """Who can reach whom now."""
        left, found = {*self.seats, *self.relays}, []
        while left:
            one = left.pop()
            side = {one} | {other for other in left if self.joined_since(one, other) is not None}
            left -= side
            found.append(side)
        return found
