"""A revoked key issues nothing more, whatever time its thief writes; and nobody revokes what stands beside or above."""

from __future__ import annotations

import random

import pytest

from fusioncmd import limits
from fusioncmd.trust import seals, statements
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.revocations import Revocation, Revocations, _form, revoke
from loadtest.offices import DAY_MS, NOW_MS, Offices

OFFICES = Offices(5)
ROOT, PROVINCE, CITY = OFFICES.root, OFFICES.province, OFFICES.city
CHEN, LI = OFFICES.people["actual", "Chen Wei"], OFFICES.people["actual", "Li Na"]
BEFORE_MS = NOW_MS - DAY_MS


def known(*statements: bytes) -> Revocations:
    revocations = Revocations(OFFICES.anchors)
    for statement in statements:
        assert revocations.add(statement)
    return revocations


def refused(data: bytes, revocations: Revocations, accepted_ms: int | None = None) -> bool:
    try:
        seals.verify(data, OFFICES.anchors, revocations, NOW_MS, accepted_ms)
    except Untrusted as problem:
        assert problem.reason == "revoked"
        return True
    return False


def reason_of(revocations: Revocations, statement: bytes) -> str:
    with pytest.raises(Untrusted) as caught:
        revocations.add(statement)
    return caught.value.reason


@pytest.mark.parametrize("by", [CHEN, CITY, PROVINCE, ROOT], ids=["itself", "city", "province", "root"])
def test_a_key_is_revoked_by_itself_and_by_those_above(by: Credential) -> None:
    revocations = known(revoke(by, CHEN.chain, NOW_MS))
    assert refused(OFFICES.sealed(CHEN), revocations)
    assert not refused(OFFICES.sealed(LI), revocations)


@pytest.mark.parametrize("ended", [PROVINCE, CITY], ids=["province", "city"])
def test_what_ends_above_ends_everything_below(ended: Credential) -> None:
    assert refused(OFFICES.sealed(CHEN), known(revoke(ROOT, ended.chain, NOW_MS)))


@pytest.mark.parametrize(("by", "target"), [(LI, CHEN), (CHEN, CITY), (CITY, PROVINCE)])
def test_nobody_revokes_beside_or_above(by: Credential, target: Credential) -> None:
    with pytest.raises(Untrusted) as caught:
        revoke(by, target.chain, NOW_MS)
    assert caught.value.reason == "scope"
    forged = statements.state("revoke", _form.encode(Revocation(NOW_MS, target.chain)), by)
    assert reason_of(known(), forged) == "scope"


def test_an_order_that_was_not_accepted_before_is_refused_whatever_time_it_names() -> None:
    """A thief dates it a minute before the revocation: nobody saw it then."""
    revocations = known(revoke(CITY, CHEN.chain, NOW_MS + DAY_MS))
    assert refused(OFFICES.sealed(CHEN), revocations)


def test_an_order_that_was_accepted_and_issued_before_the_end_stays_good() -> None:
    order = OFFICES.sealed(CHEN)
    issued_ms = seals.verify(order, OFFICES.anchors, known(), NOW_MS).order.issued_ms
    revocations = known(revoke(CITY, CHEN.chain, NOW_MS))
    assert not refused(order, revocations, accepted_ms=NOW_MS - 1)
    assert refused(order, revocations, accepted_ms=NOW_MS)
    assert refused(order, revocations)
    assert refused(order, known(revoke(CITY, CHEN.chain, issued_ms)), accepted_ms=issued_ms - 1)


def test_an_order_is_refused_when_its_approver_is_revoked() -> None:
    data = OFFICES.sealed(CHEN, LI)
    assert not refused(data, known())
    assert refused(data, known(revoke(CITY, LI.chain, NOW_MS)))


def test_a_key_that_revokes_itself_ends_in_every_grant() -> None:
    second = OFFICES.forced(CITY, "Chen Wei", CHEN.signer, statuses=("actual",), purposes=("issue",))
    assert refused(OFFICES.sealed(second), known(revoke(CHEN, CHEN.chain, NOW_MS)))
    assert not refused(OFFICES.sealed(second), known(revoke(CITY, CHEN.chain, NOW_MS)))


