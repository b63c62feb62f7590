"""Bytes that only who has a tier's ticket key can read, or write: ChaCha20-Poly1305 (RFC 8439).

Each kind of thing has a key of its own, made from the ticket key. `about` says what the bytes are of: moved to another
place, they open no more.
"""

from __future__ import annotations

from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from fusioncmd.errors import BadInput

NONCE_BYTES = 12  # by chance: each is used once


def lock(data: bytes, key: bytes, kind: bytes, about: str, nonce: bytes) -> bytes:
    """`kind`: at most 16 bytes."""
    assert len(nonce) == NONCE_BYTES
    return nonce + _cipher(key, kind).encrypt(nonce, data, about.encode())


def unlock(data: bytes, key: bytes, kind: bytes, about: str) -> bytes:
    """`BadInput` for what nobody with the ticket key wrote, or of something else."""
    try:
        return _cipher(key, kind).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], about.encode())
    except (InvalidTag, ValueError):
        raise BadInput("Not locked by this tier's node.", "不是本级节点加密的内容。") from None


def _cipher(key: bytes, kind: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(blake2b(key=key, person=kind, digest_size=32).digest())
