"""A device's side of Web Push (RFC 8291): a key pair and a secret, what it reads with them, and who signed it."""

from __future__ import annotations

import base64
import os
from typing import Any

import http_ece
import jwt
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.http_ends import Post


def pem() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class PushDevice:
    def __init__(self) -> None:
        self.key, self.auth = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
        self.point = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    def address(self, url: str) -> dict[str, str]:
        return {"endpoint": f"{url}/push/x", "key": self.point.hex(), "auth": self.auth.hex()}

    def read(self, body: bytes) -> Any:
        return msgspec.json.decode(
            http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm")
        )


def signed_by(post: Post, audience: str, exp: bool = True) -> tuple[bytes, dict[str, Any]]:
    """The public key and the claims of a message for the push service `audience` (RFC 8292)."""
    token, k = (part.split("=", 1)[1] for part in post.headers["authorization"].removeprefix("vapid ").split(", "))
    point = base64.urlsafe_b64decode(k + "=" * (-len(k) % 4))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    return point, jwt.decode(token, key, algorithms=["ES256"], audience=audience, options={"verify_exp": exp})
