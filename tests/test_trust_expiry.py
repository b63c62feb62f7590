"""Keys are warned of before they end, heard while they live, and their nodes say what they accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pyroaring import BitMap

from fusioncmd import limits
from fusioncmd.messages import Selector, encode
from fusioncmd.trust import expiry, heartbeats, statements, witnesses
from fusioncmd.trust.chains import Chain
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.revocations import Revocations, revoke
from loadtest.offices import BOTH, DAY_MS, NOW_MS, Offices

OFFICES = Offices(11)
CITY, CHEN = OFFICES.city, OFFICES.people["actual", "Chen Wei"]
NONE = Revocations(OFFICES.anchors)
NUMBERS = BitMap([1, 2, 70_000]).serialize()


def chain_of(own: Credential) -> Chain:
    return OFFICES.anchors.prove(own.name, own.chain)


def key(days: float, holder: str = "Chen Wei", start_ms: int = NOW_MS - 30 * DAY_MS, **changes: Any) -> Chain:
    """A key of the city that ends `days` after now."""
    fields = {"purposes": ("approve", "issue"), "statuses": ("actual",), "not_before_ms": start_ms} | changes
    return chain_of(OFFICES.grant(CITY, holder, not_after_ms=NOW_MS + int(days * DAY_MS), **fields))


def reason_of(call: Callable[[], object]) -> str:
    with pytest.raises(Untrusted) as caught:
        call()
    return caught.value.reason


# --- expiry


@pytest.mark.parametrize(
    ("days", "threshold"),
    [(60.1, None), (60, 60), (31, 60), (30, 30), (8, 30), (7, 7), (0, 7), (-0.1, 0)],
)
def test_a_key_is_warned_of_60_30_and_7_days_before_its_end(days: float, threshold: int | None) -> None:
    chain = key(days)
    assert expiry.threshold(chain.leaf, NOW_MS) == threshold
    assert [w.days for w in expiry.warnings([chain], NOW_MS)] == ([] if threshold is None else [threshold])


def test_the_most_urgent_stands_first() -> None:
    chains = [key(20, "Li Na"), key(3, "Wang Fang"), key(50), key(200, "Zhao Min")]
    assert [w.chain.leaf.holder for w in expiry.warnings(chains, NOW_MS)] == ["Wang Fang", "Li Na", "Chen Wei"]
    assert [w.left_ms // DAY_MS for w in expiry.warnings(chains, NOW_MS)] == [3, 20, 50]


def test_each_warning_is_given_once() -> None:
    chain = key(100)
    given = [
        w.days
        for day in range(120)
        for w in expiry.newly_due([chain], NOW_MS + (day - 1) * DAY_MS, NOW_MS + day * DAY_MS)
    ]
    assert given == [60, 30, 7, 0]


def test_a_key_with_a_successor_is_not_warned_of() -> None:
    old = key(10)
    assert expiry.warnings([old, key(300)], NOW_MS) == []
    for useless in (
        key(300, "Li Na"), key(300, statuses=("exercise",)), key(300, purposes=("issue",)), key(300, path="440106"),
        key(300, start_ms=NOW_MS + 11 * DAY_MS), key(9),
    ):  # fmt: skip
        assert old.leaf.holder in [w.chain.leaf.holder for w in expiry.warnings([old, useless], NOW_MS) if w.days == 30]


def test_an_office_that_grants_is_succeeded_by_one_that_grants() -> None:
    old = key(10, "Office", may_delegate=True, statuses=BOTH)
    assert len(expiry.warnings([old, key(300, "Office", statuses=BOTH)], NOW_MS)) == 1
    assert expiry.warnings([old, key(300, "Office", may_delegate=True, statuses=BOTH)], NOW_MS) == []
    narrow = key(10, "Office", may_delegate=True)
    assert expiry.warnings([narrow, key(300, "Office", may_delegate=True, statuses=BOTH)], NOW_MS) == []


def test_of_overlapping_keys_the_one_that_lasts_longest_is_used() -> None:
    old, new, future, ended = key(10), key(300), key(900 - 3, start_ms=NOW_MS + 1), key(-1)
    assert expiry.to_use([old, new, future, ended], NONE, NOW_MS) == new
    assert expiry.to_use([old, new, future, ended], NONE, NOW_MS + 1) == future
    assert expiry.to_use([future, ended], NONE, NOW_MS) is None


def test_a_revoked_key_is_not_used() -> None:
    own = OFFICES.grant(CITY, "Li Na", statuses=("actual",))
    known = Revocations(OFFICES.anchors)
    known.add(revoke(CITY, own.chain, NOW_MS))
    old = key(10)
    assert expiry.to_use([old, chain_of(own)], NONE, NOW_MS) == chain_of(own)
    assert expiry.to_use([old, chain_of(own)], known, NOW_MS) == old


# --- heartbeats


def test_a_living_key_is_heard() -> None:
    assert heartbeats.hear(heartbeats.beat(CHEN, NOW_MS), OFFICES.anchors, NONE, NOW_MS) == (chain_of(CHEN), NOW_MS)


def test_a_heartbeat_proves_a_key_that_works_now() -> None:
    def hear(data: bytes, revocations: Revocations = NONE) -> str:
        return reason_of(lambda: heartbeats.hear(data, OFFICES.anchors, revocations, NOW_MS))

    known = Revocations(OFFICES.anchors)
    known.add(revoke(CITY, CHEN.chain, NOW_MS + DAY_MS))
    assert hear(heartbeats.beat(CHEN, NOW_MS), known) == "revoked"
    assert hear(heartbeats.beat(CHEN, NOW_MS + limits.CLOCK_SKEW_MS_MAX + 1)) == "future"
    assert hear(heartbeats.beat(CHEN, CHEN.grant.not_before_ms - 1)) == "validity"
    borrowed = heartbeats._form.encode(heartbeats.Heartbeat(CITY.name, NOW_MS))
    assert hear(statements.state("heartbeat", borrowed, CHEN)) == "stale"
    body = heartbeats._form.encode(heartbeats.Heartbeat(CHEN.name, NOW_MS))
    assert hear(statements.state("issue", body, CHEN)) == "signature"
    assert hear(heartbeats.beat(Offices(12).city, NOW_MS)) == "root"
    assert hear(b"noise") == "bytes"


def test_a_key_that_is_silent_too_long_is_found() -> None:
    chains = [key(100), key(100, "Li Na"), key(-1, "Wang Fang"), key(100, "Zhao Min", start_ms=NOW_MS - DAY_MS)]
    due_ms = NOW_MS - limits.KEY_HEARTBEAT_S_MAX * 1000
    assert heartbeats.silent(chains, {chains[0].name: due_ms}, NOW_MS) == [chains[1]]
    assert heartbeats.silent(chains, {chains[0].name: due_ms - 1, chains[1].name: NOW_MS}, NOW_MS) == [chains[0]]


# --- witnesses


def accepted(data: bytes, body: bytes, numbers: bytes = NUMBERS, revocations: Revocations = NONE) -> int:
    return witnesses.accepted_ms(data, body, numbers, OFFICES.anchors, revocations, NOW_MS)


BODY = encode(OFFICES.order(CHEN))


def test_a_node_says_what_it_accepted_and_for_whom() -> None:
    said = witnesses.accept(BODY, NUMBERS, OFFICES.node, NOW_MS)
    assert accepted(said, BODY) == NOW_MS


def test_a_node_speaks_for_those_bytes_and_people_alone() -> None:
    said = witnesses.accept(BODY, NUMBERS, OFFICES.node, NOW_MS)
    other = encode(OFFICES.order(CHEN))
    wider = BitMap([1, 2, 3, 70_000]).serialize()
    assert reason_of(lambda: accepted(said, other)) == "stale"
    assert reason_of(lambda: accepted(said, BODY, wider)) == "stale"
    assert reason_of(lambda: accepted(said, b"noise")) == "bytes"


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("purpose", {"purposes": ("approve", "issue")}), ("mode", {"statuses": ("exercise",)}),
        ("scope", {"path": "440106"}), ("validity", {"not_before_ms": NOW_MS + 1}),
    ],
)  # fmt: skip
def test_a_node_needs_the_right_to_say_so(reason: str, changes: dict[str, Any]) -> None:
    node = OFFICES.grant(CITY, "Node", **({"purposes": ("node",), "statuses": BOTH} | changes))
    assert reason_of(lambda: accepted(witnesses.accept(BODY, NUMBERS, node, NOW_MS), BODY)) == reason


def test_a_node_does_not_say_so_from_the_future_nor_after_it_was_revoked() -> None:
    ahead = witnesses.accept(BODY, NUMBERS, OFFICES.node, NOW_MS + limits.CLOCK_SKEW_MS_MAX + 1)
    assert reason_of(lambda: accepted(ahead, BODY)) == "future"
    known = Revocations(OFFICES.anchors)
    known.add(revoke(CITY, OFFICES.node.chain, NOW_MS))
    said = witnesses.accept(BODY, NUMBERS, OFFICES.node, NOW_MS - DAY_MS)
    assert reason_of(lambda: accepted(said, BODY, revocations=known)) == "revoked"


def test_a_node_of_a_town_does_not_speak_for_the_province() -> None:
    body = encode(OFFICES.order(CHEN, audience=Selector(("44",))))
    assert reason_of(lambda: accepted(witnesses.accept(body, NUMBERS, OFFICES.node, NOW_MS), body)) == "scope"
