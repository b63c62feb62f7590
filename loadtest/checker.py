"""Did everyone who answered get counted, once, and nobody else? Pure: deeds and counts in, a verdict out.

It knows nothing of the ledger. One side is what terminals wrote down (`swarm.record`), and who was meant, worked out
person by person from the roster; the other is what the node told a commander who asked. A violation is one person
and one order (or one report), with its kind:

    lost         confirmed to the terminal, and not counted; or a report that was confirmed and is not there
    double       counted under two answers, or the figures of a place count more people than there are
    phantom      counted, although the terminal never gave that answer (or wrote that report, or saw the order)
    outside      shown to, or counted for, somebody who is not in the audience; or not what was issued
    undelivered  connected, meant, and never shown the order
    unconfirmed  answered, connected, and never told that it counts
    repeated     shown again, although the terminal had said that it holds the order
    untrusted    delivered, and the terminal could not verify it
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pyroaring import BitMap

from loadtest.swarm.record import Record, Written

KINDS = ("lost", "double", "phantom", "outside", "undelivered", "unconfirmed", "repeated", "untrusted")
EXAMPLES_MAX = 5


@dataclass(slots=True)
class Figures:
    """One place's line in the node's tally."""

    targeted: int
    received: int
    by_answer: tuple[int, ...]
    silent: int
    unreachable: int


@dataclass(slots=True)
class Counted:
    """One order as the node tells it. Lists and not sets: what is told twice must be seen twice."""

    order: bytes  # the message, byte for byte
    targeted: list[int]
    received: list[int]
    by_answer: list[list[int]]
    total: Figures
    below: list[Figures]
    reports: list[tuple[bytes, int]] = field(default_factory=list)  # id, who


@dataclass(slots=True)
class Meant:
    """Who should see an order, by a count of our own. `told`: of a cancel, those who saw what it ends; it is for them
    and no others, while the ledger also targets those to whom what it ends was sent and who never saw it."""

    audience: BitMap
    order: bytes  # as the commander was told that it was issued
    told: BitMap | None = None
    ended: bool = False  # replaced or cancelled: whoever had not seen it by then need not

    @property
    def viewers(self) -> BitMap:
        return self.audience if self.told is None else self.told & self.audience


@dataclass(slots=True)
class Verdict:
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    examples: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not any(self.counts.values())

    def add(self, kind: str, found: Iterable[int], what: str) -> None:
        numbers = sorted(found)
        if numbers:
            self.counts[kind] += len(numbers)
            if len(self.examples) < EXAMPLES_MAX * len(KINDS):
                shown = ", ".join(map(str, numbers[:EXAMPLES_MAX]))
                self.examples.append(f"{kind}: {what}: {len(numbers)} ({shown})")


def check(record: Record, meant: dict[bytes, Meant], counted: dict[bytes, Counted], connected: BitMap) -> Verdict:
    """`connected`: those whose terminals are connected at the end, and have been given the time that it takes."""
    verdict = Verdict()
    for ident in sorted(meant.keys() | counted.keys() | record.deeds.keys()):
        if ident not in meant:
            verdict.add("outside", _everyone(record, counted, ident) or [0], f"{ident.hex()} was never issued")
            continue
        _check_shown(verdict, record, ident, meant[ident], connected)
        if ident not in counted:
            verdict.add("lost", _confirmed(record, ident) or [0], f"{ident.hex()} is not in the ledger")
            continue
        _check_counted(verdict, record, ident, meant[ident], counted[ident], connected)
        _check_figures(verdict, ident, counted[ident])
    _check_reports(verdict, record.reports, counted)
    for name, times in (*record.differing.items(), *record.unasked.items()):
        verdict.add("phantom", range(times), f"told without reason: {name}")
    for name, times in record.untrusted.items():
        verdict.add("untrusted", range(times), f"not believed: {name}")
    return verdict


def _check_shown(verdict: Verdict, record: Record, ident: bytes, meant: Meant, connected: BitMap) -> None:
    deeds = record.deeds.get(ident)
    shown = deeds.shown if deeds is not None else BitMap()
    if not meant.ended:
        verdict.add("undelivered", (meant.viewers & connected) - shown, f"{ident.hex()} was not shown")
    if deeds is None:
        return
    verdict.add("outside", shown - meant.viewers, f"{ident.hex()} was shown")
    verdict.add("repeated", deeds.shown_again, f"{ident.hex()} was shown again")
    if deeds.order != meant.order:
        verdict.add("outside", shown, f"{ident.hex()} is not what was issued")
    for answer, (given, confirmed) in enumerate(zip(deeds.given, deeds.confirmed, strict=True)):
        verdict.add("unconfirmed", (given & connected) - confirmed, f"{ident.hex()} answer {answer}")
        verdict.add("phantom", confirmed - given, f"{ident.hex()} answer {answer} was confirmed and never given")


def _check_counted(
    verdict: Verdict, record: Record, ident: bytes, meant: Meant, counted: Counted, connected: BitMap
) -> None:
    deeds = record.deeds.get(ident)
    name = ident.hex()
    targeted = BitMap(counted.targeted)
    astray = (
        targeted ^ meant.audience if meant.told is None else (targeted - meant.audience) | (meant.viewers - targeted)
    )
    verdict.add("outside", astray, f"{name} was resolved to others")
    if counted.order != meant.order:
        verdict.add("outside", [0], f"{name} stands in the ledger in other bytes")
    everywhere = [n for numbers in counted.by_answer for n in numbers]
    verdict.add("double", _repeated(everywhere), f"{name} counts a person twice")
    verdict.add("double", _repeated(counted.received), f"{name} lists a receipt twice")
    verdict.add("outside", BitMap(everywhere) - meant.audience, f"{name} was counted")
    shown = deeds.shown if deeds is not None else BitMap()
    verdict.add("phantom", BitMap(counted.received) - shown, f"{name} counts as received what was not shown")
    verdict.add("lost", (shown & connected) - BitMap(counted.received), f"{name} was shown and is not received")
    taken = BitMap()
    for answer in range(max(len(counted.by_answer), len(deeds.given) if deeds else 0) - 1, -1, -1):
        mine = BitMap(counted.by_answer[answer]) if answer < len(counted.by_answer) else BitMap()
        given = deeds.given[answer] if deeds else BitMap()
        confirmed = deeds.confirmed[answer] if deeds else BitMap()
        verdict.add("phantom", mine - given, f"{name} answer {answer} was never given")
        # One person, one answer: whoever gave several counts under the one listed last.
        verdict.add("lost", confirmed - mine - taken, f"{name} answer {answer} was confirmed and is not counted")
        taken |= mine


def _check_figures(verdict: Verdict, ident: bytes, counted: Counted) -> None:
    """The figures of the whole against the names, and against the sum of the places below."""
    total, answered = counted.total, [len(numbers) for numbers in counted.by_answer]
    named = (len(counted.targeted), len(counted.received), tuple(answered))
    if (total.targeted, total.received, total.by_answer) != named:
        verdict.add("double", [0], f"{ident.hex()}: figures {total} and names {named} differ")
    if total.silent + total.unreachable + sum(total.by_answer) != total.targeted:
        verdict.add("double", [0], f"{ident.hex()}: {total} does not add up")
    if counted.below:
        sums = (
            sum(f.targeted for f in counted.below),
            sum(f.received for f in counted.below),
            tuple(map(sum, zip(*(f.by_answer for f in counted.below), strict=True))),
        )
        if sums != named:
            verdict.add("double", [0], f"{ident.hex()}: the places below add up to {sums}, not {named}")


def _check_reports(verdict: Verdict, written: dict[bytes, Written], counted: dict[bytes, Counted]) -> None:
    found = [(ident, order, number) for order, c in counted.items() for ident, number in c.reports]
    ids = [ident for ident, _, _ in found]
    verdict.add("double", range(len(ids) - len(set(ids))), "a report stands twice")
    there = set(found)
    stored = [(i, w.order, w.number) for i, w in written.items() if w.stored]
    verdict.add("lost", [number for i, o, number in stored if (i, o, number) not in there], "a report is gone")
    known = {(i, w.order, w.number) for i, w in written.items()}
    verdict.add("phantom", [number for i, o, number in found if (i, o, number) not in known], "a report by nobody")


def _repeated(numbers: Iterable[int]) -> Iterator[int]:
    seen = BitMap()
    for number in numbers:
        if number in seen:
            yield number
        seen.add(number)


def _everyone(record: Record, counted: dict[bytes, Counted], ident: bytes) -> BitMap:
    found = record.deeds[ident].shown.copy() if ident in record.deeds else BitMap()
    if ident in counted:
        found |= BitMap(counted[ident].received)
    return found


def _confirmed(record: Record, ident: bytes) -> BitMap:
    return BitMap.union(*record.deeds[ident].confirmed) if ident in record.deeds else BitMap()
