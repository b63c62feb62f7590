"""An alarm calls once: not twice when something fails in the middle, and not never because of an exercise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from fusioncmd import api
from fusioncmd.alarm import alarm as alarms
from fusioncmd.alarm import book as book_of
from fusioncmd.alarm import subjects
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.book import Book
from fusioncmd.alarm.decided import Decided
from fusioncmd.api.alarms import LookAtAlarm, OneAlarm
from fusioncmd.errors import BusDown, Forbidden
from tests.key_tier import Tier
from tests.nats_server import until
from tests.test_alarm_desk import ISSUED, PREPARED, grant, playbooks, say, tier_in, until_what, whats
from tests.test_alarm_rules import of
from tiers import alarm_playbooks
from tiers.node import Node

AT_ONCE = PREPARED.replace('name = "smoke"', 'name = "smoke"\nsecond_look = false')


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm_playbooks, "AGAIN_S", 0.001)


async def said(tier: Tier, alarm: Alarm, **more: object) -> Alarm:
    """Of the same thing, once more."""
    again = structs.replace(alarm, state="more", said_ms=tier.now_ms, **more)
    await tier.bus.store(subjects.alarm(again.path), alarms.encode(again))
    return again


def failing(node: Node, what: str) -> list[bytes]:
    """The bus is lost just when that is to be decided; of which alarms."""
    ours, tried = node.desks.alarms._playbooks, list[bytes]()
    decide = ours.decide

    async def lost(known: Any, playbook: Any, made: Any, *rest: Any, **more: Any) -> None:
        if made == what:
            tried.append(known.alarm.id)
            raise BusDown("lost", "断线")
        await decide(known, playbook, made, *rest, **more)

    ours.decide = lost  # type: ignore[method-assign]
    return tried


async def test_what_is_lost_between_the_order_and_its_decision_calls_nobody_twice(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    playbooks(tier, ISSUED)
    grant(tier)
    async with tier.running() as node:
        tried = failing(node, "issued")
        alarm = await say(tier, 1)
        for _ in range(200):
            await whats(tier, alarm)
            if len(tried) > 3:
                break
        assert await whats(tier, alarm) == [] and len((await tier.ask(api.Orders())).lines) == 1
    tier.now_ms += 60_000
    async with tier.running():
        await until_what(tier, alarm, ["issued"])
        (line,) = (await tier.ask(api.Orders())).lines
        assert (await tier.ask(OneAlarm(alarm.id))).line.decided[0].order == line.order.id


async def test_what_fails_for_long_keeps_no_other_waiting(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    playbooks(tier, ISSUED + PREPARED.replace('name = "smoke"', 'name = "gas"').replace('["smoke"]', '["gas"]'))
    grant(tier)
    async with tier.running() as node:
        tried = failing(node, "issued")
        await say(tier, 1)
        other = await say(tier, 2, about="tank", event="gas", nodes=("440103001",))
        await until_what(tier, other, ["waits"])
        assert tried


async def test_what_somebody_dismissed_calls_nobody_later(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    playbooks(tier, AT_ONCE.replace("second_look", "once_s = 60\nsecond_look"))
    async with tier.running():
        first = await say(tier, 1)
        await until_what(tier, first, ["prepared"])
        second = await say(tier, 2, about="tower-2")  # within a minute of the first
        other = await say(tier, 4, about="tower-4", nodes=("440103001",))
        await until_what(tier, other, ["prepared"])
        tier.now_ms += 61_000
        await tier.ask(LookAtAlarm(second.id, False, "steam"))
        await said(tier, second)
        third = await say(tier, 3, about="tower-3")
        await until_what(tier, third, ["prepared"])
        assert await whats(tier, second) == ["dismissed"]


async def test_what_was_held_back_does_not_begin_at_a_restart_minutes_later(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    playbooks(tier, AT_ONCE.replace("second_look", "once_s = 60\nsecond_look"))
    async with tier.running():
        await until_what(tier, await say(tier, 1), ["prepared"])
        tier.now_ms += 30_000
        held = await say(tier, 2, about="tower-2")
        other = await say(tier, 3, about="tower-3", nodes=("440103001",))
        await until_what(tier, other, ["prepared"])
    tier.now_ms += 40_000  # 70 s after the first: 60 are over
    async with tier.running():
        await until_what(tier, await say(tier, 4, about="tower-4"), ["prepared"])
        assert await whats(tier, held) == []


async def test_an_exercise_keeps_no_actual_alarm_waiting(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    playbooks(tier, AT_ONCE)
    async with tier.running():
        first = await say(tier, 1)
        await until_what(tier, first, ["prepared"])
        second = await said(tier, structs.replace(await say(tier, 2, about="tower-2"), status="actual"))
        await until_what(tier, second, ["prepared"])


async def test_an_exercise_that_turns_actual_was_looked_at_by_nobody(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    playbooks(tier, PREPARED)
    async with tier.running():
        alarm = await say(tier, 1)
        await until_what(tier, alarm, ["waits"])
        await tier.ask(LookAtAlarm(alarm.id, True))
        await until_what(tier, alarm, ["waits", "confirmed", "prepared"])
        await said(tier, alarm, status="actual")
        await until_what(tier, alarm, ["waits", "confirmed", "prepared", "waits"])
        assert (await tier.ask(OneAlarm(alarm.id))).line.standing == "open"
    async with tier.running():
        await tier.ask(LookAtAlarm(alarm.id, True))
        await until_what(tier, alarm, ["waits", "confirmed", "prepared", "waits", "confirmed", "prepared"])
        orders = [each.order for each in (await tier.ask(OneAlarm(alarm.id))).line.decided if each.order]
        assert len(set(orders)) == 2


async def test_what_concerns_a_province_is_not_decided_in_a_city(tmp_path: Path) -> None:
    tier = await tier_in(tmp_path)
    tier.grant(30)
    async with tier.running() as node:
        wide = await say(tier, 1, nodes=("44",))
        own = await say(tier, 2, about="tower-2")
        await until(lambda: len(node.desks.alarms.book.alarms) == 2)
        city = tier._commander(tier.own)
        assert (await city.ask(OneAlarm(wide.id), timeout_s=2.0)).line.alarm.id == wide.id
        with pytest.raises(Forbidden, match="lies beyond"):
            await city.ask(LookAtAlarm(wide.id, True), timeout_s=2.0)
        assert (await city.ask(LookAtAlarm(own.id, True), timeout_s=2.0)).line.standing == "confirmed"
        assert await whats(tier, wide) == []


async def test_a_gateway_that_begins_anew_has_nobody_called_again(tmp_path: Path) -> None:
    """It says what still is, such as all that lies in a feed, under ids of its own."""
    tier = await tier_in(tmp_path)
    playbooks(tier, ISSUED.replace("second_look", "once_s = 60\nsecond_look"))
    grant(tier)
    async with tier.running():
        first = await say(tier, 1)
        await until_what(tier, first, ["issued"])
        tier.now_ms += 61_000
        await say(tier, 2)
        other = await say(tier, 3, about="tower-2", nodes=("440103001",))
        await until_what(tier, other, ["issued"])
        assert await whats(tier, first) == ["issued"] and len((await tier.ask(api.Orders())).lines) == 2
        assert (await tier.ask(OneAlarm(first.id))).line.times == 2
        await say(tier, 4, state="over")
        tier.now_ms += 61_000
        again = await say(tier, 5)  # what was over begins anew
        await until_what(tier, again, ["issued"])


def test_what_is_said_long_after_is_new_but_for_what_has_a_name_of_its_own() -> None:
    book, later = Book(), 11 * 60_000
    for source, alarms_of in (("video.44.gate", 2), ("cap.weather", 1)):
        for n in range(2):
            book.hear(of(source=source, id=source[:15].encode() + bytes([n]), said_ms=n * later))
        assert sum(known.alarm.source == source for known in book.alarms.values()) == alarms_of


def test_the_book_stays_bounded_and_forgets_what_it_sheds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_of, "ALARMS_MAX", 3)
    book = Book()
    for n in range(1, 9):
        book.hear(of(about=f"t{n % 4}", id=bytes([n]) * 16, said_ms=n))
    assert len(book.alarms) == len(book._last) == 3


def test_what_departments_are_told_crowds_out_no_decision() -> None:
    book, alarm = Book(), of()
    book.hear(alarm)
    for n, what in enumerate(("waits", "dismissed", *["told"] * book_of.DECIDED_MAX)):
        book.decide(Decided(alarm.id, "440106001", what, "p", n, "p" if what == "waits" else ""))  # type: ignore[arg-type]
    known = book.alarms[alarm.id]
    assert len(known.decided) == book_of.DECIDED_MAX and known.standing == "dismissed" and known.of("p") is not None


def test_what_stands_beside_an_order_of_an_exercise_is_none_beside_an_actual_one() -> None:
    book = Book()
    alarm = of()
    book.hear(alarm)
    book.decide(Decided(alarm.id, "440106001", "drawn", "p", 5, "p", bytes(16), status="exercise"))
    assert book.beside("p", "440106", "exercise") == (5, bytes(16)) and book.beside("p", "440106", "actual") is None
