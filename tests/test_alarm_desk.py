"""Alarms at a node: a second look, an order prepared, one issued without a hand where a key was granted for that."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from msgspec import structs

from fusioncmd import api, subjects
from fusioncmd.alarm import alarm as alarms
from fusioncmd.alarm import decided as decisions
from fusioncmd.alarm import subjects as alarm_subjects
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.decided import Decided
from fusioncmd.api.alarms import AlarmLine, Alarms, DryPlaybooks, LookAtAlarm, OneAlarm
from fusioncmd.bus.port import ALARM
from fusioncmd.cli.alarms import READY_MS_MAX, _ready
from fusioncmd.codes import Path as Place
from fusioncmd.errors import Forbidden
from fusioncmd.messages import encode
from fusioncmd.trust import handing, ring
from fusioncmd.trust.expiry import DAY_MS
from fusioncmd.trust.handing import Terms
from tests.key_tier import Tier
from tests.nats_server import until
from tests.test_alarm_rules import of
from tests.test_desk import PLACES
from tests.test_gazetteer import square
from tests.test_node import TABLE, first_slice
from tests.worlds import make_id
from tiers.borders import NO_MAP

PREPARED = """
[[playbook]]
name = "smoke"
when = {events = ["smoke"], severity = "moderate"}
call = {text = "{where}：{headline}，请核实。", answers = ["安全", "需要支援"], level = "county"}
"""
ISSUED = PREPARED.replace('name = "smoke"', 'name = "smoke"\nthen = "issue"\nsecond_look = false')


async def tier_in(folder: Path) -> Tier:
    """With people."""
    tier = Tier(folder)
    ring.make(tier.office, "44", "Duty", tier.now_ms)
    await tier.bus.store(subjects.roster(PLACES.root), encode(TABLE))
    for code in TABLE.towns:
        await tier.bus.store(subjects.roster(Place(code)), encode(first_slice(code)))
    return tier


async def say(tier: Tier, number: int, **more: object) -> Alarm:
    alarm = of(id=make_id(number, tier.now_ms), said_ms=tier.now_ms, status="exercise", **more)
    await tier.bus.store(alarm_subjects.alarm(alarm.path), alarms.encode(alarm))
    return alarm


def grant(tier: Tier) -> None:
    """The office grants the node a key for orders without a hand, in exercises."""
    auto, office = tier.folder / "data" / "auto", tier.office
    _, request = handing.ask_for(auto, "auto", "Playbooks", both_in_one=False)
    terms = Terms("44", ring.BOTH, (), False, 30 * DAY_MS)
    handing.take(auto, handing.grant(office, request, handing.signer_of(office, "root"), terms, tier.now_ms))


def playbooks(tier: Tier, text: str) -> None:
    (tier.folder / "data" / "playbooks.toml").write_text(text, "utf-8")


async def whats(tier: Tier, alarm: Alarm) -> list[str]:
    lines = {line.alarm.id: line for line in (await tier.ask(Alarms())).lines}
    return [each.what for each in lines[alarm.id].decided] if alarm.id in lines else []


async def test_what_waits_for_a_second_look_is_prepared_once_it_is_confirmed(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    async with tier.running():
        playbooks(tier, PREPARED)
        alarm = await say(tier, 1)
        await until_what(tier, alarm, ["waits"])
        found = await tier.ask(OneAlarm(alarm.id))
        (ready,) = found.applies
        assert ready.draft.audience.nodes == ("440106",) and "Smoke" in ready.draft.text and ready.people > 0
        await tier.ask(LookAtAlarm(alarm.id, True))
        await until_what(tier, alarm, ["waits", "confirmed", "prepared"])
        assert not (await tier.ask(api.Orders())).lines
        other = await say(tier, 2, about="tower-2", nodes=("440103001",))
        await until_what(tier, other, ["waits"])
        await tier.ask(LookAtAlarm(other.id, False, "steam"))
        assert [line.standing for line in (await tier.ask(Alarms())).lines] == ["dismissed", "confirmed"]
        assert [line.alarm.about for line in (await tier.ask(Alarms("440103"))).lines] == ["tower-2"]


async def until_what(tier: Tier, alarm: Alarm, wanted: list[str]) -> None:
    for _ in range(200):
        if await whats(tier, alarm) == wanted:
            return
    raise AssertionError((await tier.ask(OneAlarm(alarm.id))).line.decided)


async def test_without_a_hand_only_under_a_key_that_was_granted_for_that(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    playbooks(tier, ISSUED)
    async with tier.running():
        first = await say(tier, 1)
        await until_what(tier, first, ["failed", "prepared"])
        assert "No key was granted" in (await tier.ask(OneAlarm(first.id))).line.decided[0].words[0]
        grant(tier)
        again = await say(tier, 2, about="tower-2")
        assert await whats(tier, again) == []  # the playbook was done for this place just now
        second = await say(tier, 3, about="tower-3", nodes=("440103001",))
        await until_what(tier, second, ["issued"])
        (line,) = (await tier.ask(api.Orders())).lines
        assert (line.order.issuer, line.order.audience.nodes) == ("Playbooks", ("440103",))
        decided = (await tier.ask(OneAlarm(second.id))).line.decided[0]
        assert decided.order == line.order.id and line.targeted > 0


async def test_neighbours_are_called_by_the_map_and_health_says_where_there_is_none(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    playbooks(tier, PREPARED.replace('level = "county"', 'level = "county", neighbours = true'))
    async with tier.running() as node:
        alarm = await say(tier, 1, nodes=("440106001",))
        await until_what(tier, alarm, ["waits"])
        assert [words[0] for words in node.desks.alarms.problems()] == [NO_MAP[0]]
        (alone,) = (await tier.ask(OneAlarm(alarm.id))).applies
        at = {"440106": (23, 113), "440103": (23, 114), "440305": (23, 112), "440105": (25, 112)}
        counties = [square(code, *corner) for code, corner in at.items()]
        (tier.folder / "data" / "counties.geojson").write_text(json.dumps({"features": counties}))
        (beside,) = (await tier.ask(OneAlarm(alarm.id))).applies
        assert alone.draft is not None and alone.draft.audience.nodes == ("440106",)
        assert beside.draft is not None and beside.draft.audience.nodes == (
            "440103",
            "440106",
        )  # 440305: nowhere here
        assert not list(node.desks.alarms.problems())


async def test_a_restart_knows_what_was_decided_and_does_nothing_twice(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    playbooks(tier, ISSUED)
    grant(tier)
    async with tier.running():
        alarm = await say(tier, 1)
        await until_what(tier, alarm, ["issued"])
    async with tier.running():
        await say(tier, 2, about="wakes-it", event="gas")
        assert await whats(tier, alarm) == ["issued"] and len((await tier.ask(api.Orders())).lines) == 1


async def test_playbooks_are_run_over_past_alarms_and_a_wrong_file_is_told(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    async with tier.running():
        for number in range(1, 5):
            await say(tier, number, about=f"t{number}", severity="minor" if number == 4 else "severe")
        dry = await tier.ask(DryPlaybooks(PREPARED.encode()))
        assert (len(dry.lines), dry.looked_at) == (3, 4) and not (await tier.ask(api.Orders())).lines
        playbooks(tier, "[[playbook]]\nname = 1\n")
        assert await tier.said("playbooks.toml: Not playbooks")  # before anything comes
        assert "Not playbooks" in (await tier.ask(Alarms())).problem_en
        playbooks(tier, PREPARED)
        assert (await tier.ask(Alarms())).playbooks == ("smoke",)


def test_who_touches_again_what_was_issued_before_the_second_look_issues_nothing_anew() -> None:
    now_ms = int(time.time() * 1000)
    issued = Decided(b"a" * 16, "440106", "issued", "Chen Wei", now_ms, "smoke", b"o" * 16)
    line = AlarmLine(of(), "open", now_ms, 1, "severe", (issued,))
    assert _ready(line, "smoke") == b"o" * 16 and _ready(line, "another") is None
    old = structs.replace(issued, at_ms=now_ms - READY_MS_MAX)
    assert _ready(structs.replace(line, decided=(old,)), "smoke") is None


async def test_an_alarm_on_another_places_subject_is_none(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    async with tier.running() as node:
        alarm = of(id=make_id(1, tier.now_ms), nodes=("440103",))
        await tier.bus.store("fc.alarm.44", alarms.encode(structs.replace(alarm)))
        await until(lambda: node.desks.alarms.bad == 1)
        assert not (await tier.ask(Alarms())).lines


async def test_a_storm_that_waits_for_a_second_look_does_not_delay_who_is_called_at_once(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    at_once = ISSUED.replace('name = "smoke"', 'name = "gas"').replace('["smoke"]', '["gas"]')
    playbooks(tier, PREPARED + at_once)
    grant(tier)
    storm = [await say(tier, n, about=f"t{n}", nodes=("440103001",)) for n in range(1, 40)]
    leak = await say(tier, 40, about="leak", event="gas")
    async with tier.running():
        await until_what(tier, leak, ["issued"])
        await until_what(tier, storm[-1], ["waits"])
    kept = [stored async for stored in tier.bus.read(ALARM) if stored.subject.startswith("fc.decided.")]
    decided = [each.alarm for stored in kept for each in decisions.decode(stored.data)]
    assert decided == [leak.id, *(alarm.id for alarm in storm)] and len(kept) == 2


async def test_the_second_look_is_for_who_has_all_that_the_alarm_is_of(tmp_path: Path) -> None:
    """A city's officer would call down, or keep from being called, the whole province."""
    tier = await tier_in(tmp_path)
    tier.grant(30)
    playbooks(tier, ISSUED.replace("second_look = false", "second_look = true"))
    async with tier.running():
        city = tier._commander(tier.own)
        wide, own = await say(tier, 1, nodes=("44",)), await say(tier, 2, about="tower-2")
        for alarm in (wide, own):
            await until_what(tier, alarm, ["waits"])
        for confirm in (True, False):
            with pytest.raises(Forbidden, match="lies beyond"):
                await city.ask(LookAtAlarm(wide.id, confirm), timeout_s=2.0)
        assert (await city.ask(OneAlarm(wide.id), timeout_s=2.0)).line.standing == "open"  # which may be read
        assert (await city.ask(LookAtAlarm(own.id, False), timeout_s=2.0)).line.standing == "dismissed"
