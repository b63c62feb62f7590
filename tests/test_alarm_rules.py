"""Alarms are folded without losing a distinct one; a sensor's limits, rates and silence."""

from __future__ import annotations

import math
import random

import pytest
from msgspec import structs

from fusioncmd.alarm import alarm as alarms
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.folding import AGAIN_MS, FORGET_MS, Folder
from fusioncmd.alarm.series import Crossing, Limit, Series, Watch, check
from fusioncmd.errors import BadInput, BadMessage


def of(about: str = "tower-1", source: str = "hook.camera", **more: object) -> Alarm:
    plain = Alarm(
        bytes(16), source, about, "new", "smoke", "actual", "moderate", "likely", "immediate", 1_000, 1_000,
        ("440106001",), "Smoke",
    )  # fmt: skip
    return structs.replace(plain, **more)


def test_a_storm_is_folded_and_no_distinct_alarm_is_lost() -> None:
    dice, folder, told = random.Random(7), Folder(), []
    names = [f"tower-{i}" for i in range(700)]
    said = [dice.choice(names) for _ in range(10_000 - len(names))] + names
    dice.shuffle(said)
    for i, name in enumerate(said):
        if (now := folder.hear(of(name, id=i.to_bytes(16, "big")), i)) is not None:
            told.append(now)
    told += folder.due(10_000 + AGAIN_MS)
    assert {one.about for one in told} == set(names)
    assert len(told) <= 2 * len(names) and sum(one.times for one in told) == len(said)
    assert not folder.limited()


def test_an_exercise_that_turns_actual_is_told_at_once() -> None:
    folder = Folder()
    assert folder.hear(of(status="exercise"), 0) is not None
    told = folder.hear(of(), 1)
    assert told is not None and told.status == "actual" and folder.hear(of(status="exercise"), 2) is None


def test_what_is_graver_surer_wider_or_over_is_told_at_once() -> None:
    folder = Folder()
    first = folder.hear(of(), 0)
    assert first is not None and first.state == "new"
    assert folder.hear(of(), 1) is None
    for more in (
        {"severity": "extreme"}, {"severity": "extreme", "certainty": "observed"},
        {"severity": "extreme", "certainty": "observed", "nodes": ("440106001", "440106002")}, {"state": "over"},
    ):  # fmt: skip
        told = folder.hear(of(**more), 2)
        assert told is not None and told.id == first.id
    assert told.state == "over"
    assert folder.hear(of(state="over"), 3) is None  # over twice is over once
    again = folder.hear(of(id=b"n" * 16), 4)
    assert again is not None and (again.state, again.id) == ("new", b"n" * 16)
    assert folder.hear(of(), 4 + FORGET_MS) is None and folder.hear(of(id=b"m" * 16), 5 + 2 * FORGET_MS) is not None


def test_a_source_that_floods_is_limited_and_named_and_others_are_not() -> None:
    folder = Folder(begun_per_s=10, begun_at_once=100)
    told = sum(folder.hear(of(f"x{i}", "mqtt.mad"), i) is not None for i in range(1_000))
    assert 100 <= told <= 111 and folder.limited() == {"mqtt.mad": 1_000 - told}
    assert folder.hear(of("y", "mqtt.sane"), 1_000) is not None


def test_the_lowest_place_that_covers_all_and_the_fewest_places() -> None:
    assert (
        of(nodes=("440106001", "440106002")).path.code == "440106" and of(nodes=("4401", "440106")).path.code == "4401"
    )
    assert alarms.fewest(["440106", "440106001", "440305"]) == ("440106", "440305")
    assert alarms.fewest([f"4401{i:02}{j:03}" for i in range(20) for j in range(1, 30)], 50) == tuple(
        f"4401{i:02}" for i in range(20)
    )
    with pytest.raises(BadMessage):
        _ = of(nodes=("44", "45")).path


def test_an_alarm_goes_through_bytes_and_nothing_else_does() -> None:
    assert alarms.decode(alarms.encode(of())) == of()
    for bad in (b"", b"\xc1", alarms.encode(of())[:-1], bytes(40_000)):
        with pytest.raises(BadMessage):
            alarms.decode(bad)


GAS = Series("gas", "%LEL", (Limit("moderate", above=20, back=5), Limit("extreme", above=50, back=5)), silent_s=30)


def test_a_limit_is_crossed_once_and_left_by_more_than_it_was_crossed() -> None:
    watch, told = Watch(GAS, 0.0), []
    for at, value in enumerate((10, 19, 21, 19, 21, 16, 55, 48, 44, 30, 14.9, 14)):
        told += watch.read(value, float(at))
    assert [(c.what, c.severity, c.value) for c in told] == [
        ("above", "moderate", 21), ("above", "extreme", 55), ("above", "moderate", 44), ("above", None, 14.9),
    ]  # fmt: skip


def test_a_sensor_that_stops_is_an_alarm_and_one_that_never_began_too() -> None:
    watch = Watch(GAS, 0.0)
    assert watch.late(30.0) is None and watch.late(31.0) == Crossing(
        "silent", "minor", pytest.approx(math.nan, nan_ok=True), 31.0
    )
    assert watch.late(99.0) is None
    assert [c.severity for c in watch.read(1.0, 100.0)] == [None]
    assert watch.late(131.0) is not None


def test_a_rate_of_change() -> None:
    river = Series("water", "m", (Limit("severe", rising_per_s=0.01),))
    watch = Watch(river, 0.0)
    assert not [c for at in range(100) for c in watch.read(at * 0.001, float(at))]
    told = [c for at in range(100, 110) for c in watch.read(0.1 + (at - 99) * 0.02, float(at))]
    assert [(c.what, c.severity) for c in told] == [("rising", "severe")]
    assert [c.what for c in watch.read(9.0, 109.0)] == []  # two readings at once are no rate


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300])
def test_a_reading_that_is_none_is_said_and_changes_nothing(value: float) -> None:
    watch = Watch(GAS, 0.0)
    watch.read(55.0, 1.0)
    assert [c.what for c in watch.read(value, 2.0)] == ["invalid"] and watch.severity == "extreme"


def test_limits_that_make_no_sense() -> None:
    for limit in (Limit("minor"), Limit("minor", above=math.nan), Limit("minor", above=1, below=2)):
        with pytest.raises(BadInput):
            check(Series("gas", limits=(limit,)))
    check(GAS)
