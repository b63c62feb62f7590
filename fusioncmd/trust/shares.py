"""Whose share of a bounded table something takes: its key's own, and that of each key that granted it. Pure.

Who may grant keys can make as many as they like, so a bound for each key alone would bound nobody. The root is left
out: what it granted is what the tier trusts, and each of those has its own share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from fusioncmd.trust.chains import Chain
from fusioncmd.trust.revocations import mark_of

Takers = tuple[bytes, ...]  # 16 bytes each: who takes it, then those on whose branch they stand


def takers(chain: Chain) -> Takers:
    """Of a key, by its mark: granted anew, the same key has the same share."""
    return tuple(mark_of(grant.key) for grant in reversed(chain.grants[1:] or chain.grants))


def is_full(new: Takers, taken: Iterable[Takers], own_max: int, branch_max: int) -> bool:
    """Whether `new` would take more than its own share of a table that holds `taken`, or its branch more than its."""
    own: Counter[bytes] = Counter()
    branch: Counter[bytes] = Counter()
    for one in taken:
        own[one[0]] += 1
        branch.update(one)
    return own[new[0]] >= own_max or any(branch[above] >= branch_max for above in new[1:])
