"""From a chain of signed grants to what it proves, measured against the pinned roots. Pure.

A chain is walked from the root down: a key is loaded only after the key above it vouched for it. What was proved once
is remembered, because signatures do not change: time and revocations are judged anew for each order.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from fusioncmd import limits
from fusioncmd.errors import BadInput
from fusioncmd.trust import signatures
from fusioncmd.trust.grants import NOTHING_ABOVE, Grant, SignedGrant, check_narrower, decode, name_of
from fusioncmd.trust.refusals import refusal

CHAINS_KNOWN_MAX = 4_096  # beyond, those not used for longest are proved anew


@dataclass(frozen=True, slots=True)
class Chain:
    """Proved: `grants` from the root (first) to the key that is meant (last), and their names."""

    grants: tuple[Grant, ...]
    names: tuple[bytes, ...]

    @property
    def leaf(self) -> Grant:
        return self.grants[-1]

    @property
    def name(self) -> bytes:
        return self.names[-1]

    def starts_with(self, other: Chain) -> bool:
        return self.names[: len(other.names)] == other.names


class Anchors:
    """The root keys that are believed here. While one is replaced by another, both are."""

    def __init__(self, roots: Iterable[SignedGrant]) -> None:
        self._roots: dict[bytes, Chain] = {}
        self._known: OrderedDict[tuple[bytes, tuple[SignedGrant, ...]], Chain] = OrderedDict()
        for signed in roots:
            grant, name = decode(signed.body), name_of(signed.body)
            if grant.above != NOTHING_ABOVE or not grant.may_delegate:
                raise refusal("root")
            signatures.verify(grant.algorithm, grant.key, signed.signature, "grant", NOTHING_ABOVE, signed.body)
            self._roots[name] = Chain((grant,), (name,))
        if not 1 <= len(self._roots) <= limits.ROOTS_MAX:
            raise BadInput(
                f"One to {limits.ROOTS_MAX} root keys are needed.", f"须有 1 至 {limits.ROOTS_MAX} 个根密钥。"
            )

    @property
    def roots(self) -> tuple[Chain, ...]:
        return tuple(self._roots.values())

    def prove(self, name: bytes, signed: tuple[SignedGrant, ...]) -> Chain:
        """The chain that leads to the grant called `name`; `Untrusted` when it does not."""
        known = self._known.get((name, signed))
        if known is not None:
            self._known.move_to_end((name, signed))
            return known
        chain = self._walk(signed, self._roots.get(decode(signed[0].body).above if signed else name))
        if chain.name != name:
            raise refusal("chain")
        self._known[name, signed] = chain
        if len(self._known) > CHAINS_KNOWN_MAX:
            self._known.popitem(last=False)
        return chain

    def _walk(self, signed: tuple[SignedGrant, ...], root: Chain | None) -> Chain:
        if root is None:
            raise refusal("root")
        grants, names = list(root.grants), list(root.names)
        for one in signed:
            above, grant = grants[-1], decode(one.body)
            if grant.above != names[-1]:
                raise refusal("chain")
            signatures.verify(above.algorithm, above.key, one.signature, "grant", names[-1], one.body)
            check_narrower(above, grant)
            # A key that could grant itself anew could hold one grant for exercises and another for actual orders.
            if any(grant.key == higher.key for higher in grants):
                raise refusal("key")
            signatures.load(grant.algorithm, grant.key)
            grants.append(grant)
            names.append(name_of(one.body))
        return Chain(tuple(grants), tuple(names))
