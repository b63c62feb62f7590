"""Keys that will end: who has to be warned, and which of several overlapping keys to use now. Pure.

A key is replaced while it is still good: the next one is granted early, both hold for a while, and no warning is due
for a key whose successor is already there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fusioncmd import limits
from fusioncmd.trust.chains import Chain
from fusioncmd.trust.grants import Grant
from fusioncmd.trust.revocations import Revocations

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Ending:
    """A key to be warned of. `days`: which of the limits was passed (60, 30, 7), or 0 when it has expired."""

    chain: Chain
    days: int
    left_ms: int


def threshold(grant: Grant, now_ms: int) -> int | None:
    """The smallest of the warning limits that `now_ms` lies within; 0 after the end, None before the first."""
    left_ms = grant.not_after_ms - now_ms
    if left_ms < 0:
        return 0
    return min((days for days in limits.EXPIRY_WARNING_DAYS if left_ms <= days * DAY_MS), default=None)


def warnings(chains: Sequence[Chain], now_ms: int) -> list[Ending]:
    """What has to be said today, the most urgent first; of a key that has a successor, nothing."""
    found = []
    for chain in chains:
        days = threshold(chain.leaf, now_ms)
        if days is not None and not any(succeeds(other.leaf, chain.leaf) for other in chains):
            found.append(Ending(chain, days, chain.leaf.not_after_ms - now_ms))
    return sorted(found, key=lambda w: w.left_ms)


def newly_due(chains: Sequence[Chain], before_ms: int, now_ms: int) -> list[Ending]:
    """Those warnings that were not yet due when one looked last, so that each is given once."""
    said = {(w.chain.name, w.days) for w in warnings(chains, before_ms)}
    return [w for w in warnings(chains, now_ms) if (w.chain.name, w.days) not in said]


def succeeds(other: Grant, grant: Grant) -> bool:
    """Whether `other` carries on, without a gap, what `grant` may do."""
    return (
        other.holder == grant.holder
        and other.not_before_ms <= grant.not_after_ms < other.not_after_ms
        and set(grant.purposes) <= set(other.purposes)
        and (other.statuses == grant.statuses or (grant.may_delegate and set(grant.statuses) <= set(other.statuses)))
        and other.may_delegate >= grant.may_delegate
        and grant.path.startswith(other.path)
    )


def to_use(chains: Iterable[Chain], revocations: Revocations, now_ms: int) -> Chain | None:
    """Of somebody's own keys for one purpose, the one to sign with: valid now, not revoked, and good for longest."""
    good = [
        chain for chain in chains
        if chain.leaf.not_before_ms <= now_ms <= chain.leaf.not_after_ms and revocations.since_ms(chain) is None
    ]  # fmt: skip
    return max(good, key=lambda chain: (chain.leaf.not_after_ms, chain.name), default=None)
