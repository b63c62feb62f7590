"""Grants: what a key may do, signed by the key above it, and never more than that one may. Pure.

A grant is named by its content (`name_of`), which holds the name of the grant above it. So a name stands for a whole
chain back to the root, and nobody can make a second grant that goes by the name of another's.

Who signs orders has one mode: a key granted for both, actual and exercise, can only grant others. The root is a grant
like any other, signed by itself, with nothing above it; it is believed because it is pinned (`chains.Anchors`).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Literal

from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.messages import Id, Millis, Status
from fusioncmd.trust import signatures
from fusioncmd.trust.canonical import Form
from fusioncmd.trust.refusals import refusal
from fusioncmd.trust.signatures import Signer

# `issue` orders; `approve` another's; `node`: what a tier node states (audiences, its audit); `administer`:
# accounts, devices and keys of a node.
GrantPurpose = Literal["administer", "approve", "issue", "node"]
# No control characters, nothing that turns the direction of reading. \A and \Z: `$` would let a line break through.
HolderName = Annotated[
    str,
    Meta(pattern=r"\A[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+\Z", max_length=limits.ISSUER_CHARS_MAX),
]
PlaceCode = Annotated[str, Meta(pattern=r"\A([0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})\Z")]
AlgorithmName = Annotated[str, Meta(min_length=1, max_length=16)]
PublicKey = Annotated[bytes, Meta(min_length=16, max_length=limits.PUBLIC_KEY_BYTES_MAX)]
SignatureBytes = Annotated[bytes, Meta(min_length=16, max_length=limits.SIGNATURE_BYTES_MAX)]
NAME_BYTES = 16
NOTHING_ABOVE = bytes(NAME_BYTES)


class Grant(Struct, frozen=True, array_like=True, tag="grant.1", kw_only=True):
    above: Id  # name of the grant whose key signs this one
    holder: HolderName  # a person, an office or a node
    purposes: tuple[GrantPurpose, ...]  # sorted, each once, as are `statuses`
    path: PlaceCode  # the subtree
    statuses: tuple[Status, ...]
    may_delegate: bool
    not_before_ms: Millis
    not_after_ms: Millis
    algorithm: AlgorithmName
    key: PublicKey


class SignedGrant(Struct, frozen=True, array_like=True):
    """`body` is the grant's bytes, exactly as they were signed."""

    body: Annotated[bytes, Meta(max_length=limits.GRANT_BYTES_MAX)]
    signature: SignatureBytes


SignedChain = Annotated[tuple[SignedGrant, ...], Meta(max_length=limits.CHAIN_GRANTS_MAX)]
_form = Form(Grant, limits.GRANT_BYTES_MAX)


@dataclass(frozen=True, slots=True)
class Credential:
    """A private key and what it was granted: `chain` leads from below the root to `grant` (empty: the root itself)."""

    signer: Signer
    grant: Grant
    name: bytes
    chain: tuple[SignedGrant, ...]


def name_of(body: bytes) -> bytes:
    """A grant's name: 16 bytes of SHA-256 over its body."""
    return sha256(b"fusioncmd/grant-name/1\0" + body).digest()[:NAME_BYTES]


def encode(grant: Grant) -> bytes:
    return _form.encode(grant)


def decode(body: bytes) -> Grant:
    """The grant that exactly these bytes are; `Untrusted` for every other spelling."""
    grant = _form.decode(body)
    if (
        not grant.purposes
        or not grant.statuses
        or grant.purposes != tuple(sorted(set(grant.purposes)))
        or grant.statuses != tuple(sorted(set(grant.statuses)))
        or grant.not_before_ms >= grant.not_after_ms
    ):
        raise refusal("bytes")
    return grant


def check_narrower(above: Grant, below: Grant) -> None:
    """Each step of a chain may only narrow."""
    if not above.may_delegate:
        raise refusal("delegation")
    if not below.path.startswith(above.path):  # tiers have fixed widths: a prefix is an ancestor
        raise refusal("scope")
    if not set(below.statuses) <= set(above.statuses):
        raise refusal("mode")
    if not set(below.purposes) <= set(above.purposes):
        raise refusal("purpose")
    if not above.not_before_ms <= below.not_before_ms < below.not_after_ms <= above.not_after_ms:
        raise refusal("validity")


def root(
    signer: Signer, holder: str, path: str, statuses: tuple[Status, ...], not_before_ms: int, not_after_ms: int
) -> SignedGrant:
    """A province's root: everything in its subtree. Its signature proves only that the key is in hand."""
    grant = Grant(
        above=NOTHING_ABOVE, holder=holder, purposes=("administer", "approve", "issue", "node"), path=path,
        statuses=statuses, may_delegate=True, not_before_ms=not_before_ms, not_after_ms=not_after_ms,
        algorithm=signer.algorithm, key=signer.public,
    )  # fmt: skip
    return _signed(grant, signer)


def issue(above: Credential, below: Grant) -> SignedGrant:
    """`below`, signed by the key above it; `Untrusted` when it would be wider."""
    if below.above != above.name or len(above.chain) >= limits.CHAIN_GRANTS_MAX:
        raise refusal("chain")
    check_narrower(above.grant, below)
    return _signed(below, above.signer)


def credential(signer: Signer, chain: tuple[SignedGrant, ...]) -> Credential:
    """The key in hand with what it was granted; `chain` holds the root alone, or what leads down from below it."""
    body = chain[-1].body
    grant = decode(body)
    if (grant.algorithm, grant.key) != (signer.algorithm, signer.public):
        raise refusal("key")
    return Credential(signer, grant, name_of(body), () if grant.above == NOTHING_ABOVE else chain)


def _signed(grant: Grant, signer: Signer) -> SignedGrant:
    signatures.load(grant.algorithm, grant.key)
    body = encode(grant)
    decode(body)
    return SignedGrant(body, signer.sign("grant", grant.above, body))
