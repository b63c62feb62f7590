"""Runs in which nothing went wrong, made from a seed: what the checker's tests break one thing in."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from pyroaring import BitMap

from loadtest.checker import Counted, Figures, Meant, Verdict, check
from loadtest.swarm.record import Deeds, Record, Written
from tests.worlds import make_id

ANSWERS = 3
PEOPLE = 400
ALERT, CANCEL = make_id(1), make_id(2)


@dataclass
class History:
    """A run in which nothing went wrong, until somebody breaks it."""

    record: Record
    meant: dict[bytes, Meant]
    counted: dict[bytes, Counted]
    connected: BitMap

    def verdict(self) -> Verdict:
        return check(self.record, self.meant, self.counted, self.connected)


def history(seed: int) -> History:
    """An alert and its cancel among PEOPLE people: some not meant, some cut off, some silent, some of two minds."""
    rng = Random(seed)
    people = range(1000, 1000 + PEOPLE)
    audience = BitMap(n for n in people if rng.random() < 0.8)
    connected = BitMap(n for n in people if rng.random() < 0.9)
    alert, cancel = Deeds(b"alert"), Deeds(b"cancel")
    record = Record({ALERT: alert, CANCEL: cancel})
    for number in audience & connected:
        alert.shown.add(number)
        cancel.shown.add(number)
        for _ in range(rng.choice((0, 1, 1, 1, 2))):
            answer = rng.randrange(ANSWERS)
            alert.given[answer].add(number)
            alert.confirmed[answer].add(number)
        if rng.random() < 0.1:
            record.reports[rng.randbytes(16)] = Written(ALERT, number, stored=True)
    by_answer: list[list[int]] = []
    taken = BitMap()
    for given in reversed(alert.given[:ANSWERS]):
        by_answer.insert(0, list(given - taken))
        taken |= given
    counted = {
        ALERT: Counted(b"alert", list(audience), list(alert.shown), by_answer, figures(by_answer, alert, audience), []),
        CANCEL: Counted(b"cancel", list(alert.shown), list(cancel.shown), [], figures([], cancel, alert.shown), []),
    }
    counted[ALERT].below = [counted[ALERT].total]
    counted[ALERT].reports = [(ident, written.number) for ident, written in record.reports.items()]
    meant = {ALERT: Meant(audience, b"alert", ended=True), CANCEL: Meant(audience, b"cancel", told=alert.shown.copy())}
    return History(record, meant, counted, connected)


def figures(by_answer: list[list[int]], deeds: Deeds, targeted: BitMap) -> Figures:
    counts = tuple(map(len, by_answer))
    silent = len(deeds.shown) - sum(counts)
    return Figures(len(targeted), len(deeds.shown), counts, silent, len(targeted) - len(deeds.shown))
