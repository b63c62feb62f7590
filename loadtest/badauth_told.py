"""What `badauth` found: who was kept out, who got in, and what the attack cost a node that has a call-down to do."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple, Protocol, Self

from loadtest import measure
from loadtest.harness import Running
from loadtest.honest_commanders import Times
from loadtest.measure import stored_bytes
from loadtest.output import Result
from loadtest.swarm.fleet import Status

SUCCESS_MIN = 0.999
RATE_MIN = 0.95  # of the bad authentications asked for
OUTCOMES_TOLD_MAX = 40
AUDIT_BYTES_MAX, AUDIT_BYTES_PER_S_MAX = 2 * 2**20, 16 * 1024  # notes come in one burst, and then at a pace
LOG_BYTES_MAX, LOG_BYTES_PER_S_MAX = 64 * 1024, 2 * 1024


class Let(Protocol):
    """Legitimate attempts by their name: begun, done, and why not."""

    tried: Counter[str]
    done: Counter[str]
    failed: Counter[str]


class Spell(NamedTuple):
    """What the tier's processes spent, and wrote, in some seconds; or had until a moment."""

    seconds: float
    cpu_s: dict[str, float]
    audit: int  # bytes
    logs: int  # bytes

    @classmethod
    def begun(cls, tier: Running) -> Self:
        data = tier.tier.data
        spent = {name: cost.cpu_s for name, cost in measure.costs(tier.pids()).items()}
        logs = sum(file.stat().st_size for file in (data / "logs").iterdir())
        return cls(time.monotonic(), spent, stored_bytes(data, "FC_AUDIT"), logs)

    def ended(self, tier: Running) -> Self:
        now = self.begun(tier)
        spent = {name: now.cpu_s[name] - self.cpu_s.get(name, 0.0) for name in now.cpu_s}
        return type(self)(now.seconds - self.seconds, spent, now.audit - self.audit, now.logs - self.logs)


def tell_attack(attack: list[dict[str, Any]], rate: float, result: Result) -> None:
    begun, outcomes = Counter[str](), Counter[str]()
    for told in attack:
        begun.update(told["begun"])
        outcomes.update(told["outcomes"])
    reached = sum(sum(told["begun"].values()) / told["seconds"] for told in attack)
    result.add("bad authentications", begun.total())
    result.add("bad authentications a second", reached)
    for outcome, times in sorted(outcomes.most_common(OUTCOMES_TOLD_MAX)):
        result.add(f"  {outcome}", times)
    if reached < RATE_MIN * rate:
        result.failures.append(f"Only {reached:,.0f} bad authentications a second were tried, not {rate:,.0f}.")
    for outcome, times in outcomes.items():
        if outcome.startswith("LET IN"):
            result.failures.append(f"{outcome}: {times:,} times.")


def tell_honest(all_of_them: Sequence[Let], terminals: Status, meant: int, result: Result) -> None:
    """Each of what is legitimate, and all of it together."""
    tried = Counter({"order delivered": meant, "answer confirmed": meant})
    done = Counter(
        {"order delivered": sum(terminals.shown.values()), "answer confirmed": sum(terminals.confirmed.values())}
    )
    for some in all_of_them:
        tried += some.tried
        done += some.done
    for name, times in tried.items():
        result.add(name, f"{done[name]:,} of {times:,}")
        if done[name] < SUCCESS_MIN * times:
            result.failures.append(f"{name}: only {done[name]:,} of {times:,}.")
    result.add("legitimate success", f"{100 * done.total() / tried.total():.3f}", "%")
    for some in all_of_them:
        for why, times in some.failed.items():
            result.add(f"  not {why}", times)


def tell_spells(calm: tuple[Times, Spell], attack: tuple[Times, Spell], result: Result) -> None:
    """What commanders wait, what each process spends and what is written: before the attack, and under it."""
    for name, took in attack[0].items():
        before = calm[0].get(name, [])
        if before:
            result.add(f"{name}: median before", 1000 * median(before), "ms")
            result.add(f"{name}: median under attack", 1000 * median(took), "ms")
            result.add(f"{name}: times as long", median(took) / median(before))
        result.add(f"{name}: longest under attack", 1000 * max(took), "ms")
    for when, spell in (("before", calm[1]), ("under attack", attack[1])):
        for name, spent in spell.cpu_s.items():
            result.add(f"{name}, CPU {when}", spent / spell.seconds, "cores")
        result.add(f"audit {when}", spell.audit / spell.seconds / 1024, "KiB/s")
        result.add(f"logs {when}", spell.logs / spell.seconds / 1024, "KiB/s")
    spell = attack[1]
    if spell.audit > AUDIT_BYTES_MAX + AUDIT_BYTES_PER_S_MAX * spell.seconds:
        result.failures.append(f"The attack made the audit {spell.audit:,} bytes longer.")
    if spell.logs > LOG_BYTES_MAX + LOG_BYTES_PER_S_MAX * spell.seconds:
        result.failures.append(f"The attack made the logs {spell.logs:,} bytes longer.")
