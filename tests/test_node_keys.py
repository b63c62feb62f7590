"""The life of signing keys at a node: revoked, silent, expiring, replaced; and what becomes of their orders."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from fusioncmd import api, subjects
from fusioncmd.api.keys import Beat, Keys, Revoke
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import TRUST
from fusioncmd.client import Commander
from fusioncmd.errors import BadInput, BadOrder, Unavailable
from fusioncmd.trust import handing, heartbeats, ring
from fusioncmd.trust.expiry import DAY_MS
from fusioncmd.trust.revocations import digest_of, revoke
from tests.key_tier import CITY, Tier
from tests.nats_server import until
from tests.test_node import province
from tests.worlds import NOW_MS, make_draft


@pytest.fixture
async def tier(tmp_path: Path) -> Tier:
    made = Tier(tmp_path)
    ring.make(made.office, "44", "duty", NOW_MS)
    await province(made.bus)
    made.bus = await province(MemoryBus())
    made.grant(100)
    return made


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with capture_logs() as found:
        yield found


async def test_the_key_that_would_expire_unnoticed_is_warned_of_and_replaced_while_orders_go_on(
    tier: Tier, logs: list[Any]
) -> None:
    """As at IPAWS: nobody looks at a key until it fails. Here health does, from 60 days on, and says each once."""
    async with tier.running():
        await tier.issue(tier.own)
        assert await tier.later(1) == []
        assert "was not heard for 39 days" in (await tier.later(38.5))[0]  # and nothing of its end: 60 days and a half
        await tier.ask(Beat(heartbeats.beat(tier.own, tier.now_ms)))
        assert await tier.later(0) == []
        for count, (days, left) in enumerate(((1, 59), (30, 29), (24, 5)), start=1):
            said = await tier.later(days)
            assert f"The exercise key of Chen Wei (4401) expires in {left} days" in said[0], said
            await tier.ask(Beat(heartbeats.beat(tier.own, tier.now_ms)))
            await until(lambda count=count: len(warned(logs)) == count)  # type: ignore[misc]
        old = tier.own
        tier.grant(100)  # while the old one is good
        new = tier.own
        assert new.name != old.name and new.grant.holder == old.grant.holder
        await tier.issue(new)
        await tier.issue(old)
        assert await tier.later(0) == []
        assert await tier.later(6) == []
        with pytest.raises(BadInput, match="not made while its key was valid"):
            await tier.issue(old)
        await tier.issue(new)
        assert warned(logs) == [60, 30, 7]


def warned(logs: list[Any]) -> list[int]:
    """Of Chen Wei's key: which limits were told of, in this order."""
    due = (line for line in logs if line["event"] == "node.key_expires")
    return [line["days"] for line in due if "exercise key of Chen Wei" in line["problem"]]


async def test_a_key_that_was_replaced_may_fall_silent(tier: Tier) -> None:
    async with tier.running():
        old = tier.own
        await tier.issue(old)
        tier.now_ms += DAY_MS
        tier.grant(100)
        assert "was not heard" in (await tier.later(7))[0]
        await tier.issue(tier.own)
        assert tier.own.name != old.name and await tier.later(0) == []


async def test_an_order_under_a_stolen_key_falls_and_only_a_good_key_can_cancel_it(tier: Tier) -> None:
    async with tier.running():
        before = await tier.issue(tier.own)
        tier.now_ms += 60_000
        stolen_ms, thief = tier.now_ms, tier.own
        order = await tier.issue(thief)
        tier.now_ms += 60_000
        told = await tier.ask(Revoke(revoke(tier.own, tier.own.chain, stolen_ms)))
        assert (told.holder, told.since_ms, told.fallen) == ("Chen Wei", stolen_ms, (order.id,))
        assert (await tier.state(before), await tier.state(order)) == ("open", "revoked")
        assert "cancel them" in (await tier.said("still shown"))[0]
        with pytest.raises(BadInput, match="was revoked"):
            await tier.issue(thief)
        with pytest.raises(BadInput, match="was revoked"):
            await tier.ask(Beat(heartbeats.beat(thief, tier.now_ms)))
        assert "is revoked, and somebody still signs with it" in (await tier.said("Chen Wei"))[0]
        line = next(k for k in (await tier.ask(Keys())).lines if k.grant == thief.name)
        assert (line.since_ms, line.chain) == (stolen_ms, ("duty", "Chen Wei"))
        with pytest.raises(BadOrder, match="cancel it, and issue a new one"):
            await tier.issue(tier.duty, msg_type="update", refs=order.id, audience=None)
    async with tier.running():  # from its snapshot and its streams: the same
        assert (await tier.state(before), await tier.state(order)) == ("open", "revoked")
        await tier.issue(tier.duty, msg_type="cancel", refs=order.id, audience=None, answers=())
        assert await tier.state(order) == "cancelled" and await tier.said("still shown") == []
    fell = ("order", "revoked")  # and once more at the next start, because it was still shown
    decided = [(e.deed, e.refused) for e in tier.decided if e.refused == "revoked" or e.deed == "key"]
    assert decided == [fell, ("key", ""), ("refusal", "revoked"), fell]


