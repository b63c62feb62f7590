"""What a playbook does beside its order: who is responsible is called, a camera shown, experts drawn and called."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from fusioncmd import api, ids
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.decided import Decided
from fusioncmd.api.alarms import Alarms, LookAtAlarm, OneAlarm
from fusioncmd.api.experts import Draws, PutExperts
from fusioncmd.api.places import PutPlaces
from fusioncmd.api.video import Video
from fusioncmd.codes import parse
from fusioncmd.errors import NotFound
from fusioncmd.experts import registry
from fusioncmd.messages import Selector
from fusioncmd.places.place import Place
from fusioncmd.roster.numbers import one_of_role, role_of_one
from fusioncmd.video import subjects
from fusioncmd.video.source import Source, encode
from tests.hearing import Heard
from tests.key_tier import Tier
from tests.nats_server import until
from tests.test_alarm_desk import grant, playbooks, say, tier_in, until_what
from tests.test_desk import first_slice
from tiers.node import Node

TOWN, BESIDE = "440106001", "440103001"
CAMERA = "44.01.06.001.gate-1"
PLAYBOOK = """
[[playbook]]
name = "chemical"
when = {events = ["smoke"], places = ["enterprise"]}
cameras = 2
experts = [{field = "gas", count = 1}]
experts_km = 50
call = {text = "{place}: {headline}", answers = ["safe"], roles = ["flood"], responsible = true}
"""
AT_ONCE = PLAYBOOK.replace("cameras = 2", 'cameras = 2\nthen = "issue"\nsecond_look = false')
FARM = Place("farm", "South Chemical", "enterprise", TOWN, (23.15, 113.35), 500.0, cameras=(CAMERA,))
EXPERTS = """id,name,phone,place,fields,organisation,lat,lon
e1,Li,13800000001,44,gas,,23.10,113.30
e2,Wu,13800000002,44,gas,South Chemical,23.10,113.30
e3,Xu,13800000003,44,gas,,25.10,113.30
"""


async def filled(tier: Tier, experts: str = EXPERTS) -> int:
    """Places and experts; the number of who is responsible: the last of the town, who has no role."""
    people = first_slice(TOWN)
    farm = structs.replace(FARM, people=(people.ids[-1], "13999999999"))
    await tier.ask(PutPlaces((farm,)))
    await tier.ask(PutExperts(tuple(registry.read_csv(experts.encode()))))
    (person,) = (await tier.ask(api.Find(people.ids[-1]))).people
    return int(person.number)


@contextlib.asynccontextmanager
async def seen(tier: Tier, node: Node) -> AsyncIterator[None]:
    """A tier with video, in which the gate's camera is live."""
    video = node.media.video
    video.bus = tier.bus
    carrying = asyncio.create_task(video.run())
    await until(lambda: video._saying is not None)
    await live(tier, CAMERA)
    try:
        yield
    finally:
        carrying.cancel()


async def live(tier: Tier, address: str) -> None:
    place, _, name = address.rpartition(".")
    source = Source(parse(place).code, name, "title", "camera", "g", tier.now_ms, ())
    await tier.bus.say(subjects.what(parse(place), name), encode(source))


async def decided(tier: Tier, alarm: Alarm) -> dict[str, Decided]:
    return {each.what: each for each in (await tier.ask(OneAlarm(alarm.id))).line.decided}


async def issue(tier: Tier, alarm: Alarm, ident: bytes | None = None) -> bytes:
    """By a commander, with one touch."""
    (ready,) = (await tier.ask(OneAlarm(alarm.id))).applies
    draft = structs.replace(ready.draft, id=ident or ready.draft.id)
    own = tier.duty
    return bytes((await tier._commander(own).issue(draft, own, timeout_s=2.0)).order.id)


