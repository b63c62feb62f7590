"""A signature with the chain that makes it worth something, and small signed statements. Pure.

A `Seal` stands beside a body and says who signed it, for one purpose. A statement is a body and its seal in one:
heartbeats of keys, revocations, what a node accepted.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.messages import Id
from fusioncmd.trust import signatures
from fusioncmd.trust.canonical import Form
from fusioncmd.trust.chains import Anchors, Chain
from fusioncmd.trust.grants import AlgorithmName, Credential, SignatureBytes, SignedChain
from fusioncmd.trust.refusals import refusal
from fusioncmd.trust.signatures import Purpose


class Seal(Struct, frozen=True, array_like=True):
    """`by` names the grant whose key signed: the last of `chain`, or a root where the chain is empty."""

    algorithm: AlgorithmName
    by: Id
    chain: SignedChain
    signature: SignatureBytes


class Statement(Struct, frozen=True, array_like=True, tag="statement.1"):
    body: Annotated[bytes, Meta(max_length=limits.STATEMENT_BYTES_MAX)]
    seal: Seal


_form = Form(Statement, limits.STATEMENT_BYTES_MAX)


def seal(purpose: Purpose, body: bytes, own: Credential) -> Seal:
    return Seal(own.signer.algorithm, own.name, own.chain, own.signer.sign(purpose, own.name, body))


def check_seal(given: Seal, purpose: Purpose, body: bytes, anchors: Anchors) -> Chain:
    """Who signed `body` for `purpose`; `Untrusted` when nobody whom the roots vouch for did."""
    chain = anchors.prove(given.by, given.chain)
    if given.algorithm != chain.leaf.algorithm:  # the key says how it signs; an envelope cannot talk it down
        raise refusal("algorithm")
    signatures.verify(given.algorithm, chain.leaf.key, given.signature, purpose, given.by, body)
    return chain


def state(purpose: Purpose, body: bytes, own: Credential) -> bytes:
    return _form.encode(Statement(body, seal(purpose, body, own)))


def read(data: bytes, purpose: Purpose, anchors: Anchors) -> tuple[bytes, Chain]:
    """The body and who stated it. Whether the key was valid then, and not revoked, is for the reader to ask."""
    statement = _form.decode(data)
    return statement.body, check_seal(statement.seal, purpose, statement.body, anchors)


def body_of(data: bytes) -> bytes:
    """What a statement says, not whether anybody said it; `Untrusted` for bytes that are none."""
    return _form.decode(data).body
