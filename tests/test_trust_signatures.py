"""Signatures hold for their bytes, purpose, grant and key alone; keys that would let everything hold are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd.trust import signatures
from fusioncmd.trust.refusals import REASONS, Untrusted, refusal
from fusioncmd.trust.signatures import ED25519, Purpose, load, signed_bytes, signer, verify
from loadtest.forged_grants import WEAK_KEYS

SIGNER = signer(bytes(range(32)))
BY = bytes(16)


def reason_of(call: object, *arguments: object) -> str:
    with pytest.raises(Untrusted) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.reason


def test_rfc_8032_signs_the_same() -> None:
    """Section 7.1, test 1: our key from its seed, and the empty message."""
    key = signer(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert key.public.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.raw(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe"
        "24655141438e7a100b"
    )


@given(st.binary(max_size=300), st.sampled_from(["grant", "issue", "approve", "node", "revoke", "heartbeat"]))
def test_what_is_signed_holds(body: bytes, purpose: Purpose) -> None:
    verify(ED25519, SIGNER.public, SIGNER.sign(purpose, BY, body), purpose, BY, body)


@pytest.mark.parametrize(
    ("purpose", "by", "body"), [("approve", BY, b"body"), ("issue", b"\1" + BY[1:], b"body"), ("issue", BY, b"bodY")]
)
def test_a_signature_is_none_for_another_purpose_grant_or_body(purpose: Purpose, by: bytes, body: bytes) -> None:
    signature = SIGNER.sign("issue", BY, b"body")
    assert reason_of(verify, ED25519, SIGNER.public, signature, purpose, by, body) == "signature"
    other = signer(bytes(32))
    assert reason_of(verify, ED25519, other.public, signature, "issue", BY, b"body") == "signature"


@given(st.integers(0, 511))
def test_a_signature_with_one_bit_changed_does_not_hold(bit: int) -> None:
    changed = bytearray(SIGNER.sign("issue", BY, b"body"))
    changed[bit // 8] ^= 1 << bit % 8
    assert reason_of(verify, ED25519, SIGNER.public, bytes(changed), "issue", BY, b"body") == "signature"


@pytest.mark.parametrize("size", [0, 31, 32, 63, 65, 128])
def test_a_signature_of_another_length_does_not_hold(size: int) -> None:
    signature = (SIGNER.sign("issue", BY, b"body") * 2)[:size]
    assert reason_of(verify, ED25519, SIGNER.public, signature, "issue", BY, b"body") == "signature"


@pytest.mark.parametrize("key", WEAK_KEYS, ids=lambda key: key.hex()[:8] + key.hex()[-2:])
def test_a_weak_or_misspelled_key_is_refused(key: bytes) -> None:
    assert reason_of(load, ED25519, key) == "key"


def test_without_our_check_one_signature_would_fit_every_order_of_a_weak_key() -> None:
    """Why the check is there: the library takes the key, and the signature for whatever was signed."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    fits_all = (1).to_bytes(32, "little") + bytes(32)
    for key in (WEAK_KEYS[0], WEAK_KEYS[8]):
        for body in (b"exercise", b"actual"):
            Ed25519PublicKey.from_public_bytes(key).verify(fits_all, signed_bytes("issue", BY, body))


def test_the_weak_keys_are_all_the_points_of_small_order() -> None:
    """On -x² + y² = 1 + d·x²·y² (RFC 8032, 5.1): doubling any of them thrice gives the identity, (0, 1)."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    root = pow(2, (p - 1) // 4, p)
    for y in signatures._SMALL_ORDER:
        square = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
        x = pow(square, (p + 3) // 8, p)
        x = x if x * x % p == square else x * root % p
        assert x * x % p == square
        point = (x, y)
        for _ in range(3):
            a, b = point
            t = d * a * a * b * b
            point = (2 * a * b * pow(1 + t, -1, p) % p, (b * b + a * a) * pow(1 - t, -1, p) % p)
        assert point == (0, 1)
    assert len(signatures._SMALL_ORDER) == 5


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_length_is_refused(size: int) -> None:
    assert reason_of(load, ED25519, (SIGNER.public * 2)[:size]) == "key"


def test_an_algorithm_that_is_not_known_is_refused() -> None:
    assert reason_of(load, "sm2", SIGNER.public) == "algorithm"
    assert reason_of(signer, bytes(32), "none") == "algorithm"
    assert reason_of(verify, "none", SIGNER.public, b"", "issue", BY, b"") == "algorithm"


def test_a_second_algorithm_is_one_line_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(signatures.ALGORITHMS, "other", signatures.ALGORITHMS[ED25519])
    key = signer(bytes(32), "other")
    verify("other", key.public, key.sign("issue", BY, b"body"), "issue", BY, b"body")


def test_a_private_key_is_not_shown() -> None:
    assert bytes(range(32)).hex() not in repr(SIGNER)
    assert SIGNER.public.hex() in repr(SIGNER)


def test_every_refusal_says_so_in_both_languages() -> None:
    said = [(refusal(reason).en, refusal(reason).zh) for reason in REASONS]
    assert len({en for en, _ in said}) == len({zh for _, zh in said}) == len(REASONS)
    assert all(en.endswith(".") and en.isascii() and zh.endswith("。") for en, zh in said)
