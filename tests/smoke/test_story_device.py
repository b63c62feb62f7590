"""A phone's life: a code, an enrolment, an order, a renewal; it is lost, revoked, and comes in nowhere again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fusioncmd import devices, terminal
from fusioncmd.terminal import Close, Enrol, Enrolled, Renew, Ticketed
from fusioncmd.trust.grants import decode
from tests.phones import Phone
from tests.smoke.handset import Closed, Handset
from tests.tier_process import TierProcess

CLOSED_S_MAX = 10.0  # what is promised is a minute


class Owner:
    """A person with a phone, who has been given a code."""

    def __init__(self, tier: TierProcess, n: int, code: str) -> None:
        self.tier, self.phone, self.code = tier, Phone(n), devices.code_from_text(code)
        self.number, self.device, self.ticket, self.roots = -1, b"", b"", ()
        self.made: list[Handset] = []

    def connect(self, way: Any) -> Handset:
        self.made.append(Handset(self.tier.terminals, way))
        return self.made[-1]

    def enrol(self, handset: Handset) -> bytes:
        proof = self.phone.enrol_proof(self.code)
        handset.say(Enrol(terminal.VERSION, self.code, "ed25519", self.phone.public, proof))
        new = handset.hear(Enrolled)
        self.number, self.device, self.ticket = new.number, new.device, new.ticket
        assert [decode(root.body).above for root in new.roots] == [bytes(16)]
        return new.ticket

    def renew(self, handset: Handset) -> bytes:
        at_ms = int(time.time() * 1000)
        proof = self.phone.renew_proof(self.number, self.device, at_ms)
        handset.say(Renew(terminal.VERSION, self.number, self.device, at_ms, proof))
        return handset.hear(Ticketed).ticket


def refused(owner: Owner, way: Any) -> int:
    with pytest.raises(Closed) as closed:
        owner.connect(way)
    return closed.value.code


@pytest.fixture
def people(flood: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return flood[10:]


@pytest.fixture
def owners(tier: TierProcess) -> Iterator[list[Owner]]:
    made: list[Owner] = []
    yield made
    for owner in made:
        for one in owner.made:
            one.__exit__(None, None, None)


def test_a_phone_is_enrolled_called_renewed_lost_and_never_let_in_again(
    tier: TierProcess, people: list[dict[str, Any]], owners: list[Owner]
) -> None:
    made = tier.ask("devices", "code", "--id", people[0]["id"])
    owner = Owner(tier, 1, made["code"])
    owners.append(owner)
    handset = owner.connect(owner.enrol)
    assert handset.number == people[0]["number"] == made["number"]

    finder = Owner(tier, 2, made["code"])
    assert refused(finder, finder.enrol) == Close.NOT_ENROLLED

    tier.ask("call", "--to", "4401", "--role", "flood", "--text", "To the dyke.", "--answer", "here", "--exercise")
    order = handset.order("To the dyke.")
    assert handset.answer(order, "here").order == order.id

    assert owner.renew(handset)  # while connected
    listed = tier.ask("devices", "list", "--id", people[0]["id"])["devices"]
    assert [(line["device"], line["lost_ms"]) for line in listed] == [(owner.device.hex(), None)]

    # The phone is found by somebody who copies all of it; two of these connect, to whichever gateway has them.
    began_s = time.monotonic()
    assert tier.ask("devices", "revoke", "--device", owner.device.hex())["devices"][0]["lost_ms"]
    with pytest.raises(Closed) as closed:
        handset.hear(Ticketed)
    assert closed.value.code == Close.LOST_DEVICE
    assert time.monotonic() - began_s < CLOSED_S_MAX
    for way in (owner.ticket, owner.renew, owner.enrol) * 3:  # at both gateways
        assert refused(owner, way) == Close.LOST_DEVICE


def test_it_is_revoked_at_every_gateway_and_after_a_restart_of_all(
    tier: TierProcess, people: list[dict[str, Any]], owners: list[Owner]
) -> None:
    """Many phones, so that both gateway processes have some."""
    for n, person in enumerate(people[1:13]):
        owners.append(Owner(tier, 100 + n, tier.ask("devices", "code", "--number", person["number"])["code"]))
        owners[-1].connect(owners[-1].enrol)
    for owner in owners[1:]:
        tier.ask("devices", "revoke", "--number", owner.number)
    for owner in owners[1:]:
        with pytest.raises(Closed) as closed:
            owner.made[0].hear(Ticketed)
        assert closed.value.code == Close.LOST_DEVICE
    assert owners[0].renew(owners[0].made[0])  # whose phone is not lost
    assert tier.cli("devices", "revoke", "--device", "0" * 16).code == 1


def test_a_new_phone_replaces_the_old_one(tier: TierProcess, people: list[dict[str, Any]], owners: list[Owner]) -> None:
    person = people[13]
    old = Owner(tier, 200, tier.ask("devices", "code", "--id", person["id"])["code"])
    owners.append(old)
    handset = old.connect(old.enrol)
    new = Owner(tier, 201, tier.ask("devices", "code", "--id", person["id"], "--replace")["code"])
    owners.append(new)
    new.connect(new.enrol)
    with pytest.raises(Closed) as closed:
        handset.hear(Ticketed)
    assert closed.value.code in (Close.LOST_DEVICE, Close.REPLACED)
    assert refused(old, old.renew) == Close.LOST_DEVICE
    assert new.renew(new.made[0])


def test_codes_for_a_whole_place_are_a_file_that_its_owner_alone_reads(tier: TierProcess, tmp_path: Path) -> None:
    file = tmp_path / "codes.csv"
    written = tier.ask("devices", "code", "--all", "--node", "440106", "--out", file)
    lines = file.read_text("utf-8-sig").splitlines()
    assert lines[0] == "id,name,phone,code" and len(lines) == written["codes"] + 1 > 10
    assert file.stat().st_mode & 0o777 == 0o600
    assert len({devices.code_from_text(line.rsplit(",", 1)[1]) for line in lines[1:]}) == written["codes"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("code",), "Say for whom"),
        (("code", "--id", "x", "--all"), "Say for whom"),
        (("code", "--id", "nobody"), "no person with the id nobody"),
        (("code", "--id", "nobody", "--valid", "90d"), "30 days at most"),
        (("code", "--id", "nobody", "--valid", "5s"), "a minute at least"),
        (("code", "--id", "nobody", "--page", "responders.example.org"), "begins with https://"),
        (("revoke",), "Say which"),
        (("revoke", "--device", "0" * 16, "--id", "x"), "Say which"),
        (("revoke", "--device", "phone"), "is no device"),
        (("list",), "Say which"),
    ],
)
def test_a_command_that_is_not_clear_says_what_is_missing(
    tier: TierProcess, arguments: tuple[str, ...], words: str
) -> None:
    ran = tier.here("devices", *arguments)
    assert ran.code == 1 and words in ran.err
