"""Departments at a real node: a playbook calls their duty desks, and neither a restart nor an import loses anything."""

from __future__ import annotations

from pathlib import Path

from fusioncmd.alarm import cap_xml
from fusioncmd.alarm.cap import CapAlert
from fusioncmd.api.alarms import LookAtAlarm, OneAlarm
from fusioncmd.api.departments import Departments
from fusioncmd.bus import users
from fusioncmd.departments import folder
from fusioncmd.roster.load import import_people
from tests.key_tier import Tier
from tests.nats_server import until
from tests.test_alarm_desk import PREPARED, playbooks, say, tier_in, until_what
from tests.test_departments import WEATHER
from tests.test_desk import PLACES


class Taking:
    """A department on the bus in memory: what it takes."""

    def __init__(self) -> None:
        self.heard: list[CapAlert] = []

    async def serve(self, tier: Tier) -> None:
        async def take(data: bytes) -> bytes:
            self.heard += [cap_xml.read(data)] if data else []
            return b"{}"

        for what in ("alarm", "order", "hello"):
            await tier.bus.serve(f"fc.department.weather.take.{what}", take)


async def test_a_playbook_calls_duty_desks_and_a_restart_tells_nothing_twice(tmp_path: Path) -> None:
    tier, end = await tier_in(tmp_path), Taking()
    bus = users.folder_of(tmp_path / "data")
    folder.folder_of(bus).mkdir(parents=True)
    folder.put(bus, WEATHER)
    playbooks(tier, PREPARED + 'departments = ["weather", "ghost"]\n')
    await end.serve(tier)
    async with tier.running() as node:
        await until(lambda: WEATHER.role in node.desk.roster.by_role)
        alarm = await say(tier, 1)
        await until_what(tier, alarm, ["waits"])
        (ready,) = (await tier.ask(OneAlarm(alarm.id))).applies
        assert ready.draft.audience.desks == ("44.weather",)
        assert await tier.said("calls department ghost, which has no duty desk here")
        await tier.ask(LookAtAlarm(alarm.id, True))
        await until(lambda: end.heard)
        [line] = (await tier.ask(Departments())).lines
        assert (line.here, line.desk, line.desk_name) == (True, "44.weather", "气象局值班室")
        await until(lambda: {each.what for each in node.desks.alarms.book.alarms[alarm.id].decided} >= {"told"})
    async with tier.running() as node:
        other = await say(tier, 2, about="tower-2")
        await tier.ask(LookAtAlarm(other.id, True))
        await until(lambda: len(end.heard) > 1)
        assert [each.msg_type for each in end.heard] == ["Alert", "Alert"]


async def test_an_import_that_leaves_the_desk_out_has_it_put_back(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    bus = users.folder_of(tmp_path / "data")
    folder.folder_of(bus).mkdir(parents=True)
    folder.put(bus, WEATHER)
    async with tier.running() as node:
        await until(lambda: node.desk.roster.number_of(WEATHER.person))
        number = node.desk.roster.number_of(WEATHER.person)
        people = node.desk.roster.people
        found = await import_people(tier.bus, PLACES, "a-1,陈,13800000001,440106001,flood\n".encode(), prune=True)
        assert found.left == people
        await until(lambda: node.desk.roster.people == 2)
        assert node.desk.roster.number_of(WEATHER.person) == number
        folder.remove(bus, "weather")
        await until(lambda: node.desk.roster.people == 1)
