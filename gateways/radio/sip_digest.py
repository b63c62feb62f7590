"""Who a radio is: HTTP digest (RFC 3261 §22, RFC 8760), with nonces that nobody keeps. Pure.

One algorithm is asked for, for there are clients that give up when a second challenge names one that they do not know:
MD5 where the account is kept so, SHA-256 for all others; of a name that is no account either, always the same.

A nonce is when it was made, a number that counts up, and a tag over both and the address that it was made for: whoever
has proven nothing costs no memory. What was proven is kept, one entry an account: a nonce that is older than its last
is stale, and a count of the same nonce is taken once. So what somebody overheard is good for nothing, also where
Contact, which no digest covers, would be another.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from hashlib import blake2b, md5, sha256
from hmac import compare_digest

from gateways.radio import bounds
from gateways.radio.sip_message import Fields
from gateways.radio.sip_syntax import BadSyntax, credentials, quoted

ALGORITHMS = ("SHA-256", "MD5")
_NONCE_BYTES, _TAG_BYTES = 10, 12
_HEX = {"SHA-256": 64, "MD5": 32}


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is known of an account's secret: H(account:realm:secret), in hexadecimal digits; `md5` may be empty."""

    sha256: str
    md5: str

    def of(self, algorithm: str) -> str:
        return self.sha256 if algorithm == "SHA-256" else self.md5


@dataclass(frozen=True, slots=True)
class Claim:
    """What an Authorization field says, and that its nonce is one of ours, made for whoever shows it."""

    account: str
    algorithm: str
    nonce: bytes
    count: int  # 0: without qop
    response: str
    said: dict[str, str]


class Stale(Exception):
    """The nonce is too old, not ours, or was used: another has to be taken, and no failure is counted."""


class Wrong(Exception):
    """Nobody who knows that account's secret said this."""


class Digest:
    """`key` is this process's own secret: after a restart every nonce is stale."""

    def __init__(self, realm: str, key: bytes) -> None:
        self.realm, self._key, self._made = realm, key, 0
        self._last: dict[str, tuple[bytes, int]] = {}  # account → its newest nonce, and the highest count

    def challenge(self, account: str, known: Secrets | None, host: str, now_ms: int, stale: bool = False) -> Fields:
        """WWW-Authenticate, for who says to be `account`, of whom so much is known."""
        self._made = (self._made + 1) % (1 << 32)
        body = now_ms.to_bytes(6, "big") + self._made.to_bytes(4, "big")
        nonce = base64.urlsafe_b64encode(body + self._tag(body, host)).decode()
        said = f'Digest realm={quoted(self.realm)}, qop="auth", nonce="{nonce}"' + (", stale=true" if stale else "")
        either = blake2b(account.encode("utf-8", "replace"), key=self._key, digest_size=1).digest()[0] & 1
        old = bool(known.md5) if known is not None else either
        return [("WWW-Authenticate", f"{said}, algorithm={ALGORITHMS[old]}")]

    def claim(self, field: str, host: str, now_ms: int) -> Claim:
        """`Stale`, or `Wrong` for what is no claim to an account here."""
        try:
            scheme, said = credentials(field)
        except BadSyntax:
            raise Wrong from None
        if scheme != "digest":
            raise Stale
        algorithm = said.get("algorithm", "MD5").upper()
        account, response = said.get("username", ""), said.get("response", "").lower()
        if algorithm not in ALGORITHMS or said.get("realm") != self.realm or len(response) != _HEX[algorithm]:
            raise Wrong
        nonce = self._nonce(said.get("nonce", ""), host, now_ms)
        count = 0
        if "qop" in said:
            text = said.get("nc", "")
            if said["qop"].lower() != "auth" or not said.get("cnonce") or len(text) != 8 or not text.isalnum():
                raise Wrong
            try:
                count = int(text, 16)
            except ValueError:
                raise Wrong from None
        if not account or len(account) > bounds.USER_CHARS_MAX:
            raise Wrong
        return Claim(account, algorithm, nonce, count, response, said)

    def is_ours(self, nonce: str, host: str, now_ms: int) -> bool:
        """Whether it is a nonce that is good now: what can be known before a request is read."""
        try:
            self._nonce(nonce, host, now_ms)
        except Stale:
            return False
        return True

    def prove(self, claim: Claim, method: str, secrets: Secrets | None) -> None:
        """Nothing where the claim is true; `Wrong`, or `Stale` where it was said before.

        The digest's own `uri` is not compared with the Request-URI: clients differ in how they write it, and a claim
        counts once whatever it is for.
        """
        known = secrets.of(claim.algorithm) if secrets is not None else ""
        meant = self._response(claim, method, known or "0" * _HEX[claim.algorithm])
        if not compare_digest(meant, claim.response.encode()) or not known:
            raise Wrong
        last, count = self._last.get(claim.account, (b"", 0))
        if claim.nonce < last or (claim.nonce == last and claim.count <= count):
            raise Stale
        self._last[claim.account] = claim.nonce, max(claim.count, 0)

    def forget(self, account: str) -> None:
        self._last.pop(account, None)

    def _nonce(self, text: str, host: str, now_ms: int) -> bytes:
        try:
            found = base64.b64decode(text, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise Stale from None
        body = found[:_NONCE_BYTES]
        if len(found) != _NONCE_BYTES + _TAG_BYTES or not compare_digest(self._tag(body, host), found[_NONCE_BYTES:]):
            raise Stale
        age_ms = now_ms - int.from_bytes(body[:6], "big")
        if not 0 <= age_ms <= bounds.NONCE_S_MAX * 1000:
            raise Stale
        return body

    def _tag(self, body: bytes, host: str) -> bytes:
        return blake2b(body + host.encode(), key=self._key, person=b"fc-sip-nonce", digest_size=_TAG_BYTES).digest()

    def _response(self, claim: Claim, method: str, known: str) -> bytes:
        said = claim.said
        second = hashed(claim.algorithm, f"{method}:{said.get('uri', '')}")
        middle = f"{said['nonce']}:{said['nc']}:{said['cnonce']}:auth" if claim.count else said["nonce"]
        if "qop" in said and not claim.count:
            return b""  # a count begins at 1
        return hashed(claim.algorithm, f"{known}:{middle}:{second}").encode()


def hashed(algorithm: str, text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return sha256(data).hexdigest() if algorithm == "SHA-256" else md5(data, usedforsecurity=False).hexdigest()
