"""A further algorithm is one entry: the envelope names it, and an order, its bytes and its rules stay as they are.

The toy here signs nothing: whoever knows the public key can. It stands for SM2 with SM3.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import pytest
from cryptography.exceptions import InvalidSignature

from fusioncmd.messages import encode
from fusioncmd.trust import grants, heartbeats, seals, signatures, witnesses
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.revocations import Revocations, revoke
from fusioncmd.trust.seals import SealedOrder
from fusioncmd.trust.signatures import Algorithm, Check, Signer
from loadtest.offices import BOTH, Offices
from tests.worlds import NOW_MS, make_order

TOY = "toy"


def _load(public: bytes) -> Check:
    def check(signature: bytes, body: bytes) -> None:
        if signature != sha256(public + body).digest():
            raise InvalidSignature

    return check


def _signer(seed: bytes) -> Signer:
    public = sha256(seed).digest()
    return Signer(TOY, public, lambda body: sha256(public + body).digest())


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(signatures.ALGORITHMS, TOY, Algorithm(_load, _signer))
    yield
    signatures.load.cache_clear()


def granted(
    offices: Offices, above: Credential, holder: str, purposes: tuple[str, ...], mode: tuple[str, ...]
) -> Credential:
    own = signatures.signer(offices.rng.randbytes(32), TOY)
    draft = offices.draft(above, holder, own, purposes=purposes, statuses=mode)
    return grants.credential(own, (*above.chain, grants.issue(above, draft)))


def test_another_algorithm_is_named_by_the_envelope_and_nothing_else_changes(toy: None) -> None:
    offices = Offices(2)
    duty = granted(offices, offices.province, "duty", ("issue",), ("exercise",))  # below keys of Ed25519
    node = granted(offices, offices.province, "node", ("node",), BOTH)
    order, nothing = make_order(1), Revocations(offices.anchors)
    data = seals.seal(encode(order), duty)
    verified = seals.verify(data, offices.anchors, nothing, NOW_MS)
    assert (verified.order, verified.body) == (order, encode(order))
    assert [grant.algorithm for grant in verified.signer.grants] == ["ed25519", "ed25519", TOY]
    sealed = seals._form.decode(data)
    assert isinstance(sealed, SealedOrder) and sealed.seal.algorithm == TOY
    said = witnesses.accept(encode(order), b"numbers", node, NOW_MS)
    assert witnesses.accepted_ms(said, encode(order), b"numbers", offices.anchors, nothing, NOW_MS) == NOW_MS
    assert heartbeats.hear(heartbeats.beat(duty, NOW_MS), offices.anchors, nothing, NOW_MS)[1] == NOW_MS
    assert nothing.add(revoke(duty, duty.chain, NOW_MS))
    assert reason(data, offices, nothing) == "revoked"


@pytest.mark.parametrize(
    ("old", "new", "why"), [(b"\xa3toy", b"\xa3tox", "algorithm"), (b"duty", b"dutx", "signature")]
)
def test_what_is_changed_is_refused_with_it_too(toy: None, old: bytes, new: bytes, why: str) -> None:
    offices = Offices(2)
    duty = granted(offices, offices.province, "duty", ("issue",), ("exercise",))
    data = seals.seal(encode(make_order(1)), duty)
    assert reason(data.replace(old, new, 1), offices, Revocations(offices.anchors)) == why


def test_an_algorithm_that_is_not_known_here_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    offices = Offices(2)
    with monkeypatch.context() as known:
        known.setitem(signatures.ALGORITHMS, TOY, Algorithm(_load, _signer))
        data = seals.seal(encode(make_order(1)), granted(offices, offices.province, "duty", ("issue",), ("exercise",)))
    signatures.load.cache_clear()
    assert reason(data, offices, Revocations(offices.anchors)) == "algorithm"


def reason(data: bytes, offices: Offices, revocations: Revocations) -> str:
    with pytest.raises(Untrusted) as caught:
        seals.verify(data, offices.anchors, revocations, NOW_MS)
    return caught.value.reason