def test_a_lower_office_cannot_end_a_higher_key_by_granting_and_revoking_it() -> None:
    """It grants the provincial office's public key below itself, and revokes that grant."""
    decoy = OFFICES.forced(CITY, "Provincial Office", PROVINCE.signer, statuses=("actual",))
    forged = statements.state("revoke", _form.encode(Revocation(0, decoy.chain)), CITY)
    revocations = known()
    assert reason_of(revocations, forged) == "key"  # such a chain holds a key twice
    stranger = OFFICES.grant(PROVINCE, "Foshan Office", path="4406", may_delegate=True)
    other_decoy = OFFICES.forced(stranger, "Chen Wei", CHEN.signer, statuses=("actual",))
    assert revocations.add(revoke(stranger, other_decoy.chain, 0))
    assert not refused(OFFICES.sealed(CHEN), revocations)


def test_a_revocation_is_signed_for_that_purpose_by_a_known_root() -> None:
    body = _form.encode(Revocation(NOW_MS, CHEN.chain))
    assert reason_of(known(), statements.state("node", body, CITY)) == "signature"
    stranger = Offices(6)
    assert reason_of(known(), revoke(stranger.city, stranger.people["actual", "Li Na"].chain, 0)) == "root"
    assert reason_of(known(), statements.state("revoke", _form.encode(Revocation(NOW_MS, ())), ROOT)) == "chain"
    assert reason_of(known(), b"noise") == "bytes"


def test_a_revocation_cannot_be_changed() -> None:
    made = revoke(CITY, CHEN.chain, NOW_MS)
    rng = random.Random(1)
    for _ in range(300):
        changed = bytearray(made)
        bit = rng.randrange(len(made) * 8)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Untrusted):
            known().add(bytes(changed))


def test_nodes_that_exchange_what_they_hold_come_to_hold_the_same() -> None:
    made = [
        revoke(by, target.chain, since_ms)
        for by, target in ((CITY, CHEN), (CHEN, CHEN), (PROVINCE, LI), (ROOT, CITY), (CITY, LI), (LI, LI))
        for since_ms in (BEFORE_MS, NOW_MS, NOW_MS + DAY_MS)
    ]
    rng = random.Random(2)
    held = []
    for _ in range(6):
        rng.shuffle(made)
        one, other = Revocations(OFFICES.anchors), Revocations(OFFICES.anchors)
        one.update(made[:9])
        other.update(made[9:])
        assert one.update(other.statements)[1] == other.update(one.statements)[1] == []
        assert one.statements == other.statements
        assert one.update(other.statements) == (0, [])
        held.append((one.statements, one.since_ms(OFFICES.anchors.prove(CHEN.name, CHEN.chain))))
    assert len(set(held)) == 1
    assert held[0][1] == BEFORE_MS


def test_the_earliest_end_counts() -> None:
    chain = OFFICES.anchors.prove(CHEN.name, CHEN.chain)
    revocations = known(revoke(CITY, CHEN.chain, NOW_MS))
    assert not revocations.add(revoke(CITY, CHEN.chain, NOW_MS + 1))
    assert revocations.add(revoke(CITY, CHEN.chain, BEFORE_MS))
    assert not revocations.add(revoke(CITY, CHEN.chain, BEFORE_MS))
    assert (revocations.since_ms(chain), len(revocations.statements)) == (BEFORE_MS, 1)
    assert revocations.since_ms(OFFICES.anchors.prove(LI.name, LI.chain)) is None


def test_one_bad_statement_keeps_no_other_out() -> None:
    new, problems = known().update([b"noise", revoke(CITY, CHEN.chain, NOW_MS), b""])
    assert (new, [p.reason for p in problems]) == (1, ["bytes", "bytes"])


def test_an_office_fills_its_own_share_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REVOCATIONS_PER_BRANCH_MAX", 2)
    other = OFFICES.grant(ROOT, "Reserve Office", may_delegate=True)
    revocations = known(revoke(CHEN, CHEN.chain, NOW_MS), revoke(CITY, LI.chain, NOW_MS))
    assert reason_of(revocations, revoke(PROVINCE, CITY.chain, NOW_MS)) == "full"
    assert revocations.add(revoke(CITY, LI.chain, BEFORE_MS))  # no further one
    assert revocations.add(revoke(other, OFFICES.grant(other, "Wang Fang").chain, NOW_MS))
    assert revocations.add(revoke(ROOT, PROVINCE.chain, NOW_MS))
