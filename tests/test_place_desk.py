"""Places at a node: put, found, removed, known after a restart; and what they change for alarms and playbooks."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from fusioncmd.alarm import subjects
from fusioncmd.api.alarms import Alarms, LookAtAlarm, OneAlarm
from fusioncmd.api.cameras import AddCamera
from fusioncmd.api.places import NearPlaces, Places, PlacesInSight, PutPlaces
from fusioncmd.errors import BadInput, Forbidden
from fusioncmd.places import reading
from fusioncmd.places.place import Place, encode
from gateways.alarm import hooks
from gateways.alarm.sources import HookSource, read
from tests.key_tier import Tier
from tests.nats_server import until
from tests.test_alarm_desk import playbooks, say, tier_in, until_what, whats
from tests.test_places import CSV
from tests.worlds import make_id

FARM, SCHOOL, MARSH = reading.read(CSV.encode())
CHEMICAL = """
[[playbook]]
name = "chemical"
when = {events = ["smoke"], places = ["enterprise"]}
cameras = 2
call = {text = "{place}（{where}）：{headline}，请核实。", answers = ["安全"]}
"""


async def filled(tier: Tier) -> None:
    reply = await tier.ask(PutPlaces((FARM, SCHOOL, MARSH)))
    assert (reply.added, reply.changed, reply.removed) == (3, 0, 0)


async def test_places_are_put_found_and_removed_and_a_restart_knows_them(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    async with tier.running() as node:
        await filled(tier)
        again = await tier.ask(PutPlaces((structs.replace(FARM, name="新南方化工"), SCHOOL)))
        assert (again.added, again.changed, again.removed) == (0, 1, 0)
        assert (await tier.ask(PutPlaces((structs.replace(MARSH, removed=True),)))).removed == 1
        assert (await tier.ask(PutPlaces((structs.replace(MARSH, removed=True),)))).removed == 0
        first = await tier.ask(Places(limit=1))
        assert ([line.place.id for line in first.lines], first.total, first.next) == (["school-1"], 2, "school-1")
        rest = await tier.ask(Places(after="school-1"))
        assert ([line.place.name for line in rest.lines], rest.next) == (["新南方化工"], None)
        assert [line.place.id for line in (await tier.ask(Places(text="13800000001"))).lines] == ["tank-farm"]
        for wrong in (structs.replace(FARM, node="31"), Place("x", "x", "hazard", "45")):
            with pytest.raises((BadInput, Forbidden)):
                await tier.ask(PutPlaces((SCHOOL, wrong)))
        await tier.bus.store(subjects.place("other"), encode(FARM))
        await until(lambda: node.desks.places.bad == 1)
    async with tier.running():
        near = await tier.ask(NearPlaces((23.151, 113.352)))
        assert [line.place.id for line in near.lines] == ["school-1", "tank-farm"]
        assert near.lines[0].away_m == 0 and 200 < near.lines[1].away_m < 260
        assert [
            line.place.id for line in (await tier.ask(NearPlaces((23.15, 113.35), 3.0, "", "protected"))).lines
        ] == ["school-1"]
        seen = await tier.ask(PlacesInSight(23.14, 113.34, 23.155, 113.36))
        assert {place.id for place in seen.places} == {"school-1", "tank-farm"} and seen.total == 2
        await tier.ask(PutPlaces((structs.replace(SCHOOL, removed=True),)))
        assert (await tier.ask(PlacesInSight(23.14, 113.34, 23.155, 113.36))).total == 1  # as it is now
        with pytest.raises(BadInput):
            await tier.ask(PlacesInSight(24, 113, 23, 114))


async def test_a_playbook_for_a_kind_of_place_names_it_and_shows_its_cameras(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    async with tier.running():
        playbooks(tier, CHEMICAL)
        await filled(tier)
        await tier.ask(AddCamera("hill", "44", url="rtsp://192.0.2.1/", where=(23.152, 113.351)))
        await tier.ask(AddCamera("far", "44", url="rtsp://192.0.2.2/", where=(24.9, 113.351)))
        beside = await say(tier, 1, about="beside", where=(23.20, 113.36))  # in the marsh, which is no enterprise
        inside = await say(tier, 2, about="inside", where=(23.151, 113.35))
        await until_what(tier, inside, ["waits"])
        assert await whats(tier, beside) == []
        found = await tier.ask(OneAlarm(inside.id))
        assert [place.id for place in found.at] == ["tank-farm", "marsh"]
        (ready,) = found.applies
        assert ready.draft.text == "南方化工（440106001）：Smoke，请核实。".replace(
            "440106001", name_of(ready.draft.text)
        )
        assert ready.place == FARM and ready.cameras == ("44.01.06.gate-1", "44.hill") == found.cameras


def name_of(text: str) -> str:
    """What stands for the administrative place."""
    return text.partition("（")[2].partition("）")[0]


async def test_an_alarm_that_says_only_a_place_is_of_its_node_and_calls_nobody_while_that_is_unknown(
    tmp_path: Path,
) -> None:
    tier = await tier_in(tmp_path)
    async with tier.running() as node:
        playbooks(tier, CHEMICAL.replace(', places = ["enterprise"]', ""))
        alarm = await say(tier, 1, nodes=("44",), place="tank-farm", only_place=True)
        await until_what(tier, alarm, ["waits"])
        (blind,) = (await tier.ask(OneAlarm(alarm.id))).applies
        assert blind.draft is None and "no place tank-farm in the registry" in blind.problem_en
        await filled(tier)
        await tier.ask(LookAtAlarm(alarm.id, True))
        await until_what(tier, alarm, ["waits", "confirmed", "prepared"])
        (ready,) = (await tier.ask(OneAlarm(alarm.id))).applies
        assert ready.draft.audience.nodes == ("440106001",) and "南方化工" in ready.draft.text
        other = await say(tier, 2, about="b", nodes=("44",), place="school-1", only_place=True)
        await until(lambda: other.id in node.desks.alarms.book.alarms)
        assert (await tier.ask(Alarms("440106001"))).lines[0].alarm.id == other.id


def test_a_hook_or_sensor_may_say_no_more_than_a_place() -> None:
    source = HookSource("towers", "k" * 24)
    make = lambda body: hooks.alarm_of(body, source, 1_000, make_id, lambda lat, lon: "440106001", "44")  # noqa: E731
    only = make(b'{"about": "a", "headline": "h", "place": "tank-farm"}')
    assert (only.nodes, only.place, only.only_place) == (("44",), "tank-farm", True)
    both = make(b'{"about": "a", "headline": "h", "place": "tank-farm", "lat": 23, "lon": 113}')
    assert (both.nodes, both.only_place) == (("440106001",), False)
    with pytest.raises(BadInput, match="Give at, where or place"):
        read(b'[[sensor]]\nname = "x"\nseries.gas = {event = "gas", limits = [{severity = "severe", above = 1}]}')
    assert read(b'[[sensor]]\nname = "x"\nplace = "tank-farm"\nseries.gas = {event = "gas", silent_s = 9}').sensor
