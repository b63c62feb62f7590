"""Orders that are good, and attempts to pass off as good what is not. Pure: chance is an argument.

A kind of attempt is a function that makes one from a `Forger`; what it names is why it has to be refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec

from fusioncmd.messages import Order, encode
from fusioncmd.trust import grants, seals, statements
from fusioncmd.trust.grants import Credential, SignedGrant
from fusioncmd.trust.refusals import REASONS, Reason, Untrusted
from fusioncmd.trust.revocations import Revocations
from fusioncmd.trust.seals import SealedOrder, Verified
from fusioncmd.trust.statements import Seal
from loadtest.offices import NOW_MS, Offices

GOOD_MAX = 48


@dataclass(frozen=True, slots=True)
class Attempt:
    """`revocations`, where the attempt needs that something was revoked."""

    data: bytes
    now_ms: int = NOW_MS
    revocations: Revocations | None = None


@dataclass(frozen=True, slots=True)
class Good:
    data: bytes
    order: Order
    own: Credential
    approvers: tuple[Credential, ...]


class Forger:
    """Holds every secret of a made-up province, breaks one rule at a time."""

    def __init__(self, seed: int) -> None:
        self.offices, self.rng = Offices(seed), Random(seed + 1)
        self.none_revoked = Revocations(self.offices.anchors)
        self.stranger = Offices(seed + 2)  # another province, of the same shape
        self.good = [self._good(n) for n in range(GOOD_MAX)]

    def _good(self, n: int) -> Good:
        rng, offices = self.rng, self.offices
        own = offices.people[rng.choice(("actual", "exercise")), "Chen Wei"]
        if n % 4 == 3:  # of a deeper chain
            county = offices.grant(offices.city, "Tianhe Office", path="440106", may_delegate=True)
            own = offices.grant(county, f"Officer {n}", purposes=("issue",), statuses=own.grant.statuses)
        approvers = (offices.people[own.grant.statuses[0], "Li Na"],) if n % 3 == 0 else ()
        follows = n % 5 == 4
        refs = rng.randbytes(16) if follows else None
        changes: dict[str, Any] = (
            {"msg_type": rng.choice(("update", "cancel")), "refs": refs, "root": refs} if follows else {}
        )
        if changes.get("msg_type") == "cancel":
            changes["answers"] = ()
        order = offices.order(own, **changes)
        data = seals.seal(encode(order), own)
        for approver in approvers:
            data = seals.approve(data, approver)
        return Good(data, order, own, approvers)

    def renew(self, n: int) -> None:
        """One good order makes room for another, so that no two mutants are of the same."""
        self.good[n % GOOD_MAX] = self._good(n)

    def pick(self) -> Good:
        return self.rng.choice(self.good)

    def judge(self, attempt: Attempt) -> Verified | Untrusted:
        try:
            revocations = attempt.revocations or self.none_revoked
            return seals.verify(attempt.data, self.offices.anchors, revocations, attempt.now_ms)
        except Untrusted as problem:
            return problem


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    make: Callable[[Forger], Attempt]
    reasons: frozenset[Reason]


KINDS: dict[str, Kind] = {}


def kind(name: str, *reasons: Reason) -> Callable[[Callable[[Forger], Attempt]], Callable[[Forger], Attempt]]:
    """Register a kind of attempt; no reasons: any will do, because the bytes are broken at random."""

    def register(make: Callable[[Forger], Attempt]) -> Callable[[Forger], Attempt]:
        assert name not in KINDS
        KINDS[name] = Kind(name, make, frozenset(reasons or REASONS))
        return make

    return register


def unpack(data: bytes) -> SealedOrder:
    return msgspec.msgpack.decode(data, type=SealedOrder)


def pack(sealed: SealedOrder) -> bytes:
    """As it stands: what `seals` would refuse to make is made here."""
    return msgspec.msgpack.encode(sealed)


def with_seal(sealed: SealedOrder, **changes: object) -> bytes:
    return pack(msgspec.structs.replace(sealed, seal=msgspec.structs.replace(sealed.seal, **changes)))


def resealed(body: bytes, own: Credential, *approvals: Seal) -> bytes:
    """`body`, whatever it is, signed properly."""
    return pack(SealedOrder(body, statements.seal("issue", body, own), approvals))


def with_chain(own: Credential, chain: tuple[SignedGrant, ...]) -> Credential:
    return Credential(own.signer, own.grant, grants.name_of(chain[-1].body), chain)


CONTROLS: dict[str, Callable[[Good], bytes]] = {
    "as it was issued": lambda good: good.data,
    "read and written again": lambda good: pack(unpack(good.data)),
    "signed again by its own key": lambda good: resealed(encode(good.order), good.own, *unpack(good.data).approvals),
}
