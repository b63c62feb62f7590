"""Logging in by a signing key: a statement of this moment, for this node, that is good once. Pure.

A key that may issue or approve orders is a commander's, one that may administer an administrator's, at the place of
its grant. Who holds several (the office's own machine) shows a proof of each, and has the roles of all. Each key has a
pace, and so have all that one key granted together: none fills the table of proofs for the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.accounts.account import Role
from fusioncmd.accounts.limiter import Buckets
from fusioncmd.errors import Forbidden, Unavailable
from fusioncmd.messages import Millis
from fusioncmd.trust import shares, statements
from fusioncmd.trust.canonical import Form
from fusioncmd.trust.chains import Anchors, Chain
from fusioncmd.trust.grants import Credential, GrantPurpose, PlaceCode
from fusioncmd.trust.refusals import refusal
from fusioncmd.trust.revocations import Revocations, mark_of

NONCE_BYTES = 16
ROLE_OF: dict[GrantPurpose, Role] = {"issue": "commander", "approve": "commander", "administer": "administrator"}


class Proof(Struct, frozen=True, array_like=True, tag="login.1"):
    node: PlaceCode  # it is good for no other
    at_ms: Millis
    nonce: Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]


_form = Form(Proof, 64)


@dataclass(frozen=True, slots=True)
class Proved:
    """Who holds the keys, what they are then, and until when."""

    holder: str
    roles: frozenset[Role]
    path: str
    grants: tuple[bytes, ...]  # the names of all on the way to the keys, and the marks of the keys in them
    until_ms: int


def prove(own: Credential, node: str, now_ms: int, nonce: bytes) -> bytes:
    """A proof that `own` is in hand, now, for the node at `node`; `nonce` is random."""
    return statements.state("login", _form.encode(Proof(node, now_ms, nonce)), own)


class Proofs:
    """Checks proofs made for one node, and takes each once."""

    def __init__(self, node: str, anchors: Anchors, revocations: Revocations) -> None:
        self._node, self._anchors, self._revocations = node, anchors, revocations
        self._used: dict[bytes, int] = {}  # nonce and grant → when it was made
        self._own, self._branches = Buckets(), Buckets()

    def check(self, given: Sequence[bytes], now_ms: int) -> Proved:
        """What `given`, one or more, prove together; `Untrusted` when one of them does not hold, `Forbidden` when it
        is too often."""
        read = [self._read(data, now_ms) for data in given]
        chains = [chain for chain, _, _ in read]
        if not chains or len({(chain.leaf.holder, chain.leaf.path) for chain in chains}) != 1:
            raise refusal("issuer")
        self._keep_pace(chains, now_ms / 1000)
        for _, once, at_ms in read:
            self._used[once] = at_ms
        leaf = chains[0].leaf
        roles = frozenset(ROLE_OF[p] for chain in chains for p in chain.leaf.purposes if p in ROLE_OF)
        marks = (mark_of(grant.key) for chain in chains for grant in chain.grants)
        names = tuple(dict.fromkeys([*(name for chain in chains for name in chain.names), *marks]))
        return Proved(leaf.holder, roles, leaf.path, names, min(chain.leaf.not_after_ms for chain in chains))

    def _read(self, data: bytes, now_ms: int) -> tuple[Chain, bytes, int]:
        body, chain = statements.read(data, "login", self._anchors)
        proof = _form.decode(body)
        if proof.node != self._node:
            raise refusal("stale")
        if abs(proof.at_ms - now_ms) > limits.CLOCK_SKEW_MS_MAX:
            raise refusal("login_time")
        if not any(purpose in ROLE_OF for purpose in chain.leaf.purposes):
            raise refusal("purpose")
        if not chain.leaf.not_before_ms <= now_ms <= chain.leaf.not_after_ms:
            raise refusal("validity")
        self._revocations.check(chain, now_ms, None)
        once = proof.nonce + chain.name
        if once in self._used:
            raise refusal("login_again")
        if len(self._used) >= limits.LOGIN_PROOFS_MAX:
            self._forget(now_ms)
        return chain, once, proof.at_ms

    def _keep_pace(self, chains: Sequence[Chain], now_s: float) -> None:
        """A login counts once for each key, and once for each branch, however many of its keys are shown."""
        taken = {(mark, own) for c in chains for mark, own in _paced(c)}
        waits = (self._bucket(own).wait_s(mark, *_pace(own), now_s) for mark, own in taken)
        if (wait_s := max(waits)) > 0:
            left_s = math.ceil(wait_s)
            raise Forbidden(
                f"Too many logins with this key, or with those that were granted with it; try again in {left_s} s.",
                f"该密钥（或同一授权下的密钥）登录过多，请 {left_s} 秒后再试。",
            )
        for mark, own in taken:
            self._bucket(own).take(mark, _pace(own)[1], now_s)

    def _bucket(self, own: bool) -> Buckets:
        return self._own if own else self._branches

    def _forget(self, now_ms: int) -> None:
        """Those whose time is over would be refused for it. None of the others may be forgotten."""
        for own in (True, False):
            self._bucket(own).sweep(_pace(own)[1], now_ms / 1000)
        self._used = {once: at_ms for once, at_ms in self._used.items() if now_ms - at_ms <= limits.CLOCK_SKEW_MS_MAX}
        if len(self._used) >= limits.LOGIN_PROOFS_MAX:
            raise Unavailable("Too many logins by key; try again in some minutes.", "密钥登录过多，请几分钟后重试。")


def _paced(chain: Chain) -> list[tuple[bytes, bool]]:
    own, *above = shares.takers(chain)
    return [(own, True), *((mark, False) for mark in above)]


def _pace(own: bool) -> tuple[int, float]:
    """A burst, and so many a second then."""
    if own:
        return limits.LOGIN_KEY_BURST_MAX, limits.LOGIN_KEY_PER_S
    return limits.LOGIN_BRANCH_BURST_MAX, limits.LOGIN_BRANCH_PER_S
