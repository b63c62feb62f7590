"""`python -m loadtest forge`: mutants of good orders, by kind; every one is refused, and for the right reason.

The count of those accepted has to be 0, and each that is refused has to be in an audit that proves to be whole. The
unchanged orders beside them have to be accepted: else it would be 0 for a trivial reason. It also measures what a
verification costs, and a ticket.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from rich.table import Table

from fusioncmd import tickets
from fusioncmd.trust import seals, signatures
from fusioncmd.trust.chains import Anchors
from fusioncmd.trust.refusals import Reason, Untrusted
from fusioncmd.trust.revocations import Revocations
from fusioncmd.words import say
from loadtest import forged_grants, forged_orders, measure
from loadtest.forge_audit import ForgeAudit
from loadtest.forgeries import CONTROLS, KINDS, Attempt, Forger
from loadtest.offices import BOTH, NOW_MS
from loadtest.output import Figure, Result, note, number, show

assert forged_grants and forged_orders  # loaded for the kinds that they register
TICKET = "a ticket"
CONTROL_EVERY = 20
TICKET_US_MAX = 5.0
EXAMPLES_MAX = 5
ROUNDS, ROUND = 7, 200


@dataclass(slots=True)
class Count:
    tried: int = 0
    accepted: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)


@dataclass(slots=True)
class Tally:
    kinds: dict[str, Count]
    controls: int = 0
    distinct: set[int] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    audited: int = 0  # refusals that the audit holds, and proves

    @property
    def accepted(self) -> int:
        return sum(count.accepted for count in self.kinds.values())

    @property
    def refused(self) -> int:
        return sum(count.reasons.total() for count in self.kinds.values())

    @property
    def reasons(self) -> Counter[Reason]:
        return sum((count.reasons for count in self.kinds.values()), Counter())

    def fail(self, sentence: str) -> None:
        if len(self.failures) < EXAMPLES_MAX:
            self.failures.append(sentence)


def attack(mutants: int, seed: int) -> Tally:
    """Every kind as often as every other; the seed makes the same mutants again."""
    forger, tally = Forger(seed), Tally({name: Count() for name in KINDS})
    kinds, audit = list(KINDS.values()), ForgeAudit(forger.offices)
    for n in range(mutants):
        kind = kinds[n % len(kinds)]
        forger.renew(n)
        count, attempt = tally.kinds[kind.name], kind.make(forger)
        count.tried += 1
        tally.distinct.add(hash((attempt.data, attempt.now_ms)))
        verdict = forger.judge(attempt)
        if not isinstance(verdict, Untrusted):
            count.accepted += 1
            tally.fail(f"Mutant {n} was accepted: {kind.name}, seed {seed}: {attempt.data.hex()}")
            continue
        count.reasons[verdict.reason] += 1
        audit.refuse(attempt, verdict)
        if verdict.reason not in kind.reasons:
            tally.fail(f"Mutant {n} was refused for another reason: {kind.name}, seed {seed}: {verdict.reason}")
        if n % CONTROL_EVERY == 0:
            _control(forger, tally, n)
    tally.audited = audit.proved()
    if tally.audited != tally.refused:
        tally.fail(f"{tally.refused} mutants were refused, and the audit proves {tally.audited}.")
    return tally


def _control(forger: Forger, tally: Tally, n: int) -> None:
    """An unchanged order, by the same means, is accepted."""
    good = forger.pick()
    for name, spell in CONTROLS.items():
        verdict = forger.judge(Attempt(spell(good)))
        tally.controls += 1
        if (
            isinstance(verdict, Untrusted)
            or verdict.order != good.order
            or len(verdict.approvals) != len(good.approvers)
        ):
            tally.fail(f"Control {n} was not accepted: {name}")


def costs(seed: int) -> dict[str, float]:
    """µs of one core: an order whose chain has three grants, proved before and not; a ticket."""
    forger = Forger(seed)
    offices = forger.offices
    own = offices.people["actual", "Chen Wei"]
    assert len(own.chain) == 3
    data, none = offices.sealed(own), Revocations(offices.anchors)
    key = bytes(range(tickets.KEY_BYTES))
    ticket = tickets.mint(
        tickets.Ticket(12_648_430, "440106001101", ("flood", "村支书"), 1_900_000_000, bytes(range(8))), key
    )
    fresh = iter([Anchors([offices.root_grant]) for _ in range(ROUNDS * ROUND)])

    def uncached() -> None:
        signatures.load.cache_clear()
        seals.verify(data, next(fresh), none, NOW_MS)

    return {
        "an order, its chain proved before": _us(lambda: seals.verify(data, offices.anchors, none, NOW_MS)),
        "an order, its chain of 3 proved now": _us(uncached),
        TICKET: _us(lambda: tickets.check(ticket, key, 1_790_000_000.0), 20_000),
        "signing an order": _us(lambda: offices.people[BOTH[0], "Li Na"].signer.sign("issue", own.name, data)),
    }


def _us(work: Callable[[], object], times: int | None = None) -> float:
    """The median of several rounds: other processes run, too."""
    found, rounds = [], ROUND if times is None else times
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(rounds):
            work()
        found.append((time.perf_counter() - started) / rounds * 1e6)
    return median(found)


async def main(given: argparse.Namespace) -> int:
    result = Result("forge", measure.conditions() | {"mutants": given.mutants, "seed": given.seed})
    note(say(f"{len(KINDS)} kinds of forgery …", f"共 {len(KINDS)} 类伪造 …"))
    tally = attack(given.mutants, given.seed)
    result.failures += tally.failures
    result.add("mutants accepted", tally.accepted)
    result.add("mutants refused", tally.refused)
    result.add("refusals in the audit, proved", tally.audited)
    result.add("of them distinct", len(tally.distinct))
    result.add("unchanged orders, all accepted", tally.controls)
    for reason, times in tally.reasons.most_common():
        result.add(f"refused: {reason}", times)
    for name, us in costs(given.seed).items():
        result.add(f"cost: {name}", us, "µs")
        if name == TICKET and us > TICKET_US_MAX:
            result.failures.append(f"A ticket costs {us:.1f} µs; {TICKET_US_MAX} is the aim.")
    result.grid = _grid(tally, result.figures)
    for name, count in tally.kinds.items():
        result.add(f"{name}: accepted", count.accepted)
        for reason, times in count.reasons.items():
            result.add(f"{name}: {reason}", times)
    return show(result, given.json)


def _grid(tally: Tally, figures: list[Figure]) -> Table:
    """What people see: a line for each kind of forgery, then what it comes to."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(say("kind of forgery", "伪造类别"))
    table.add_column(say("tried", "尝试"), justify="right")
    table.add_column(say("accepted", "通过"), justify="right")
    table.add_column(say("why not", "拒绝原因"))
    for name, count in tally.kinds.items():
        why = ", ".join(f"{reason} {times:,}" for reason, times in count.reasons.most_common(4))
        table.add_row(name, f"{count.tried:,}", f"{count.accepted:,}", why)
    table.add_section()
    for figure in figures:
        table.add_row(figure.name, number(figure.value), figure.unit, "")
    return table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
