"""An identity provider's tokens: taken once, when everything about them fits, and refused for whatever does not."""

from __future__ import annotations

import base64
import hmac
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from fusioncmd import api
from fusioncmd.accounts.oidc import Provider
from fusioncmd.accounts.provider import provider_in
from fusioncmd.client import Commander
from fusioncmd.errors import Forbidden, Unavailable
from tests.login_counter import counter
from tests.worlds import NOW_MS

ISSUER = "https://id.example.gov.cn"
NOW_S = NOW_MS // 1000
KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
STRANGER = ec.generate_private_key(ec.SECP256R1())
_TO_JWK: dict[str, Any] = {"RS256": RSAAlgorithm.to_jwk, "ES256": ECAlgorithm.to_jwk, "EdDSA": OKPAlgorithm.to_jwk}
JWKS = json.dumps(
    {"keys": [{**json.loads(_TO_JWK[alg](k.public_key())), "kid": alg, "alg": alg} for alg, k in KEYS.items()]}
)


def set_up(data: Path) -> Provider:
    data.mkdir(exist_ok=True)
    (data / "jwks.json").write_text(JWKS)
    (data / "oidc.toml").write_text(f'issuer = "{ISSUER}"\naudience = "fusioncmd"\njwks = "jwks.json"\n')
    provider = provider_in(data)
    assert provider is not None
    return provider


def token(alg: str = "ES256", key: Any = None, headers: dict[str, Any] | None = None, **changes: Any) -> str:
    claims = {"iss": ISSUER, "aud": "fusioncmd", "sub": "c-1", "iat": NOW_S, "exp": NOW_S + 300, "nonce": "n1"}
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(claims, key or KEYS[alg], algorithm=alg, headers={"kid": alg} | (headers or {}))


@pytest.mark.parametrize("alg", KEYS)
def test_a_token_of_the_provider_names_its_subject_once(alg: str, tmp_path: Path) -> None:
    provider, given = set_up(tmp_path), token(alg)
    assert provider.subject_of(given, "n1", NOW_S) == "c-1"
    with pytest.raises(Forbidden, match="used already"):
        provider.subject_of(given, "n1", NOW_S + 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example"}, {"iss": None}, {"aud": "another"}, {"aud": None}, {"sub": None},
        {"sub": ""}, {"exp": NOW_S - 61}, {"exp": None}, {"iat": NOW_S + 61}, {"iat": None}, {"nbf": NOW_S + 61},
        {"nonce": "n2"}, {"nonce": None}, {"key": STRANGER}, {"headers": {"kid": "RS256"}},
        {"headers": {"kid": "none"}},
    ],
    ids=lambda changes: repr(changes).replace(repr(STRANGER), "stranger"),
)  # fmt: skip
def test_a_token_of_which_anything_does_not_fit_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(Forbidden, match="The token is not taken"):
        set_up(tmp_path).subject_of(token(**changes), "n1", NOW_S)


def signed_with_what_is_public(secret: str) -> str:
    """HS256, keyed with the provider's public key as it stands in the JWKS."""
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "ES256"}, {"sub": "c-1", "exp": NOW_S})]
    said = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    tag = base64.urlsafe_b64encode(hmac.digest(secret.encode(), said, "sha256")).rstrip(b"=")
    return (said + b"." + tag).decode()


def test_no_algorithm_is_talked_down(tmp_path: Path) -> None:
    provider = set_up(tmp_path)
    secret = json.dumps(json.loads(JWKS)["keys"][1])
    head, body, _ = token().split(".")
    unsigned = jwt.encode({"sub": "c-1"}, "", algorithm="none").split(".")[0]
    forged = [
        f"{unsigned}.{body}.", f"{head}.{body}.", jwt.encode({"sub": "c-1"}, "x" * 64, "HS256", {"kid": "ES256"}),
        signed_with_what_is_public(secret), "", "a.b.c", "noise",
        token("RS256", headers={"kid": "EdDSA"}),
    ]  # fmt: skip
    for given in forged:
        with pytest.raises(Forbidden):
            provider.subject_of(given, "n1", NOW_S)


@pytest.mark.parametrize("content", ["issuer = 3", "noise", 'issuer = "a"\naudience = "b"\njwks = "none.json"\n'])
def test_settings_that_say_nothing_sensible_stop_the_node(content: str, tmp_path: Path) -> None:
    assert provider_in(tmp_path) is None
    (tmp_path / "oidc.toml").write_text(content)
    with pytest.raises(Unavailable, match="cannot be used"):
        provider_in(tmp_path)
    set_up(tmp_path)
    (tmp_path / "jwks.json").write_text('{"keys": []}')
    with pytest.raises(Unavailable, match="no public keys"):
        provider_in(tmp_path)


async def test_an_account_is_found_by_what_the_provider_calls_its_person(tmp_path: Path) -> None:
    set_up(tmp_path)
    async with counter(tmp_path) as here:
        await here.add(password="", subject="c-1")
        made = await Commander(here.bus).ask(api.LoginByToken(token(), "n1"))
        assert (made.identity.name, made.identity.path) == ("chen", "4401")
        with pytest.raises(Forbidden, match="is wrong"):
            await Commander(here.bus).ask(api.LoginByToken(token(sub="c-2"), "n1"))
        await here.admin(api.ChangeAccount(name="chen", disabled=True))
        with pytest.raises(Forbidden, match="is wrong"):
            await Commander(here.bus).ask(api.LoginByToken(token(exp=NOW_S + 200), "n1"))


async def test_without_a_provider_no_token_is_taken(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        with pytest.raises(Forbidden, match="No identity provider"):
            await Commander(here.bus).ask(api.LoginByToken(token(), "n1"))
