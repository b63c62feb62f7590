"""Audits for tests: entries, chains of signed pages, and the keys of those who write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fusioncmd.audit import chain, heads
from fusioncmd.audit.chain import Tip
from fusioncmd.audit.entries import Entry
from fusioncmd.audit.heads import Head
from fusioncmd.audit.proof import Break, Proof, Walk
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.revocations import Revocations
from tests.worlds import NODE_KEY, NOW_MS, OFFICES

NONE = Revocations(OFFICES.anchors)


def entry(n: int, **changes: Any) -> Entry:
    fields: dict[str, Any] = {"at_ms": NOW_MS + n, "actor": "duty", "deed": "order", "about": f"order {n}"}
    return Entry(**(fields | changes))


def pages_of(sizes: Sequence[int], tip: Tip | None = None, own: Credential = NODE_KEY) -> tuple[list[bytes], list[Tip]]:
    """One page for each size, and where the chain ends after each."""
    tip, made, tips = tip or Tip("44"), [], []
    for size in sizes:
        entries = [entry(tip.entries + n) for n in range(1, size + 1)]
        data, tip = chain.write(tip, entries, own, NOW_MS + tip.pages)
        made.append(data)
        tips.append(tip)
    return made, tips


def head_of(tip: Tip, at_ms: int = NOW_MS, own: Credential = NODE_KEY) -> Head:
    return heads.read(heads.sign(tip, own, at_ms), OFFICES.anchors, NONE, NOW_MS)


def proof_of(
    messages: Iterable[bytes], known: Iterable[Head] = (), after: Head | None = None, none: Revocations = NONE
) -> Proof:
    walk = Walk("44", OFFICES.anchors, none, known, after)
    for data in messages:
        walk.take(data)
    return walk.end()


def break_of(messages: Iterable[bytes], known: Iterable[Head] = ()) -> Break:
    broken = proof_of(messages, known).broken
    assert broken is not None, "nothing was found"
    return broken
