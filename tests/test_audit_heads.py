"""A head that was heard cannot be taken back: who keeps heads finds the node whose audit was cut or rewritten."""

from __future__ import annotations

import itertools

import pytest

from fusioncmd.audit import heads
from fusioncmd.audit.chain import Tip
from fusioncmd.audit.heads import Contradiction, Heads
from fusioncmd.trust.refusals import Untrusted
from tests.audits import NONE, pages_of
from tests.worlds import BOTH, DUTY, NODE_KEY, NOW_MS, OFFICES

_, TIPS = pages_of((1, 2, 3))
_, OTHER = pages_of((2, 2, 2))


def said(tip: Tip, later_ms: int = 0) -> bytes:
    return heads.sign(tip, NODE_KEY, NOW_MS + later_ms)


def kept() -> Heads:
    return Heads(OFFICES.anchors, NONE)


def test_the_newest_of_each_node_is_kept_whatever_the_order_in_which_they_come() -> None:
    stated = [said(tip, n) for n, tip in enumerate(TIPS)]
    for some in itertools.permutations(stated):
        held = kept()
        for data in some:
            held.hear(data, NOW_MS)
        newest = held.of("44")
        assert newest is not None and newest.tip == TIPS[-1] and held.statements == (stated[-1],)
        assert not any(held.hear(data, NOW_MS) for data in stated)


@pytest.mark.parametrize(
    ("before", "then"),
    [
        (said(TIPS[2]), said(TIPS[1], 1)),  # shorter, and later
        (said(TIPS[1]), said(OTHER[1], 1)),  # as long, and another
        (said(TIPS[1], 1), said(TIPS[2])),  # longer, and earlier
        (said(TIPS[0]), said(Tip("44", 2, 1, TIPS[1].digest), 1)),  # more pages, no more entries
    ],
)
def test_a_head_that_goes_back_or_contradicts_is_refused_and_names_the_node(before: bytes, then: bytes) -> None:
    held = kept()
    assert held.hear(before, NOW_MS)
    with pytest.raises(Contradiction, match="audit of 44 contradicts itself"):
        held.hear(then, NOW_MS)
    assert held.statements == (before,)


def test_only_the_node_says_how_long_its_audit_is_and_not_in_the_future() -> None:
    held = kept()
    city = OFFICES.grant(OFFICES.city, "another node", purposes=("node",), statuses=BOTH)
    for data, reason in (
        (heads.sign(TIPS[0], city, NOW_MS), "scope"), (heads.sign(TIPS[0], DUTY["actual"], NOW_MS), "purpose"),
        (said(TIPS[0], 86_400_000), "future"), (b"noise", "bytes"), (said(TIPS[0], -(10**12)), "validity"),
    ):  # fmt: skip
        with pytest.raises(Untrusted) as caught:
            held.hear(data, NOW_MS)
        assert caught.value.reason == reason
    assert held.statements == ()
    with pytest.raises(Untrusted):
        heads.written_by(said(TIPS[0]), "4401", OFFICES.anchors)


def test_so_many_nodes_are_kept_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fusioncmd.limits.AUDIT_HEADS_MAX", 2)
    held = kept()
    for node in ("44", "4401"):
        assert held.hear(heads.sign(Tip(node, 1, 1), NODE_KEY, NOW_MS), NOW_MS)
    with pytest.raises(Untrusted):
        held.hear(heads.sign(Tip("4402", 1, 1), NODE_KEY, NOW_MS), NOW_MS)
    assert held.hear(heads.sign(Tip("44", 2, 2, b"x" * 32), NODE_KEY, NOW_MS + 1), NOW_MS)
