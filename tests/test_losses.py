"""Who says that a person's devices are lost is believed for people below them, and each tier ends its own devices."""

from __future__ import annotations

from typing import Any

import pytest

from fusioncmd.errors import StorageFull
from fusioncmd.exchange import items
from fusioncmd.exchange.items import Family
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.losses import Losses, Missing, key_of, state
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.revocations import revoke
from loadtest.offices import BOTH, DAY_MS, NOW_MS, Offices

OFFICES = Offices(5)
TOWN, OTHER = "440106001", "440306001"
PROVINCE = OFFICES.grant(OFFICES.province, "node", purposes=("node",), statuses=BOTH)
COUNTY = OFFICES.grant(OFFICES.city, "county", path="440106", purposes=("node",), statuses=BOTH)
COMMANDER = OFFICES.grant(OFFICES.city, "chief", path="440106", purposes=("issue",), statuses=BOTH)


def losses(losses_max: int = 100) -> Losses:
    return Losses(Judge(OFFICES.anchors, lambda: NOW_MS / 1000), losses_max)


def missing(**changes: Any) -> Missing:
    fields: dict[str, Any] = {"number": 7, "town": TOWN, "at_ms": NOW_MS - 1_000, "by": "Chen"}
    return Missing(**fields | changes)


@pytest.mark.parametrize("own", [PROVINCE, OFFICES.node, COUNTY], ids=["province", "city", "county"])
def test_each_node_whose_place_the_town_lies_in_is_believed(own: Credential) -> None:
    known, said = losses(), missing()
    data = state(said, own)
    assert known.read(data) == said
    known.add(data)
    known.add(data)
    assert (
        known.held == {items.statement_key(Family.LOST, TOWN, items.name_of(data)): data} == {key_of(said, data): data}
    )


@pytest.mark.parametrize(
    ("own", "said", "reason"),
    [
        (COUNTY, missing(town=OTHER), "scope"),
        (COMMANDER, missing(), "purpose"),
        (PROVINCE, missing(at_ms=NOW_MS + DAY_MS), "future"),
        (PROVINCE, missing(at_ms=NOW_MS - 2_000 * DAY_MS), "validity"),
    ],
)
def test_anybody_else_and_any_other_time_is_not(own: Credential, said: Missing, reason: str) -> None:
    known = losses()
    with pytest.raises(Untrusted) as refused:
        known.add(state(said, own))
    assert refused.value.reason == reason and not known.held


def test_a_node_whose_key_had_ended_is_not_believed_and_noise_is_refused() -> None:
    judge = Judge(OFFICES.anchors, lambda: NOW_MS / 1000)
    known = Losses(judge)
    judge.revocations.add(revoke(OFFICES.city, COUNTY.chain, NOW_MS - 5_000))
    with pytest.raises(Untrusted):
        known.add(state(missing(), COUNTY))
    for data in (b"", b"noise", state(missing(), PROVINCE)[:-1]):
        with pytest.raises(Untrusted):
            known.add(data)


def test_losses_are_bounded_and_one_that_is_held_takes_no_room() -> None:
    known = losses(2)
    for number in (1, 2):
        known.add(state(missing(number=number), PROVINCE))
    with pytest.raises(StorageFull, match="2 losses are kept"):
        known.add(state(missing(number=3), PROVINCE))
    known.add(state(missing(number=2), PROVINCE))  # which is held
