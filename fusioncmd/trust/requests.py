"""What travels between who holds a key and who grants it: a request one way, what was granted the other. Pure.

Neither is secret: private keys stay where they were made. A request proves that whoever made it has the private keys,
so that nobody is granted a key by mistake; security does not rest on it, because every signature names its grant.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.messages import Status
from fusioncmd.trust import signatures
from fusioncmd.trust.chains import Anchors, Chain
from fusioncmd.trust.grants import (
    NOTHING_ABOVE,
    AlgorithmName,
    Grant,
    HolderName,
    PublicKey,
    SignatureBytes,
    SignedChain,
    SignedGrant,
    decode,
    name_of,
)
from fusioncmd.trust.refusals import Untrusted, refusal
from fusioncmd.trust.signatures import Signer

Modes = Annotated[tuple[Status, ...], Meta(min_length=1, max_length=2)]


class Wanted(Struct, frozen=True, forbid_unknown_fields=True):
    """One key, and the modes that it is meant for: one for who signs orders, both for a node or who only grants."""

    statuses: Modes
    algorithm: AlgorithmName
    key: PublicKey
    proof: SignatureBytes


class Request(Struct, frozen=True, tag="key-request.1", tag_field="kind", forbid_unknown_fields=True):
    holder: HolderName
    keys: Annotated[tuple[Wanted, ...], Meta(min_length=1, max_length=2)]


class Granted(Struct, frozen=True, tag="granted.1", tag_field="kind", forbid_unknown_fields=True):
    """The chains that were granted, and the root that they lead to."""

    root: SignedGrant
    chains: Annotated[tuple[SignedChain, ...], Meta(min_length=1, max_length=2)]


class Ends(Struct, frozen=True, tag="revocations.1", tag_field="kind", forbid_unknown_fields=True):
    """Revocations on their way to a node; each proves itself."""

    statements: Annotated[tuple[bytes, ...], Meta(min_length=1, max_length=limits.REVOCATIONS_PER_BRANCH_MAX)]


def wanted(holder: str, statuses: tuple[Status, ...], own: Signer) -> Wanted:
    """A key, with the proof that its private half is in hand."""
    said = _proved(holder, statuses, own.algorithm, own.public)
    return Wanted(statuses, own.algorithm, own.public, own.sign("request", NOTHING_ABOVE, said))


def read_request(data: bytes) -> Request:
    """`Untrusted` for what is no request, or asks for a key that its maker has not."""
    try:
        request = msgspec.json.decode(data, type=Request)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Untrusted("The file is no request for a grant.", "该文件不是密钥授权申请。") from None
    for one in request.keys:
        said = _proved(request.holder, one.statuses, one.algorithm, one.key)
        signatures.verify(one.algorithm, one.key, one.proof, "request", NOTHING_ABOVE, said)
    return request


def read_granted(data: bytes) -> Granted:
    try:
        return msgspec.json.decode(data, type=Granted)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Untrusted("The file holds nothing that was granted.", "该文件不是密钥授权结果。") from None


def read_ends(data: bytes) -> Ends:
    try:
        return msgspec.json.decode(data, type=Ends)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Untrusted("The file holds no revocations.", "该文件不是密钥撤销声明。") from None


def prove(granted: Granted) -> tuple[Chain, ...]:
    """What the chains prove, if one trusts their root."""
    anchors = Anchors([granted.root])
    found = tuple(anchors.prove(name_of(chain[-1].body), chain) for chain in granted.chains if chain)
    if len(found) < len(granted.chains):
        raise refusal("chain")
    return found


def check_unknown(key: bytes, known: tuple[Grant, ...]) -> None:
    """`Untrusted` for a key that was granted before: two grants of one key could be taken for each other."""
    for grant in known:
        if grant.key == key:
            raise Untrusted(
                f"That key was granted to {grant.holder} already; a new grant needs a new key.",
                f"该密钥已授予“{grant.holder}”；新的授权须用新的密钥。",
                "key",
            )


def root_name(granted: Granted) -> str:
    """What two people read to each other, to see that they mean the same root."""
    text = name_of(granted.root.body).hex()
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def root_holder(granted: Granted) -> str:
    return decode(granted.root.body).holder


def _proved(holder: str, statuses: tuple[Status, ...], algorithm: str, key: bytes) -> bytes:
    return msgspec.msgpack.encode((holder, statuses, algorithm, key))


assert limits.CHAIN_GRANTS_MAX * (limits.GRANT_BYTES_MAX + limits.SIGNATURE_BYTES_MAX) * 2 * 2 < 64 * 1024
