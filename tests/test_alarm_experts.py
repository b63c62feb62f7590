"""Experts whom a playbook drew: called by an order of their own, and what they answer goes into the draw."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusioncmd import api
from fusioncmd.api.experts import Draws
from fusioncmd.messages import ANSWERED, Mark, Receipts, encode
from tests.key_tier import Tier
from tests.test_alarm_beside import AT_ONCE, BESIDE, EXPERTS, decided, filled, seen
from tests.test_alarm_desk import grant, playbooks, say, tier_in, until_what
from tests.test_desk import first_slice
from tiers import expert_calls
from tiers.node import Node


async def test_experts_of_the_roster_are_called_by_an_order_of_their_own(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    playbooks(tier, AT_ONCE)
    grant(tier)
    async with tier.running() as node, seen(tier, node):
        expert = first_slice(BESIDE).ids[0]
        await filled(tier, EXPERTS.replace("e1,", f"{expert},"))
        number = (await tier.ask(api.Find(expert))).people[0].number
        alarm = await say(tier, 1, where=(23.15, 113.35))
        await until_what(tier, alarm, ["issued", "shown", "drawn"])
        drawn = (await decided(tier, alarm))["drawn"]
        lines = {line.order.id: line for line in (await tier.ask(api.Orders())).lines}
        assert len(lines) == 2 and drawn.calls is not None
        called = lines[drawn.calls].order
        assert set(node.desk.ledger.targeted(called)) == {number} and "drawn as an expert" in called.text
        assert "Called." in drawn.words[0]


async def test_an_expert_who_says_no_is_followed_by_the_next_who_is_called_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expert_calls, "LOOK_S", 0.001)
    tier = await tier_in(tmp_path)
    playbooks(tier, AT_ONCE)
    grant(tier)
    async with tier.running() as node, seen(tier, node):
        first, second = first_slice(BESIDE).ids[:2]
        both = EXPERTS.replace("e1,", f"{first},").replace("e3,", f"{second},").replace("25.10", "23.10")
        await filled(tier, both)
        alarm = await say(tier, 1, where=(23.15, 113.35))
        await until_what(tier, alarm, ["issued", "shown", "drawn"])
        drawn = (await decided(tier, alarm))["drawn"]
        (draw,) = (await tier.ask(Draws())).lines
        await answer(tier, node, drawn.calls, 0)
        await until_what(tier, alarm, ["issued", "shown", "drawn", "drawn"])
        again = (await decided(tier, alarm))["drawn"]
        assert again.draw == drawn.draw and again.calls not in (None, drawn.calls)
        await answer(tier, node, again.calls, 1)
        for _ in range(200):
            (now,) = (await tier.ask(Draws())).lines
            if len(now.record.steps) == 2:
                break
        other = ({first, second} - {draw.lines[0].id}).pop()
        steps = [(step.expert, step.what, step.by) for step in now.record.steps]
        by = "playbook:chemical"
        assert steps == [(draw.lines[0].id, "declined", by), (other, "accepted", by)]


async def answer(tier: Tier, node: Node, calls: bytes | None, which: int) -> None:
    """Whoever is called by that order answers so."""
    assert calls is not None
    order = node.desk.ledger.book.orders[calls]
    numbers = node.desk.ledger.targeted(order).serialize()
    await tier.bus.store("fc.receipt.gw-1", encode(Receipts("gw-1", (Mark(calls, ANSWERED, which, numbers),))))
