"""An identity provider's word for who somebody is: ID tokens of OpenID Connect, by PyJWT. Off without its file.

`oidc.toml` in the data folder names the issuer, the audience (our client id there) and a file with the provider's
public keys (JWKS), which whoever runs the node fetches: the node asks nothing of the network.

    issuer = "https://id.example.gov.cn"
    audience = "fusioncmd"
    jwks = "jwks.json"
"""

from __future__ import annotations

import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
from msgspec import Struct, ValidationError, convert

from fusioncmd import limits
from fusioncmd.errors import Forbidden, Unavailable

ALGORITHMS = ("RS256", "ES256", "EdDSA")  # never "none", and nothing with a shared secret
LEEWAY_S = 60
FILE_BYTES_MAX = 256 * 1024
_key_set: Any = jwt.PyJWKSet.from_json  # PyJWT leaves it without types
# Times are judged by a clock that is an argument.
_OURS: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "require": ["exp", "iat", "sub"]}


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    issuer: str
    audience: str
    jwks: str  # a file, beside the settings or anywhere


class Provider:
    """Checks tokens of one provider. Each is taken once."""

    def __init__(self, settings: Settings, jwks: str) -> None:
        self._settings = settings
        self._used: dict[bytes, float] = {}  # digest → when it expires
        try:
            self._keys = _key_set(jwks).keys
        except jwt.PyJWTError as error:
            raise Unavailable(
                f"{settings.jwks} holds no public keys: {error}.", f"{settings.jwks} 没有可用公钥。"
            ) from None

    def subject_of(self, token: str, nonce: str, now_s: float) -> str:
        """`sub` of a token that holds at `now_s`; `Forbidden` for any other."""
        claims = self._claims(token)
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise _refused("it names nobody")
        if claims.get("nonce", "") != nonce:
            raise _refused("it was asked for by somebody else (nonce)")
        from_s = max(_seconds(claims, "iat"), _seconds(claims, "nbf", 0.0))
        until_s = _seconds(claims, "exp") + LEEWAY_S
        if not from_s - LEEWAY_S <= now_s < until_s:
            raise _refused("it is not of now")
        self._take_once(token, until_s, now_s)
        return str(claims["sub"])

    def _claims(self, token: str) -> dict[str, Any]:
        """What the provider signed for us; of which time it is, is asked afterwards."""
        try:
            header = jwt.get_unverified_header(token)
            fitting = [key for key in self._keys if header.get("kid") in (None, key.key_id)]
            if header.get("alg") not in ALGORITHMS or len(fitting) != 1 or fitting[0].algorithm_name != header["alg"]:
                raise _refused("no key of the provider is meant")
            return jwt.decode(
                token, fitting[0], algorithms=[header["alg"]], issuer=self._settings.issuer,
                audience=self._settings.audience,
                options=_OURS,
            )  # fmt: skip
        except jwt.PyJWTError as error:
            raise _refused(str(error)) from None

    def _take_once(self, token: str, until_s: float, now_s: float) -> None:
        digest = sha256(token.rpartition(".")[0].encode()).digest()
        if digest in self._used:
            raise _refused("it was used already")
        if len(self._used) >= limits.LOGIN_PROOFS_MAX:
            self._used = {once: at_s for once, at_s in self._used.items() if at_s > now_s}
        if len(self._used) >= limits.LOGIN_PROOFS_MAX:
            raise Unavailable("Too many logins; try again in some minutes.", "登录过多，请几分钟后重试。")
        self._used[digest] = until_s


def read_provider(file: Path) -> Provider:
    """The provider that a settings file names; `Unavailable` when it says nothing sensible."""
    try:
        settings = convert(tomllib.loads(_text(file)), Settings)
        return Provider(settings, _text(file.parent / settings.jwks))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise Unavailable(f"{file} cannot be used: {error}.", f"无法使用 {file}：{error}。") from None


def _seconds(claims: dict[str, Any], name: str, missing: float | None = None) -> float:
    """A time in the claims, in seconds since 1970."""
    at = claims.get(name, missing)
    if not isinstance(at, int | float) or isinstance(at, bool):
        raise _refused(f"it has no time ({name})")
    return float(at)


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(FILE_BYTES_MAX).decode()


def _refused(why: str) -> Forbidden:
    return Forbidden(f"The token is not taken: {why}.", f"身份令牌无效：{why}。")
