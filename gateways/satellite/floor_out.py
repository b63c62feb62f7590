"""Floors on their way to the link: asks and answers of the bus in, letters out, as few as a lease bears. Pure.

An Ask to a node beyond goes at once when it says something new, and else at a pace: who speaks has the floor for
HOLD_MS after the last Ask that was answered had been sent, so of some seven one has to come through, there and back.
It waits for a letter of voice, which it shares a packet with. An Answer goes where who asked is. What has not changed
is said by its tag, once it is sure that the other end knows it or it comes again whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fusioncmd.floor.frames import Answer, Ask
from fusioncmd.floor.messages import Kind
from fusioncmd.floor.timers import HOLD_MS
from gateways.satellite.floor_letter import LETTER_BYTES_MAX, again, kind_of, tag_of_frame, whole

HOLDING_S = 0.2  # who speaks, to the node that let it
WAITING_S = 0.45  # who waits
NEAR_S = 1.0  # who speaks by the word of a node of this side: as nodes beyond remember it for 3 s
RIDES_S = 0.13  # so long an Ask waits for a letter of voice: a pair of packets
STANDING_S, STANDING_FIRST_S = 1.9, 0.9  # how the floor stands, again; and after it has changed
IDLE_TIMES = 3  # that it is free
TWICE_S = 0.2  # what is new is said twice: that somebody presses, is granted or denied, or lets go
FORGOTTEN_S = 10.0
WHOLE_FIRST, WHOLE_EACH = 3, 4  # letters about who speaks that say all: the first, and one of so many
SAID_MAX = 256  # asks and answers that are known; shed, the oldest
ASKERS_MAX = 256  # gateways and talkgroups beyond that asked lately; shed, the oldest
assert (HOLD_MS / 1_000 - 0.7) / (HOLDING_S + RIDES_S) > 4
Key = tuple[str, ...]


@dataclass(slots=True)
class _Said:
    tag: bytes
    at_s: float
    count: int = 0


class FloorOut:
    """`goes`: the other end wants that talkgroup. `is_beyond`: that node is there."""

    def __init__(self, goes: Callable[[str], bool], is_beyond: Callable[[str], bool]) -> None:
        self._goes, self._is_beyond = goes, is_beyond
        self._said: dict[Key, _Said] = {}
        self._rides: dict[Key, tuple[float, str, Ask]] = {}  # since when, and what waits for a letter of voice
        self._again: list[tuple[float, bytes]] = []
        self._beyond: dict[str, float] = {}  # gateways beyond that asked, and talkgroups in which somebody did
        self._holding: dict[tuple[str, ...], float] = {}  # bursts beyond that know of their grant
        self.asked = False  # by the last `hear`: a node beyond
        self.shed = 0  # frames that are too long for a letter

    def came(self, group: str, frame: Ask | Answer, now_s: float) -> None:
        """From the link."""
        if isinstance(frame, Ask):
            for name in (frame.gateway, f" {group}"):
                self._beyond.pop(name, None)
                self._beyond[name] = now_s
            burst = frame.gateway, str(frame.number)
            self._holding.pop(burst, None)
            if frame.holding:
                self._holding[burst] = now_s
            for known in (self._beyond, self._holding):
                while len(known) > ASKERS_MAX:
                    del known[next(iter(known))]  # type: ignore[arg-type]

    def hear(self, group: str, frame: Ask | Answer, now_s: float) -> list[bytes]:
        self.asked = False
        return self._ask(group, frame, now_s) if isinstance(frame, Ask) else self._answer(group, frame, now_s)

    def ride(self, now_s: float, waited_s: float = 0.0) -> list[bytes]:
        """What waited for a letter of voice, at least for so long."""
        out: list[bytes] = []
        for key, (since_s, group, ask) in list(self._rides.items()):
            if now_s - since_s >= waited_s:
                del self._rides[key]
                out += self._say(key, group, ask, now_s)
        return out

    def due(self, now_s: float) -> list[bytes]:
        out = self.ride(now_s, RIDES_S)
        out += [letter for due_s, letter in self._again if due_s <= now_s]
        self._again = [(due_s, letter) for due_s, letter in self._again if due_s > now_s]
        return out

    def clear(self) -> None:
        """The link is not there."""
        for each in (self._said, self._rides, self._again, self._beyond, self._holding):
            each.clear()

    def _ask(self, group: str, ask: Ask, now_s: float) -> list[bytes]:
        if self._asks(ask.gateway, now_s):
            return []  # it came from there
        key, kind, beyond = ("ask", ask.gateway, str(ask.number)), kind_of(ask), self._is_beyond(ask.to)
        if kind == Kind.RELEASE:
            return self._end(key, group, ask, now_s) if beyond or key in self._said else []
        if not beyond and not (ask.holding and self._goes(group)):
            return []
        self.asked = beyond
        said = self._said.get(key)
        if said is None or said.tag != tag_of_frame(group, ask):
            self._rides.pop(key, None)
            return self._say(key, group, ask, now_s)
        pace_s = NEAR_S if not beyond else HOLDING_S if ask.holding else WAITING_S
        if now_s - said.at_s < pace_s:
            return []
        if not ask.holding:
            return self._say(key, group, ask, now_s)
        since_s = self._rides[key][0] if key in self._rides else now_s
        self._rides[key] = since_s, group, ask
        return []

    def _end(self, key: Key, group: str, ask: Ask, now_s: float) -> list[bytes]:
        self._said.pop(key, None)
        self._rides.pop(key, None)
        out = [whole(group, ask, tag_of_frame(group, ask))]
        self._again += [(now_s + TWICE_S, letter) for letter in out]
        return out

    def _answer(self, group: str, answer: Answer, now_s: float) -> list[bytes]:
        if self._is_beyond(answer.node):
            return []
        if not answer.others:
            key: Key = ("answer", answer.gateway, str(answer.number))
            return self._say(key, group, answer, now_s) if self._asks(answer.gateway, now_s) else []
        if not self._goes(group) and not self._asks(f" {group}", now_s):
            return []
        key = ("others", answer.node, group)
        said = self._said.get(key)
        pace_s = STANDING_FIRST_S if said is not None and said.count == 1 else STANDING_S
        if said is None or said.tag != tag_of_frame(group, answer):
            return self._say(key, group, answer, now_s)
        enough = now_s - said.at_s < pace_s or (kind_of(answer) == Kind.IDLE and said.count >= IDLE_TIMES)
        return [] if enough else self._say(key, group, answer, now_s)

    def _asks(self, name: str, now_s: float) -> bool:
        return now_s - self._beyond.get(name, -FORGOTTEN_S) < FORGOTTEN_S

    def _say(self, key: Key, group: str, frame: Ask | Answer, now_s: float) -> list[bytes]:
        tag, said = tag_of_frame(group, frame), self._said.pop(key, None)
        if said is None or said.tag != tag:
            said = _Said(tag, now_s)
        self._said[key] = said
        if len(self._said) > SAID_MAX:
            del self._said[next(iter(self._said))]
        spoken = frame.holding if isinstance(frame, Ask) else frame.others or key[1:] in self._holding
        short = spoken and said.count >= WHOLE_FIRST and said.count % WHOLE_EACH
        letter = (again(frame, tag) if short else None) or whole(group, frame, tag)
        if len(letter) > LETTER_BYTES_MAX:
            self.shed += 1
            return []
        if said.count == 0 and not spoken:
            self._again.append((now_s + TWICE_S, letter))
        said.count, said.at_s = said.count + 1, now_s
        return [letter]
