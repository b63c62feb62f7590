"""A push message as it is posted: encrypted for the device (RFC 8291, aes128gcm of RFC 8188), and signed (RFC 8292)."""

from __future__ import annotations

import base64

import http_ece
import jwt

from fusioncmd.errors import BadInput
from fusioncmd.ladder import vapid

TOKEN_S = 12 * 3_600  # at most a day (RFC 8292, 2)


class Vapid:
    """This server's key, by which push services know it. `pem` is a P-256 private key."""

    def __init__(self, pem: bytes, contact: str) -> None:
        self._key, self._contact = vapid.load(pem), contact
        self._tokens: dict[str, tuple[str, int]] = {}  # a handful: one for each push service

    @property
    def public(self) -> str:
        """What terminals subscribe with, as `applicationServerKey`."""
        return _base64(vapid.point(self._key))

    def authorization(self, audience: str, now_s: int) -> str:
        """The header for a push service, `https://host`."""
        token, until_s = self._tokens.get(audience, ("", 0))
        if until_s - now_s < TOKEN_S // 2:
            until_s = now_s + TOKEN_S
            token = jwt.encode({"aud": audience, "exp": until_s, "sub": self._contact}, self._key, algorithm="ES256")
            self._tokens[audience] = token, until_s
        return f"vapid t={token}, k={self.public}"


def encrypt(payload: bytes, key: bytes, auth: bytes) -> bytes:
    """For the device with that public key and secret; `BadInput` for a key that is none."""
    try:
        return bytes(
            http_ece.encrypt(
                payload, private_key=vapid.fresh(), dh=key, auth_secret=auth, version="aes128gcm"
            )
        )  # fmt: skip
    except (ValueError, http_ece.ECEException):
        raise BadInput("The subscription's key is none.", "订阅中的公钥无效。") from None


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
