"""Many terminals and the people who hold them: frames and time in, frames out, everything written down. Pure.

A terminal is an index; what it knows stands in bitmaps per order. Frames that are the same for everyone (an order, a
confirmation) are decoded, and an order verified, once, and known by their bytes from then on.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Container, Iterator, Sequence
from functools import partial
from itertools import count
from random import Random
from typing import NamedTuple

from fusioncmd import ids, terminal
from fusioncmd.trust import seals
from loadtest.swarm.alike import Alike, Write
from loadtest.swarm.behaviour import Behaviour
from loadtest.swarm.heartbeats import Heartbeats
from loadtest.swarm.orders import Held, Orders, Unbelieved
from loadtest.swarm.record import Record, Written

SEND_AGAIN_S = (5.0, 10.0)  # after a report that could not be stored: the impatient end of PROTOCOL.md, 2


class Touching(NamedTuple):
    """What a person is about to do: give `answer`, write a report, or send the report `again`."""

    held: Held | None
    answer: int | None = None
    again: bytes = b""


class Crew:
    """`believe` verifies a sealed order, now."""

    def __init__(
        self,
        terminals: Sequence[tuple[int, bytes]],
        believe: Callable[[bytes], seals.Verified],
        behaviour: Behaviour,
        seed: int,
        mask: bytes,
        now_s: float,
    ) -> None:
        self.numbers = array("I", (number for number, _ in terminals))
        self._tickets = [ticket for _, ticket in terminals]
        self._behaviour, self._seed = behaviour, seed
        self._at_once = not behaviour.median_s and not behaviour.silent
        self._rng = Random(f"{seed}/{self.numbers[0] if terminals else 0}")
        self._record = Record()
        self._orders = Orders(believe, self._record, self.numbers, mask)
        self._frame = self._orders.frame
        self.welcomed = bytearray(len(terminals))
        self.last_shown_s = self.last_confirmed_s = 0.0
        self._known: dict[bytes, Alike] = {}  # payload → what is the same for everyone
        self._due: list[tuple[float, int, int, Touching]] = []  # when, tie-break, who, what
        self._ties = count()
        self._reports: dict[int, dict[bytes, bytes]] = {}  # terminal → report id → frame, until it is stored
        self.alive = self._frame(terminal.Alive())
        self._heartbeats = Heartbeats(len(terminals), self._rng, now_s)
        self._said_s = self._heartbeats.said_s

    @property
    def record(self) -> Record:
        """All that was done and told so far."""
        self._record.settle()
        return self._record

    # --- the connection says

    def hello(self, i: int) -> bytes:
        return self._frame(
            terminal.Hello(terminal.VERSION, self._tickets[i], tuple(self._orders.held_by(self.numbers[i])))
        )

    def said(self, i: int, payload: bytes, now_s: float) -> bytes:
        """What terminal `i` sends when it hears `payload`."""
        known = self._known.get(payload)
        return self._decoded(i, payload, now_s) if known is None else known.told(i, now_s)

    def known(self, payload: bytes) -> Alike | None:
        """For what is the same for everyone, an order or a confirmation."""
        return self._known.get(payload)

    def lost(self, i: int, why: str) -> None:
        self.welcomed[i] = 0
        self._record.closes[why] += 1

    def deaf(self, i: int) -> None:
        """Terminal `i` neither reads nor says anything, and its connection stays."""
        self.welcomed[i] = 0

    def hears(self, i: int) -> bytes:
        """Terminal `i` goes on; what it says first: what was touched meanwhile."""
        self.welcomed[i] = 1
        return self._unconfirmed(i)

    def times(self, order: bytes, without: Container[int]) -> list[array[float]]:
        return self._orders.times(order, without)

    # --- time passes

    def due(self, now_s: float) -> Iterator[tuple[int, bytes]]:
        """What people touch now; those without a connection have touched it too, and send it when they have one."""
        while self._due and self._due[0][0] <= now_s:
            _, _, i, touching = heapq.heappop(self._due)
            frame = self._touch(i, touching)
            if frame and self.welcomed[i]:
                self._said_s[i] = now_s
                yield i, frame

    def silent(self, now_s: float) -> list[int]:
        """Who says `alive` now."""
        return self._heartbeats.due(self.welcomed, now_s)

    def next_due_s(self) -> float:
        return self._due[0][0] if self._due else float("inf")

    def waiting(self) -> int:
        """Touches to come, and answers and reports that nobody has confirmed yet."""
        deeds = self.record.deeds.values()
        answers = sum(g.difference_cardinality(c) for d in deeds for g, c in zip(d.given, d.confirmed, strict=True))
        return len(self._due) + answers + sum(map(len, self._reports.values()))

    # --- inside

    def _later(self, due_s: float, i: int, touching: Touching) -> None:
        heapq.heappush(self._due, (due_s, next(self._ties), i, touching))

    def _touch(self, i: int, touching: Touching) -> bytes:
        held, answer, again = touching
        if held is None:
            return self._reports.get(i, {}).get(again, b"")  # nothing, if it was stored meanwhile
        if answer is None:
            return self._write_report(i, held)
        held.deeds.given[answer].add(self.numbers[i])
        return held.answers[answer]

    def _decoded(self, i: int, payload: bytes, now_s: float) -> bytes:
        match terminal.decode_to_terminal(payload):
            case terminal.Welcome():
                self.welcomed[i] = 1
                return self._unconfirmed(i)
            case terminal.Deliver(sealed):
                known = self._known[payload] = self._order(self._orders.learn(sealed))
                return known.told(i, now_s)
            case terminal.Counted(order, answer):
                if (held := self._orders.by_id.get(order)) is not None:
                    known = self._known[payload] = self._alike((b"",), partial(self._confirmed, held, answer))
                    known.told(i, now_s)
                else:
                    self._record.unasked["counted"] += 1
            case terminal.Alive():
                self._known[payload] = self._alike((b"",), lambda *_: None)
            case terminal.Stored(_, report):
                if report not in self._record.reports:
                    self._record.unasked["stored"] += 1
                else:
                    self._record.reports[report].stored = True
                    self._reports.get(i, {}).pop(report, None)
            case terminal.Refused(code, _, _, report):
                self._record.refused[code] += 1
                if report is not None:
                    self._later(now_s + self._rng.uniform(*SEND_AGAIN_S), i, Touching(None, again=report))
        return b""

    def _order(self, learnt: Held | Unbelieved) -> Alike:
        if isinstance(learnt, Unbelieved):
            return self._alike((learnt.distrust,), partial(self._unbelieved, learnt.why))
        if learnt.alike is None:
            learnt.alike = self._held(learnt)
        return learnt.alike

    def _held(self, held: Held) -> Alike:
        if not self._at_once or not held.answers:
            return self._alike((held.received,), partial(self._new_to if self._at_once else self._shown, held))
        # A device that answers by itself says `received` only when it is shown the order again.
        answer_of = bytearray(Behaviour.at_once(number, len(held.answers)) for number in self.numbers)
        return Alike((*held.answers, held.received), answer_of, partial(self._answered, held, answer_of))

    def _alike(self, replies: tuple[bytes], write: Write) -> Alike:
        """Everyone says the same."""
        return Alike(replies, bytearray(len(self.numbers)), write)

    def _unbelieved(self, why: str, _: int, terminals: list[int], __: float) -> None:
        self._record.untrusted[why] += len(terminals)

    def _confirmed(self, held: Held, answer: int, _: int, terminals: list[int], now_s: float) -> None:
        confirmed_s, self.last_confirmed_s = held.confirmed_s, now_s
        for i in terminals:
            confirmed_s[i] = now_s
        held.deeds.new_confirmed[answer] += [self.numbers[i] for i in terminals]

    def _answered(self, held: Held, answer_of: bytearray, answer: int, terminals: list[int], now_s: float) -> None:
        new = self._new_to(held, answer, terminals, now_s)
        for i in new:
            answer_of[i] = len(held.answers)
        if new:
            held.deeds.new_given[answer] += [self.numbers[i] for i in new]

    def _shown(self, held: Held, which: int, terminals: list[int], now_s: float) -> None:
        for i in self._new_to(held, which, terminals, now_s):
            plan = self._behaviour.plan(self._seed, self.numbers[i], held.order.id, len(held.answers))
            for touch in plan.touches:
                self._later(now_s + touch.after_s, i, Touching(held, touch.answer))
            if plan.report_after_s is not None and held.answers:
                self._later(now_s + plan.report_after_s, i, Touching(held))

    def _new_to(self, held: Held, _: int, terminals: list[int], now_s: float) -> list[int]:
        """Those of them who see the order for the first time, now."""
        shown_s, said_s, self.last_shown_s = held.shown_s, self._said_s, now_s
        new = [i for i in terminals if not shown_s[i]]
        if len(new) < len(terminals):
            held.deeds.shown_again.update(self.numbers[i] for i in terminals if shown_s[i])
        for i in terminals:
            shown_s[i] = said_s[i] = now_s
        held.deeds.new_shown += [self.numbers[i] for i in new]
        return new

    def _unconfirmed(self, i: int) -> bytes:
        """What a terminal that is welcomed again sends again: all that nobody has confirmed."""
        self._record.settle()
        number = self.numbers[i]
        frames = list(self._reports.get(i, {}).values())
        for held in self._orders.by_id.values():
            both = zip(held.deeds.given, held.deeds.confirmed, held.answers, strict=False)
            frames += [frame for given, confirmed, frame in both if number in given and number not in confirmed]
        return b"".join(frames)

    def _write_report(self, i: int, held: Held) -> bytes:
        number = self.numbers[i]
        ident = ids.make(held.order.issued_ms, self._rng.randbytes(ids.ENTROPY_BYTES))
        said = terminal.SendReport(held.order.id, ident, f"现场情况 {number}", 23.13, 113.26)
        frame = self._frame(said)
        self._record.reports[ident] = Written(held.order.id, number)
        self._reports.setdefault(i, {})[ident] = frame
        return frame
