"""Who is let onto a satellite link: by the keys of the trust issue, at both ends, with one sentence for both."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fusioncmd.errors import Problem
from fusioncmd.trust import link_keys, ring
from fusioncmd.trust.refusals import Untrusted
from gateways.satellite import identity
from gateways.satellite.classes import Class
from loadtest.offices import BOTH, DAY_MS, NOW_MS, Offices
from tests.satellite_link import HUB, KIT, KIT_NODE, OFFICES, World, exchange
from tests.satellite_link import identity as identity_of

YEAR_MS = 365 * DAY_MS
STRANGERS = Offices(99)


def refused(world: World) -> None:
    """Nobody is up, and each end says why in one sentence, in both languages."""
    world.start()
    world.run(for_s=8)
    assert not world.kit.up and world.kit_node.turns == [] and world.hub_node.turns == []
    assert world.kit.refused is not None
    for problem in (world.kit.refused, *world.hub_refused, *world.kit_refused):
        assert problem.en.isprintable() and problem.zh and problem.en != problem.zh
    assert 1 <= len(world.hub_refused) <= 2 and 1 <= len(world.kit_refused) <= 2


def test_a_hub_with_a_key_of_another_root_is_refused() -> None:
    stranger = STRANGERS.grant(STRANGERS.city, "Hub", purposes=("node",), statuses=BOTH)
    world = World(hub_identity=identity_of(HUB, stranger))
    refused(world)
    assert "goes back to a root key that is not trusted here" in world.kit_refused[0].en
    assert world.kit_refused[0].en in world.hub_refused[0].en
    assert "4401" in world.hub_refused[0].en


def test_a_hub_that_is_another_node_is_refused() -> None:
    """One that would let the kit in: it lies below it."""
    other = OFFICES.grant(OFFICES.province, "Other", purposes=("node",), path="44", statuses=BOTH)
    world = World(hub_identity=identity_of("44", other))
    refused(world)
    assert "This is 44, and not 4401." in world.kit_refused[0].en


def test_a_hub_that_was_revoked_is_refused() -> None:
    world = World()
    world.revoked_for_kit = {OFFICES.node.name}
    refused(world)
    assert "revoked" in world.kit_refused[0].en


def test_a_kit_of_another_root_is_refused() -> None:
    stranger = STRANGERS.grant(STRANGERS.city, "Kit", purposes=("node",), path=KIT, statuses=BOTH)
    world = World(kit_identity=identity_of(KIT, stranger))
    refused(world)
    assert KIT in world.hub_refused[0].en and world.hub_refused[0].en in world.kit_refused[0].en


def test_a_kit_from_another_branch_is_refused() -> None:
    other = OFFICES.grant(OFFICES.province, "Other", purposes=("node",), path="440206001", statuses=BOTH)
    world = World(kit_identity=identity_of("440206001", other))
    world.admitted.add("440206001")
    refused(world)
    assert "440206001 does not lie below 4401" in world.hub_refused[0].en


def test_a_kit_that_nobody_approved_is_refused_and_let_in_once_somebody_did() -> None:
    world = World()
    world.admitted.clear()
    refused(world)
    assert "has not approved" in world.hub_refused[0].en
    world.admitted.add(KIT)
    world.run(lambda: world.kit.up, 40)
    assert world.kit.refused is None


def test_a_kit_that_was_revoked_while_away_is_refused_when_it_returns_with_its_ticket() -> None:
    world = World()
    world.connect()
    world.cut(True)
    world.run(for_s=60)
    world.revoked = {KIT_NODE.name}
    world.hub.judge_again()
    world.kit = world.make_kit()
    world.kit_node.turns.clear()
    world.cut(False)
    assert world.ticket is not None
    world.kit.say(Class.ORDERS, exchange("from one who is revoked"))
    world.start()
    world.run(for_s=8)
    assert not world.kit.up and not world.hub_end.up
    assert world.hub_node.of(Class.ORDERS) == []
    assert world.kit.refused is not None and "revoked" in world.kit.refused.en and "撤销" in world.kit.refused.zh
    assert "revoked" in world.hub_refused[-1].en


def test_a_kit_that_was_revoked_in_an_outage_and_ran_on_is_told_when_the_link_is_back() -> None:
    """What the hub said to it then went into nothing."""
    world = World()
    world.connect()
    world.cut(True)
    world.run(for_s=60)
    world.revoked = {KIT_NODE.name}
    world.hub.judge_again()
    world.run(for_s=30)
    heard = len(world.hub_node.heard)
    world.kit.say(Class.ORDERS, exchange("from one who is revoked"))
    world.cut(False)
    world.run(lambda: world.kit.refused is not None, 20)
    assert "revoked" in world.kit.refused.en and "撤销" in world.kit.refused.zh  # type: ignore[union-attr]
    world.run(for_s=40)
    assert not world.kit.up and not world.hub_end.up and len(world.hub_node.heard) == heard


def test_a_kit_that_is_revoked_while_it_is_there_is_hung_up() -> None:
    world = World()
    world.connect()
    world.revoked = {KIT_NODE.name}
    world.hub.judge_again()
    world.run(lambda: not world.kit.up, 3)
    assert not world.hub_end.up and not world.kit.say(Class.ORDERS, b"") and world.kit.refused is not None


def test_a_hub_that_is_revoked_while_it_is_there_is_left() -> None:
    world = World()
    world.connect()
    world.revoked_for_kit = {OFFICES.node.name}
    world.run(lambda: not world.kit.up, 40)
    assert world.kit.refused is not None and "revoked" in world.kit.refused.en
    world.run(for_s=2)
    assert not world.hub_end.up and "revoked" in world.hub_refused[-1].en


@pytest.mark.parametrize("off_ms", [-2 * YEAR_MS, 2 * YEAR_MS])
def test_a_kit_whose_clock_is_two_years_off_connects_and_says_so(off_ms: int) -> None:
    world = World()
    world.kit_clock_ms = off_ms
    world.connect()
    facts = world.kit.facts()
    assert facts.clock_off_ms is not None and abs(facts.clock_off_ms + off_ms) < 2_000
    assert abs((world.hub_end.clock_off_ms or 0) - off_ms) < 2_000


def test_a_kit_whose_grant_has_run_out_is_refused_by_the_clock_of_the_hub() -> None:
    old = OFFICES.grant(
        OFFICES.city, "Kit", purposes=("node",), path=KIT, statuses=BOTH, not_before_ms=NOW_MS - 90 * DAY_MS,
        not_after_ms=NOW_MS - DAY_MS,
    )  # fmt: skip
    world = World(kit_identity=identity_of(KIT, old))
    world.kit_clock_ms = -30 * DAY_MS  # by which it is still good
    refused(world)
    assert "was valid" in world.hub_refused[0].en


def test_the_certificate_of_an_other_key_is_worth_nothing_to_who_copies_its_statement() -> None:
    """A statement names its key; in a certificate of another it is refused before anybody is asked."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    victim = x509.load_pem_x509_certificate(identity_of(KIT).certificate_pem)
    statement = link_keys.statement_in(victim)
    thief = Ed25519PrivateKey.generate()
    name = victim.subject
    forged = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(thief.public_key()).serial_number(1)
        .not_valid_before(link_keys.BEGINS).not_valid_after(link_keys.ENDS)
        .add_extension(x509.UnrecognizedExtension(link_keys.EXTENSION, statement), critical=False).sign(thief, None)
    )  # fmt: skip
    with pytest.raises(Untrusted):
        link_keys.statement_in(forged)


def test_the_folder_of_a_node_gets_a_link_key_once_and_a_certificate_at_each_start(tmp_path: Path) -> None:
    ring.make(ring.folder_of(tmp_path), "44", "Province", NOW_MS)
    link_keys.ensure_link_certificate(tmp_path, "44", NOW_MS)
    first = identity.load(tmp_path, "44")
    link_keys.ensure_link_certificate(tmp_path, "44", NOW_MS)
    again = identity.load(tmp_path, "44")
    assert again.key_pem == first.key_pem and again.certificate_pem != first.certificate_pem
    assert stat.S_IMODE((tmp_path / "satellite" / "link.key").stat().st_mode) == 0o600
    believes = identity.believes_of(tmp_path, lambda: NOW_MS)
    from cryptography import x509

    statement = link_keys.statement_in(x509.load_pem_x509_certificate(again.certificate_pem))
    assert identity.judge_hub(statement, believes, "44") == "44"
    with pytest.raises(Problem):
        link_keys.ensure_link_certificate(tmp_path, "4401", NOW_MS)
