"""Grants and chains: each step may only narrow, and one key's grants cannot be shown as another's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from fusioncmd import limits
from fusioncmd.errors import BadInput
from fusioncmd.trust import chains, grants
from fusioncmd.trust.chains import Anchors
from fusioncmd.trust.grants import Credential, Grant
from fusioncmd.trust.refusals import Untrusted
from loadtest.offices import BOTH, DAY_MS, NOW_MS, Offices, sign_grant

OFFICES = Offices(7)
CITY = OFFICES.city
WIDER: list[tuple[str, dict[str, Any]]] = [
    ("scope", {"path": "44"}), ("scope", {"path": "4406"}), ("scope", {"path": "440"}),
    ("validity", {"not_before_ms": CITY.grant.not_before_ms - 1}),
    ("validity", {"not_after_ms": CITY.grant.not_after_ms + 1}),
]  # fmt: skip


def prove(own: Credential, anchors: Anchors | None = None) -> chains.Chain:
    return (anchors or Anchors([OFFICES.root_grant])).prove(own.name, own.chain)


def reason_of(own: Credential, anchors: Anchors | None = None) -> str:
    with pytest.raises(Untrusted) as caught:
        prove(own, anchors)
    return caught.value.reason


def test_a_chain_leads_from_the_root_to_the_key() -> None:
    own = OFFICES.people["actual", "Chen Wei"]
    chain = prove(own)
    assert [g.holder for g in chain.grants] == ["Province Root", "Provincial Office", "Guangzhou Office", "Chen Wei"]
    assert chain.leaf == own.grant and chain.name == own.name
    assert chain.starts_with(prove(CITY)) and not prove(CITY).starts_with(chain)


def test_the_root_alone_is_a_chain() -> None:
    assert prove(OFFICES.root).leaf == OFFICES.root.grant


@pytest.mark.parametrize(("reason", "changes"), WIDER, ids=str)
def test_what_is_wider_is_neither_granted_nor_believed(reason: str, changes: dict[str, Any]) -> None:
    good = {"statuses": ("actual",), "purposes": ("issue",)} | changes
    if len(changes.get("path", "44")) in (2, 4):
        with pytest.raises(Untrusted) as caught:
            OFFICES.grant(CITY, "Chen Wei", **good)
        assert caught.value.reason == reason
        assert reason_of(OFFICES.forced(CITY, "Chen Wei", **good)) == reason
    else:  # no code at all
        assert reason_of(OFFICES.forced(CITY, "Chen Wei", **good)) == "bytes"


@pytest.mark.parametrize(
    ("reason", "above", "changes"),
    [
        ("mode", {"statuses": ("exercise",)}, {"statuses": ("actual",)}),
        ("mode", {"statuses": ("exercise",)}, {"statuses": BOTH}),
        ("purpose", {"purposes": ("issue", "node")}, {"purposes": ("approve",)}),
        ("delegation", {"may_delegate": False}, {}),
        ("delegation", {"may_delegate": False}, {"may_delegate": True}),
    ],
)
def test_a_narrow_office_grants_nothing_wider(reason: str, above: dict[str, Any], changes: dict[str, Any]) -> None:
    office = OFFICES.grant(CITY, "Office", **({"may_delegate": True} | above))
    with pytest.raises(Untrusted) as caught:
        OFFICES.grant(office, "Chen Wei", **changes)
    assert caught.value.reason == reason
    assert reason_of(OFFICES.forced(office, "Chen Wei", **changes)) == reason


@pytest.mark.parametrize("path", ["4401", "440106", "440106001", "440106001101"])
def test_a_grant_may_be_as_wide_as_the_one_above_or_narrower(path: str) -> None:
    end = {"not_before_ms": CITY.grant.not_before_ms, "not_after_ms": CITY.grant.not_after_ms}
    assert prove(OFFICES.grant(CITY, "Li Na", path=path, **end)).leaf.path == path


def test_a_chain_may_be_six_grants_long() -> None:
    own = OFFICES.root
    for n in range(limits.CHAIN_GRANTS_MAX):
        own = OFFICES.grant(own, f"Office {n}", may_delegate=True, statuses=BOTH)
    assert len(prove(own).grants) == limits.CHAIN_GRANTS_MAX + 1
    with pytest.raises(Untrusted) as caught:
        OFFICES.grant(own, "one more")
    assert caught.value.reason == "chain"


@pytest.mark.parametrize(
    "change", [{"path": "44"}, {"may_delegate": True}, {"holder": "Governor"}, {"not_after_ms": NOW_MS + 10**12}]
)
def test_an_edited_grant_loses_its_signature(change: dict[str, Any]) -> None:
    own = OFFICES.people["actual", "Chen Wei"]
    body = grants.encode(replace(own.grant, **change))
    chain = (*own.chain[:-1], grants.SignedGrant(body, own.chain[-1].signature))
    assert reason_of(Credential(own.signer, own.grant, grants.name_of(body), chain)) == "signature"


def test_a_chain_in_another_order_or_incomplete_proves_nothing() -> None:
    own = OFFICES.people["actual", "Chen Wei"]
    first, second, third = own.chain
    for chain, reason in (
        ((first, third), "chain"), ((second, third), "root"), ((first, third, second), "chain"),
        ((first, first, second, third), "chain"), ((first, second, third, third), "chain"), ((first, second), "chain"),
        ((), "root"), ((third,), "root"), ((second, first, third), "root"),
    ):  # fmt: skip
        assert reason_of(Credential(own.signer, own.grant, own.name, chain)) == reason


def test_a_grant_cannot_be_moved_below_another_key() -> None:
    """Signed by the city's key, but shown below the province: its body names the city's grant."""
    own = OFFICES.people["actual", "Chen Wei"]
    chain = (OFFICES.province.chain[0], own.chain[2])
    assert reason_of(Credential(own.signer, own.grant, own.name, chain)) == "chain"


def test_a_key_is_not_granted_anew_by_itself() -> None:
    assert reason_of(OFFICES.forced(CITY, "Guangzhou Office", CITY.signer, statuses=("actual",))) == "key"


def test_another_provinces_root_is_not_believed() -> None:
    stranger = Offices(8)
    assert reason_of(stranger.city) == "root"
    assert reason_of(stranger.root) == "root"
    assert prove(stranger.city, stranger.anchors).leaf.path == "4401"


def test_while_a_root_is_replaced_both_are_believed() -> None:
    old, new = Offices(1), Offices(2)
    both = Anchors([old.root_grant, new.root_grant])
    assert prove(old.city, both).grants[0] != prove(new.city, both).grants[0]
    assert reason_of(old.city, Anchors([new.root_grant])) == "root"
    assert {root.name for root in both.roots} == {old.root.name, new.root.name}


def test_a_root_has_to_have_its_key_in_hand_and_nothing_above_it() -> None:
    bad = msgspec.structs.replace(OFFICES.root_grant, signature=bytes(64))
    for roots, reason in (([bad], "signature"), ([CITY.chain[0]], "root")):
        with pytest.raises(Untrusted) as caught:
            Anchors(roots)
        assert caught.value.reason == reason
    powerless = replace(OFFICES.root.grant, may_delegate=False)
    with pytest.raises(Untrusted, match="root"):
        Anchors([sign_grant(powerless, OFFICES.root.signer)])


@pytest.mark.parametrize("count", [0, limits.ROOTS_MAX + 1])
def test_there_are_one_to_eight_roots(count: int) -> None:
    with pytest.raises(BadInput, match="One to 8"):
        Anchors([Offices(n).root_grant for n in range(count)])


@pytest.mark.parametrize(
    "change",
    [
        {"purposes": ()}, {"statuses": ()}, {"purposes": ("node", "issue")}, {"statuses": ("exercise", "actual")},
        {"purposes": ("issue", "issue")}, {"not_before_ms": NOW_MS, "not_after_ms": NOW_MS}, {"holder": ""},
        {"holder": "Chen\nWei"}, {"holder": "a\u202eb"}, {"holder": "x" * 65}, {"path": "4401\n"}, {"path": "４４"},
        {"path": ""}, {"key": b""}, {"above": b"short"}, {"algorithm": ""}, {"statuses": ("test",)},
        {"purposes": ("everything",)}, {"not_before_ms": -1},
    ],
    ids=str,
)  # fmt: skip
def test_a_grant_that_makes_no_sense_is_refused_however_it_is_signed(change: dict[str, Any]) -> None:
    body = grants._form.encode(replace(OFFICES.people["actual", "Chen Wei"].grant, **change))
    with pytest.raises(Untrusted) as caught:
        grants.decode(body)
    assert caught.value.reason == "bytes"


def test_a_grant_has_one_spelling() -> None:
    body = OFFICES.city.chain[-1].body
    fields = msgspec.msgpack.decode(body)
    for other in (
        msgspec.msgpack.encode([*fields, 1]),
        body + b"\xc0",
        msgspec.msgpack.encode(["grant.2", *fields[1:]]),
    ):
        with pytest.raises(Untrusted):
            grants.decode(other)
    assert grants.encode(grants.decode(body)) == body


def test_a_grant_that_is_too_long_is_refused() -> None:
    with pytest.raises(Untrusted) as caught:
        grants.decode(bytes(limits.GRANT_BYTES_MAX + 1))
    assert caught.value.reason == "size"


def test_the_longest_grant_fits() -> None:
    longest = Grant(
        above=bytes(16), holder="𠀀" * limits.ISSUER_CHARS_MAX, purposes=("approve", "issue", "node"),
        path="440106001101", statuses=BOTH, may_delegate=True, not_before_ms=(1 << 48) - 1, not_after_ms=1 << 48,
        algorithm="a" * 16, key=bytes(limits.PUBLIC_KEY_BYTES_MAX),
    )  # fmt: skip
    assert grants.decode(grants.encode(longest)) == longest


def test_a_weak_key_is_neither_granted_nor_believed() -> None:
    weak = replace(OFFICES.people["actual", "Chen Wei"].grant, key=b"\1" + bytes(31))
    with pytest.raises(Untrusted) as caught:
        grants.issue(CITY, weak)
    assert caught.value.reason == "key"


def test_a_credential_is_of_the_key_that_was_granted() -> None:
    with pytest.raises(Untrusted) as caught:
        grants.credential(OFFICES.signer(), CITY.chain)
    assert caught.value.reason == "key"
    assert grants.credential(CITY.signer, CITY.chain) == CITY


def test_a_grant_is_issued_below_its_own_grantor_only() -> None:
    below_province = OFFICES.draft(OFFICES.province, "Li Na", OFFICES.signer())
    with pytest.raises(Untrusted) as caught:
        grants.issue(CITY, below_province)
    assert caught.value.reason == "chain"


def test_what_was_proved_is_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "CHAINS_KNOWN_MAX", 2)
    anchors = Anchors([OFFICES.root_grant])
    people = [OFFICES.grant(CITY, f"Officer {n}", not_after_ms=NOW_MS + DAY_MS) for n in range(3)]
    first = prove(people[0], anchors)
    assert prove(people[0], anchors) is first
    prove(people[1], anchors)
    prove(people[2], anchors)
    assert len(anchors._known) == 2
    assert prove(people[0], anchors) == first and prove(people[0], anchors) is not first


def test_what_was_refused_is_not_remembered() -> None:
    anchors = Anchors([OFFICES.root_grant])
    assert reason_of(Offices(9).city, anchors) == "root"
    assert not anchors._known
