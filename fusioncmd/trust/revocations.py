"""Revocations: a set that only grows, each signed by the revoked key itself or by one above it. Pure.

A revoked grant ends every chain through it. A stolen key can write any time into an order, so what an order says of
its own time is not asked: **an order that was not accepted before its key's revocation came is refused**, and one
that was stays good only if it was accepted, and issued, before `since_ms`.

Whoever revokes their own key proved that they hold it: it then ends in whatever other grant it stands as well. A key
above ends the one grant only; else a lower commander could grant a higher one's public key, and revoke that.

Two nodes that exchange what they hold come to hold the same: per grant the earliest `since_ms` counts. On the stream
each statement has a subject of its own, so that a later one does not push out one with an earlier end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import sha256

from msgspec import Struct

from fusioncmd import limits
from fusioncmd.messages import Millis
from fusioncmd.trust import statements
from fusioncmd.trust.canonical import Form
from fusioncmd.trust.chains import Anchors, Chain
from fusioncmd.trust.grants import Credential, SignedChain, SignedGrant, name_of
from fusioncmd.trust.refusals import Untrusted, refusal


class Revocation(Struct, frozen=True, array_like=True, tag="revocation.1"):
    since_ms: Millis
    chain: SignedChain  # down to the grant that ends


_form = Form(Revocation, limits.STATEMENT_BYTES_MAX)


def revoke(own: Credential, chain: tuple[SignedGrant, ...], since_ms: int) -> bytes:
    """The statement that the last grant of `chain` has ended; `Untrusted` when `own` stands beside it or below."""
    if chain[: len(own.chain)] != own.chain:
        raise refusal("scope")
    return statements.state("revoke", _form.encode(Revocation(since_ms, chain)), own)


def digest_of(statement: bytes) -> bytes:
    """16 bytes that name a statement where many lie side by side."""
    return sha256(statement).digest()[:16]


def mark_of(key: bytes) -> bytes:
    """16 bytes that name a public key where many are remembered, and no grant's name."""
    return sha256(b"fusioncmd/key-mark/1\0" + key).digest()[:16]


class Revocations:
    """What is known to have ended."""

    def __init__(self, anchors: Anchors) -> None:
        self.anchors = anchors
        self._held: dict[tuple[bytes, bool], tuple[int, bytes]] = {}  # (grant, by itself) → since when, the statement
        self._statements: set[bytes] = set()
        self._keys: dict[bytes, int] = {}  # public keys that revoked themselves → since when
        self._marks: set[bytes] = set()  # of these keys
        self._branch: Counter[bytes] = Counter()  # of whom a root granted directly: how many theirs are
        self._redated: Counter[tuple[bytes, bool]] = Counter()

    def add(self, data: bytes) -> bool:
        """Take up one statement; True when it says something that was not known. `Untrusted` when it proves nothing."""
        if data in self._statements:
            return False
        target, revoker, since_ms = self.read(data)
        itself = target.name == revoker.name
        place, entry = (target.name, itself), (since_ms, data)
        held = self._held.get(place)
        if held is not None and held <= entry:
            return False
        if held is None:
            self._make_room(revoker)
        elif self._redated[place] >= limits.REVOCATION_REDATED_MAX:
            raise refusal("full")
        else:
            self._redated[place] += 1
            self._statements.discard(held[1])
        self._held[place] = entry
        self._statements.add(data)
        if itself:
            key = target.leaf.key
            self._keys[key] = min(since_ms, self._keys.get(key, since_ms))
            self._marks.add(mark_of(key))
        return True

    def read(self, data: bytes) -> tuple[Chain, Chain, int]:
        """Whose grant ends by a statement, who says so, and since when; `Untrusted` when it proves nothing."""
        body, revoker = statements.read(data, "revoke", self.anchors)
        revocation = _form.decode(body)
        if not revocation.chain:
            raise refusal("chain")
        target = self.anchors.prove(name_of(revocation.chain[-1].body), revocation.chain)
        if not target.starts_with(revoker):
            raise refusal("scope")
        return target, revoker, revocation.since_ms

    def holds(self, data: bytes) -> bool:
        """Whether this very statement counts, and no earlier one in its place."""
        return data in self._statements

    def update(self, others: Iterable[bytes]) -> tuple[int, list[Untrusted]]:
        """Take up what another node holds: how many were new, and why others were not taken. One that is bad
        must not keep the rest out."""
        new, refused = 0, []
        for data in others:
            try:
                new += self.add(data)
            except Untrusted as problem:
                refused.append(problem)
        return new, refused

    def _make_room(self, revoker: Chain) -> None:
        """Nobody below the root can fill the table of others."""
        branch = revoker.names[:2][-1]
        if self._branch[branch] >= limits.REVOCATIONS_PER_BRANCH_MAX:
            raise refusal("full")
        self._branch[branch] += 1

    @property
    def statements(self) -> tuple[bytes, ...]:
        """All that is held, in an order that does not depend on how it came."""
        return tuple(data for _, (_, data) in sorted(self._held.items()))

    def since_ms(self, chain: Chain) -> int | None:
        """Since when a link of the chain has ended; None while none has."""
        found = [self._keys[grant.key] for grant in chain.grants if grant.key in self._keys]
        for name in chain.names:
            found += [self._held[name, itself][0] for itself in (False, True) if (name, itself) in self._held]
        return min(found, default=None)

    def ended(self, names: Iterable[bytes]) -> bool:
        """Whether one of the grants of these names, or of the keys with these marks, has ended."""
        return any(name in self._marks or (name, False) in self._held or (name, True) in self._held for name in names)

    def check(self, chain: Chain, made_ms: int, accepted_ms: int | None) -> None:
        """`Untrusted` unless nothing in the chain has ended, or `made_ms` and `accepted_ms` lie before its end."""
        since_ms = self.since_ms(chain)
        if since_ms is not None and (accepted_ms is None or max(made_ms, accepted_ms) >= since_ms):
            raise refusal("revoked")
