"""Keys asked for, granted, taken: private keys stay where they are, and nothing is granted that was not asked for."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fusioncmd import limits
from fusioncmd.errors import BadInput, Conflict, NotFound
from fusioncmd.trust import handing, keyfile, requests, ring
from fusioncmd.trust.expiry import DAY_MS
from fusioncmd.trust.handing import Terms
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.requests import Granted, Request
from fusioncmd.trust.revocations import Revocations, revoke
from loadtest.offices import Offices
from tests.worlds import NOW_MS

CITY = Terms("4401", ring.BOTH, (), False, 365 * DAY_MS)


class Desks:
    """The office that grants, and Chen Wei who asks."""

    def __init__(self, folder: Path) -> None:
        self.office, self.mine = folder / "office", folder / "mine"
        ring.make(self.office, "44", "广东省", NOW_MS)
        self.root = handing.signer_of(self.office, "root")

    def ask(self, holder: str = "Chen Wei", both_in_one: bool = False) -> Request:
        return handing.ask_for(self.mine, handing.OWN, holder, both_in_one)[1]

    def grant(self, request: Request, terms: Terms = CITY, by: str = "root") -> Granted:
        return handing.grant(self.office, request, handing.signer_of(self.office, by), terms, NOW_MS)


@pytest.fixture
def desks(tmp_path: Path) -> Desks:
    return Desks(tmp_path)


def reason_of(call: object, *arguments: object) -> str:
    with pytest.raises(Untrusted) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.reason


def test_what_is_asked_for_is_granted_taken_and_used(desks: Desks) -> None:
    granted = requests.read_granted(msgspec.json.encode(desks.grant(desks.ask())))
    with pytest.raises(NotFound, match="no key for exercise orders"):  # asked for, not yet granted
        ring.own_key(desks.mine, "exercise", NOW_MS)
    assert handing.take(desks.mine, granted) == ["own.actual", "own.exercise"]
    assert handing.take(desks.mine, granted) == ["own.actual", "own.exercise"]  # once more: no harm
    for status in ring.BOTH:
        own = ring.own_key(desks.mine, status, NOW_MS)
        assert (own.grant.holder, own.grant.path, own.grant.statuses) == ("Chen Wei", "4401", (status,))
        assert own.grant.not_after_ms == NOW_MS + 365 * DAY_MS and not own.grant.may_delegate
    assert ring.anchors(desks.mine).roots == ring.anchors(desks.office).roots
    assert not list(desks.office.rglob("own*.key"))
    assert {name for name, _ in handing.find_grants(desks.office, "Chen Wei")} == {
        chain.name.hex() for chain in requests.prove(granted)
    }


def test_a_key_is_never_granted_twice(desks: Desks) -> None:
    request = desks.ask()
    desks.grant(request)
    with pytest.raises(Untrusted, match="was granted to Chen Wei already"):
        desks.grant(request)
    other = Request("Li Na", (requests.wanted("Li Na", ("actual",), keyfile.read_key(desks.mine / "own.actual.key")),))
    with pytest.raises(Untrusted, match="was granted to Chen Wei already"):
        desks.grant(other)


def test_a_request_for_a_key_that_its_maker_has_not_is_refused(desks: Desks) -> None:
    request = desks.ask()
    for stolen in (
        msgspec.structs.replace(request, holder="Li Na"),
        msgspec.structs.replace(request, keys=(msgspec.structs.replace(request.keys[0], statuses=("exercise",)),)),
        msgspec.structs.replace(request, keys=(msgspec.structs.replace(request.keys[0], key=desks.root.grant.key),)),
    ):
        assert reason_of(requests.read_request, msgspec.json.encode(stolen)) == "signature"
    for noise in (b"", b"{}", msgspec.json.encode(request)[:-9]):
        assert reason_of(requests.read_request, noise) == "bytes"
        assert reason_of(requests.read_granted, noise) == reason_of(requests.read_ends, noise) == "bytes"


def test_a_grant_only_narrows(desks: Desks) -> None:
    granted = desks.grant(desks.ask(), CITY)
    assert reason_of(desks.grant, desks.ask(), CITY, "office.actual") == "delegation"
    office = Terms("4401", ring.BOTH, ("issue", "approve"), True, 30 * DAY_MS)
    _, request = handing.ask_for(desks.office, "city", "Guangzhou", both_in_one=True)
    handing.take(desks.office, desks.grant(request, office))
    assert reason_of(desks.grant, desks.ask(), Terms("44", ring.BOTH, (), False, DAY_MS), "city") == "scope"
    assert reason_of(desks.grant, desks.ask(), Terms("4401", ring.BOTH, ("node",), False, DAY_MS), "city") == "purpose"
    below = desks.grant(desks.ask("Li Na"), CITY, "city")
    chain = requests.prove(below)[0]
    assert [grant.holder for grant in chain.grants] == ["广东省", "Guangzhou", "Li Na"]
    assert chain.leaf.not_after_ms == NOW_MS + 30 * DAY_MS  # no longer than the key above
    assert len(granted.chains) == 2
    only = desks.grant(desks.ask("Wu Min"), Terms("4401", ("exercise",), (), False, DAY_MS))
    assert [c.leaf.statuses for c in requests.prove(only)] == [("exercise",)]
    with pytest.raises(BadInput, match="signs no orders"):
        desks.grant(desks.ask("Node", both_in_one=True))


def test_what_does_not_belong_together_is_not_taken_and_nothing_is_changed(desks: Desks, tmp_path: Path) -> None:
    granted = desks.grant(desks.ask())
    with pytest.raises(Untrusted, match="The private key that this was granted to"):
        handing.take(tmp_path / "elsewhere", granted)
    stranger = Offices(7)
    ring_of_others = tmp_path / "others"
    keyfile.write_grants(ring_of_others / "anchors" / "root.grants", (stranger.root_grant,))
    with pytest.raises(Untrusted, match="another root key"):
        handing.take(ring_of_others, granted)
    assert reason_of(handing.take, desks.mine, Granted(stranger.root_grant, granted.chains)) == "root"
    assert not list(desks.mine.rglob("*.grants"))
    keyfile.write_grants(desks.mine / "own.actual.grants", granted.chains[1])
    with pytest.raises(Conflict, match="with another grant"):
        handing.take(desks.mine, granted)
    assert not (desks.mine / "own.exercise.grants").exists()


def test_a_key_that_was_revoked_from_here_signs_nothing_here(desks: Desks) -> None:
    handing.take(desks.mine, desks.grant(desks.ask()))
    own = ring.own_key(desks.mine, "actual", NOW_MS)
    for _ in range(2):
        handing.keep_end(desks.mine, revoke(own, own.chain, NOW_MS))
    assert handing.kept_ends(desks.mine) == [revoke(own, own.chain, NOW_MS)]
    with pytest.raises(NotFound, match="is revoked"):
        ring.own_key(desks.mine, "actual", NOW_MS)
    ring.own_key(desks.mine, "exercise", NOW_MS)


def test_an_end_is_set_earlier_only_so_often() -> None:
    offices = Offices(3)
    chen = offices.people["actual", "Chen Wei"]
    known = Revocations(offices.anchors)
    for n in range(limits.REVOCATION_REDATED_MAX + 1):
        assert known.add(revoke(chen, chen.chain, NOW_MS - n))
    assert reason_of(known.add, revoke(chen, chen.chain, NOW_MS - 99)) == "full"
    assert known.add(revoke(offices.root, chen.chain, NOW_MS - 99))  # and those above are not kept out
