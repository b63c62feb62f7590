"""Two thousand forgeries, each refused for its own reason, beside good orders that are not."""

from __future__ import annotations

import random

import pytest

from fusioncmd.trust.refusals import REASONS, Untrusted
from loadtest import forge
from loadtest.forgeries import CONTROLS, KINDS, Attempt, Forger, Kind
from loadtest.offices import NOW_MS

FORGER = Forger(20)
STATEFUL = {
    "subject",
    "unwitnessed",
    "full",
    "stale",
    "second_person",
    "login_time",
    "login_again",
}  # not reasons to refuse the bytes of an order


def test_two_thousand_mutants_are_refused_and_good_orders_are_not() -> None:
    tally = forge.attack(2_000, seed=4)
    assert tally.failures == []
    assert (tally.accepted, tally.refused, tally.audited) == (0, 2_000, 2_000)
    assert tally.controls >= 100
    assert set(tally.reasons) == set(REASONS) - STATEFUL


@pytest.mark.parametrize("name", sorted(KINDS))
def test_each_kind_of_forgery_is_refused_for_its_own_reason(name: str) -> None:
    kind = KINDS[name]
    for _ in range(30):
        verdict = FORGER.judge(kind.make(FORGER))
        assert isinstance(verdict, Untrusted) and verdict.reason in kind.reasons


@pytest.mark.parametrize("name", sorted(CONTROLS))
def test_what_is_good_is_accepted_by_the_same_means(name: str) -> None:
    for good in FORGER.good:
        verdict = FORGER.judge(Attempt(CONTROLS[name](good)))
        assert not isinstance(verdict, Untrusted)
        assert verdict.order == good.order and len(verdict.approvals) == len(good.approvers)


def test_the_same_seed_makes_the_same_mutants() -> None:
    def made(seed: int) -> list[bytes]:
        forger = Forger(seed)
        return [kind.make(forger).data for kind in KINDS.values()]

    assert made(1) == made(1) != made(2)


def test_every_single_bit_of_an_order_counts() -> None:
    """All of them, not a sample: there is no byte in the envelope that nobody looks at."""
    good = next(g for g in FORGER.good if g.approvers)
    rng = random.Random(3)
    for byte in range(len(good.data)):
        changed = bytearray(good.data)
        changed[byte] ^= 1 << rng.randrange(8)
        assert isinstance(FORGER.judge(Attempt(bytes(changed))), Untrusted)


def test_every_cut_of_an_order_is_refused() -> None:
    data = FORGER.good[0].data
    for size in range(len(data)):
        assert isinstance(FORGER.judge(Attempt(data[:size], NOW_MS)), Untrusted)


def test_a_forgery_that_passes_would_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The counter counts: a verifier that lets one kind through fails the run."""
    good = FORGER.good[0]
    name = sorted(KINDS)[0]
    monkeypatch.setitem(KINDS, name, Kind(name, lambda _: Attempt(good.data), frozenset(REASONS)))
    passing = Forger(20)
    monkeypatch.setattr(forge, "Forger", lambda _: passing)
    tally = forge.attack(len(KINDS), seed=20)
    assert tally.accepted == 1 and name in tally.failures[0]


def test_costs_are_measured_for_an_order_and_a_ticket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forge, "ROUNDS", 1)
    monkeypatch.setattr(forge, "ROUND", 3)
    costs = forge.costs(1)
    assert len(costs) == 4 and all(us > 0 for us in costs.values())


def test_a_refusal_that_is_missing_in_the_audit_would_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = forge.ForgeAudit.refuse

    def forgetful(self: forge.ForgeAudit, attempt: Attempt, problem: Untrusted) -> None:
        if problem.reason != "scope":
            kept(self, attempt, problem)

    monkeypatch.setattr(forge.ForgeAudit, "refuse", forgetful)
    tally = forge.attack(200, seed=4)
    assert tally.refused == 200 > tally.audited > 0 and "the audit proves" in tally.failures[-1]
