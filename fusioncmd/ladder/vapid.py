"""P-256 keys of Web Push: the one by which push services know a tier (RFC 8292), and one for each message (RFC 8291).

Terminals subscribe with the public half: 65 bytes, an uncompressed point (SEC 1, 2.3.3).
"""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fusioncmd.errors import BadInput

PrivateKey = ec.EllipticCurvePrivateKey


def load(pem: bytes) -> PrivateKey:
    """`BadInput` for what is no P-256 private key."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadInput("The push key is no P-256 private key in PEM.", "推送密钥不是 PEM 格式的 P-256 私钥。")
    return key


def fresh() -> PrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def point(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
