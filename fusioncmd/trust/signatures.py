"""Signing and checking bytes: the one place that knows `cryptography`. Pure: a key's seed is an argument.

What is signed is `fusioncmd/<purpose>/1`, a zero byte, the 16 bytes that name the grant in whose capacity the signer
acts, and the body. So a signature made for one purpose, or under one grant, is none for another.

Two keys also give a secret that nobody else has (`Signer.agree`): X25519 (RFC 7748) between the same keys in their
Montgomery form. Using one key for both is sound: what is hashed for a signature and for an exchange never meets
(E. Thormarker, "On using the same key pair for Ed25519 and an X25519 based KEM", 2021).

Ed25519 is RFC 8032. OpenSSL refuses S ≥ L, but takes public keys of small order, for which one signature fits every
message, and keys that are not canonical; both are refused here, when a key is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha512
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from fusioncmd.trust.refusals import refusal

Purpose = Literal["grant", "issue", "approve", "node", "revoke", "heartbeat", "audit", "login", "request", "link"]
DevicePurpose = Literal["enrol", "renew"]
Check = Callable[[bytes, bytes], None]  # of a signature and what was signed; raises `InvalidSignature`

SEED_BYTES = 32
ED25519 = "ed25519"
KEYS_LOADED_MAX = 4_096  # beyond, those not used for longest are loaded anew
_P = 2**255 - 19
_ORDER_8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
_SMALL_ORDER = frozenset({0, 1, _P - 1, _ORDER_8, _P - _ORDER_8})  # the y of all eight points


@dataclass(frozen=True, slots=True)
class Algorithm:
    """What one more (SM2 with SM3, say) has to bring: `load` raises `Untrusted` for what is no public key."""

    load: Callable[[bytes], Check]
    signer: Callable[[bytes], Signer]  # from a seed of 32 random bytes


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key, held as what it can do. `with_key`: of an algorithm that can agree on secrets."""

    algorithm: str
    public: bytes
    raw: Callable[[bytes], bytes]
    with_key: Callable[[bytes], bytes] | None = None

    def sign(self, purpose: Purpose, by: bytes, body: bytes) -> bytes:
        return self.raw(signed_bytes(purpose, by, body))

    def prove(self, purpose: DevicePurpose, body: bytes) -> bytes:
        return self.raw(proven_bytes(purpose, body))

    def agree(self, public: bytes) -> bytes:
        """32 bytes that this key and that of `public` alone can know; `Untrusted` for a key that is none."""
        if self.with_key is None:
            raise refusal("algorithm")
        return self.with_key(public)

    def __repr__(self) -> str:
        return f"<Signer {self.algorithm} {self.public.hex()}>"


def signed_bytes(purpose: Purpose, by: bytes, body: bytes) -> bytes:
    return b"fusioncmd/" + purpose.encode() + b"/1\0" + by + body


def proven_bytes(purpose: DevicePurpose, body: bytes) -> bytes:
    """What a device signs: it acts under no grant."""
    return b"fusioncmd/" + purpose.encode() + b"/1\0" + body


def verify_device(algorithm: str, public: bytes, signature: bytes, purpose: DevicePurpose, body: bytes) -> None:
    """As `verify`, for one of the many keys of devices, which are not kept loaded."""
    if algorithm not in ALGORITHMS:
        raise refusal("algorithm")
    try:
        ALGORITHMS[algorithm].load(public)(signature, proven_bytes(purpose, body))
    except InvalidSignature:
        raise refusal("signature") from None


def verify(algorithm: str, public: bytes, signature: bytes, purpose: Purpose, by: bytes, body: bytes) -> None:
    """Nothing, when the signature holds; `Untrusted` otherwise."""
    try:
        load(algorithm, public)(signature, signed_bytes(purpose, by, body))
    except InvalidSignature:
        raise refusal("signature") from None


def signer(seed: bytes, algorithm: str = ED25519) -> Signer:
    """The private key that `seed` (32 random bytes) is."""
    if algorithm not in ALGORITHMS:
        raise refusal("algorithm")
    assert len(seed) == SEED_BYTES
    return ALGORITHMS[algorithm].signer(seed)


@lru_cache(maxsize=KEYS_LOADED_MAX)
def load(algorithm: str, public: bytes) -> Check:
    """What checks signatures of that public key. Only called for keys that were granted, or are asked for by hand,
    so strangers fill no cache."""
    if algorithm not in ALGORITHMS:
        raise refusal("algorithm")
    return ALGORITHMS[algorithm].load(public)


def _load_ed25519(public: bytes) -> Check:
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if len(public) != 32 or y >= _P or y in _SMALL_ORDER:
        raise refusal("key")
    return Ed25519PublicKey.from_public_bytes(public).verify


def _signer_ed25519(seed: bytes) -> Signer:
    key = Ed25519PrivateKey.from_private_bytes(seed)

    def with_key(public: bytes) -> bytes:
        _load_ed25519(public)
        y = int.from_bytes(public, "little") & (2**255 - 1)
        u = (1 + y) * pow(1 - y, -1, _P) % _P
        peer = X25519PublicKey.from_public_bytes(int(u).to_bytes(32, "little"))
        return X25519PrivateKey.from_private_bytes(sha512(seed).digest()[:32]).exchange(peer)

    return Signer(ED25519, key.public_key().public_bytes_raw(), key.sign, with_key)


ALGORITHMS = {ED25519: Algorithm(_load_ed25519, _signer_ed25519)}