async def test_the_earliest_end_counts_in_whatever_order_and_after_a_restart(tier: Tier) -> None:
    early, late = (revoke(tier.own, tier.own.chain, NOW_MS + n * DAY_MS) for n in (1, 2))
    tier.now_ms += 3 * DAY_MS
    chain = tier.own.chain
    async with tier.running():
        assert (await tier.ask(Revoke(late))).since_ms == NOW_MS + 2 * DAY_MS
        assert (await tier.ask(Revoke(early))).since_ms == NOW_MS + DAY_MS
        for again in (late, early):
            assert (await tier.ask(Revoke(again))).since_ms == NOW_MS + DAY_MS
        from_above = revoke(handing.signer_of(tier.office, "root"), chain, NOW_MS + DAY_MS * 2)
        assert (await tier.ask(Revoke(from_above))).since_ms == NOW_MS + DAY_MS
    kept = [m.data async for m in tier.bus.read(TRUST) if m.subject.startswith("fc.trust.revocation")]
    assert kept == [late, early, from_above]
    async with tier.running():
        lines = (await tier.ask(Keys())).lines
        assert next(k for k in lines if k.chain == ("duty", "Chen Wei") and k.since_ms).since_ms == NOW_MS + DAY_MS


async def test_what_others_put_on_the_trust_stream_changes_nothing_and_is_counted(tier: Tier) -> None:
    beside = revoke(tier.own, tier.own.chain, NOW_MS)
    forged = beside.replace(tier.own.name, tier.duty.name)
    await tier.bus.store(subjects.revocation(tier.duty.name, digest_of(forged)), forged)
    moved = heartbeats.beat(tier.own, NOW_MS)
    async with tier.running():
        await tier.bus.store(subjects.heartbeat(tier.duty.name), moved)
        await tier.bus.store(subjects.heartbeat(tier.own.name), b"noise")
        await tier.bus.store("fc.trust.unheard_of.44", b"of a later version")
        assert await tier.said("statements about keys were refused") == [
            "3 statements about keys were refused (see the log)"
        ]
        await tier.issue(tier.own)
        await tier.issue(tier.duty)


async def test_a_node_whose_own_key_is_revoked_says_so_and_accepts_nothing_until_it_has_another(tier: Tier) -> None:
    root = handing.signer_of(tier.office, "root")
    async with tier.running() as node:
        await tier.issue(tier.own)
        await tier.ask(Revoke(revoke(root, ring.node_key(tier.office).chain, tier.now_ms)))
        health = await tier.ask(api.Health())
        assert health.problems[0].startswith("THIS NODE'S OWN KEY WAS REVOKED: it accepts no orders")
        with pytest.raises(Unavailable, match="OWN KEY WAS REVOKED"):  # before anybody signs anything
            await tier.ask(api.Compose(make_draft(7)))
        with pytest.raises(Unavailable, match="OWN KEY WAS REVOKED"):
            await tier.ask(api.Issue(tier.signed_now()))
        tier.rotate_node()
        new = {one.name for one in ring.node_keys(tier.office)} - {node._keys.own.name}
        await until(lambda: node._keys.own.name in new)
        await tier.issue(tier.own)
        assert await tier.said("OWN KEY") == []


async def test_what_a_stolen_key_of_the_node_stated_falls_and_what_was_before_stays(
    tier: Tier,
) -> None:
    root, old = handing.signer_of(tier.office, "root"), ring.node_key(tier.office)
    account = api.AddAccount(name="chen", roles=("commander",), path=CITY, password="correct horse battery")
    async with tier.running():
        await tier.administer(account)
        before = await tier.issue(tier.own)
        tier.now_ms += 60_000
        stolen_ms = tier.now_ms
        since = await tier.issue(tier.own)
        tier.now_ms += 60_000
        tier.rotate_node()
        told = await tier.ask(Revoke(revoke(root, old.chain, stolen_ms)))
        assert told.fallen == (since.id,)
        assert (await tier.state(before), await tier.state(since)) == ("open", "revoked")
    for _ in range(2):  # from its snapshot and its streams
        pages = len(await tier.audited_by())
        async with tier.running() as node:
            assert node._keys.own.name != old.name
            assert (await tier.state(before), await tier.state(since)) == ("open", "revoked")
            assert [one.name for one in (await tier.administer(api.Accounts())).accounts] == ["chen"]
            await Commander(tier.bus).ask(api.Login("chen", account.password))
            assert await tier.said("OWN KEY") == []
        assert old.name not in (await tier.audited_by())[pages:]


async def test_a_node_beats_for_its_own_key_each_hour_and_keeps_one_heartbeat_per_key(tier: Tier) -> None:
    async def beats() -> list[int]:
        return [m.seq async for m in tier.bus.read(TRUST) if m.subject.startswith("fc.trust.heartbeat")]

    async with tier.running():
        first = await beats()
        assert len(first) == 1
        for _ in range(3):  # close together: confirmed, and not kept each time
            assert (await tier.ask(Beat(heartbeats.beat(tier.own, tier.now_ms)))).holder == "Chen Wei"
        assert len(await beats()) == 2 and (await tier.bus.edge(TRUST)).last == 2
        tier.now_ms += 3_600_000

        for _ in range(1000):
            if (await tier.bus.edge(TRUST)).last == 3:
                break
            await asyncio.sleep(0.005)
        assert len(await beats()) == 2 and first[0] not in await beats()