async def test_what_a_commander_issues_has_its_camera_shown_and_its_experts_drawn(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    playbooks(tier, PLAYBOOK)
    async with tier.running() as node, seen(tier, node):
        entries = Heard(node.recorder, {"video", "expert", "alarm"}).entries
        mine = await filled(tier)
        alarm = await say(tier, 1, where=(23.15, 113.35))
        await until_what(tier, alarm, ["waits"])
        await tier.ask(LookAtAlarm(alarm.id, True))
        await until_what(tier, alarm, ["waits", "confirmed", "prepared"])
        assert not (await tier.ask(Draws())).lines and (await tier.ask(Video())).shown is None
        prepared = (await decided(tier, alarm))["prepared"]
        assert "13999999999" in prepared.words[0] and prepared.order is not None
        order = await issue(tier, alarm, prepared.order)
        await until_what(tier, alarm, ["waits", "confirmed", "prepared", "issued", "shown", "drawn"])
        (line,) = (await tier.ask(api.Orders())).lines
        assert line.order.audience.roles == ("flood", role_of_one(mine))
        assert mine in node.desk.ledger.targeted(line.order)
        found = await decided(tier, alarm)
        assert found["issued"].by == line.order.issuer and found["shown"].words[0] == CAMERA
        assert (await tier.ask(Video())).shown.source == CAMERA
        (draw,) = (await tier.ask(Draws(order=order))).lines
        assert [each.id for each in draw.lines] == ["e1"] and draw.record.order == order
        assert draw.record.listed.excluded == {"e2": "conflict: South Chemical", "e3": "far"}
        assert found["drawn"].draw == draw.record.id and found["drawn"].calls is None
        assert "13800000001" in found["drawn"].words[0]  # in no roster: somebody has to phone
        assert [one.alarm.id for one in (await tier.ask(Alarms(order=order))).lines] == [alarm.id]
        said = [(entry.deed, entry.details.get("what")) for entry in entries]
        assert ("video", "shown to everybody below") in said
        assert [what for deed, what in said if deed == "alarm"][-3:] == ["issued", "shown", "drawn"]
        assert any(e.deed == "expert" and e.about == ids.to_text(draw.record.id) for e in entries)


async def test_of_a_hundred_alarms_at_a_place_one_draw_is_made(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    playbooks(tier, AT_ONCE)
    grant(tier)
    async with tier.running() as node, seen(tier, node):
        await filled(tier)
        storm = [await say(tier, n, about=f"t{n}", where=(23.15, 113.35)) for n in range(1, 101)]
        await until_what(tier, storm[0], ["issued", "shown", "drawn"])
        assert len((await tier.ask(Draws())).lines) == len((await tier.ask(api.Orders())).lines) == 1
        await issue(tier, storm[1])  # a commander wants another all the same
        await until_what(tier, storm[1], ["issued", "lacking"])
        assert len((await tier.ask(Draws())).lines) == 1
        other = await say(tier, 200, about="other", nodes=("440106001001",), where=(23.15, 113.35))
        await until_what(tier, other, ["issued", "lacking"])  # a village of the same county: an order, no experts
        assert "an alarm just before" in (await decided(tier, storm[1]))["lacking"].words[0]


async def test_what_cannot_be_done_is_said_and_the_order_goes_out(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    playbooks(tier, AT_ONCE)
    grant(tier)
    async with tier.running():
        await filled(tier, EXPERTS.replace("gas", "fire"))
        alarm = await say(tier, 1, where=(23.15, 113.35))
        await until_what(tier, alarm, ["issued", "lacking", "lacking"])
        words = [each.words[0] for each in (await tier.ask(OneAlarm(alarm.id))).line.decided if each.what == "lacking"]
        assert "this tier has no video" in words[0] and "1 experts in gas are needed, and 0 are left" in words[1]


async def test_what_somebody_shows_is_not_taken_from_before_peoples_eyes(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    playbooks(tier, AT_ONCE.replace('experts = [{field = "gas", count = 1}]', ""))
    grant(tier)
    async with tier.running() as node, seen(tier, node):
        await filled(tier)
        await live(tier, "44.01.03.001.own")
        await tier.ask(api.video.ShowSource("44.01.03.001.own"))
        alarm = await say(tier, 1, where=(23.15, 113.35))
        await until_what(tier, alarm, ["issued", "lacking"])
        assert (await tier.ask(Video())).shown.source == "44.01.03.001.own"


async def test_a_restart_goes_on_with_what_stands_beside_an_order(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    playbooks(tier, PLAYBOOK)
    async with tier.running() as node:
        await filled(tier)
        alarm = await say(tier, 1, where=(23.15, 113.35))
        await until_what(tier, alarm, ["waits"])
        await tier.ask(LookAtAlarm(alarm.id, True))
        await until_what(tier, alarm, ["waits", "confirmed", "prepared"])
        node.desk.tell(lambda _: None)  # it ends before it hears of it
        order = await issue(tier, alarm, (await decided(tier, alarm))["prepared"].order)
    async with tier.running():
        await until_what(tier, alarm, ["waits", "confirmed", "prepared", "issued", "lacking", "drawn"])
        draws = (await tier.ask(Draws())).lines
    async with tier.running():
        assert (await tier.ask(Draws(order=order))).lines == draws


def test_a_role_may_be_one_persons_own() -> None:
    assert one_of_role(role_of_one(7)) == 7
    for none in ("@", "@x", "7", "flood", f"@{1 << 32}", "@" + "9" * 40, "@٧"):
        assert one_of_role(none) is None


async def test_an_order_may_mean_one_person(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    async with tier.running() as node:
        mine = await filled(tier)
        meant: Any = node.desk.roster.resolve
        assert set(meant(Selector((TOWN,), (role_of_one(mine),)))) == {mine}
        assert not meant(Selector((BESIDE,), (role_of_one(mine),)))
        with pytest.raises(NotFound, match="Nobody has the role"):
            meant(Selector((TOWN,), ("@4294967295",)))
