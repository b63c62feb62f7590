"""A plan is arithmetic that anybody can check: it never needs less for more people, and names what binds."""

from __future__ import annotations

import heapq
import math
import random
import re
from dataclasses import replace
from typing import Any, get_type_hints

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pyroaring import BitMap

from fusioncmd import descriptors, limits
from fusioncmd.cli.up import up
from fusioncmd.errors import BadInput
from fusioncmd.plan import asked as bounds
from fusioncmd.plan import costs
from fusioncmd.plan.asked import PEOPLE_MAX, PEOPLE_PER_NODE_MAX, Asked
from fusioncmd.plan.nation import POPULATION, Nation, plan_nation
from fusioncmd.plan.province import Plan, plan_province
from fusioncmd.plan.steps import Factor, Group, Step, number, quantity
from gateways.responder.fanout import Fanout

GUANGDONG = Asked(840_000)
SCALES = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "%": 0.01}


def planned(asked: Asked) -> Plan | Nation:
    return plan_nation(asked) if asked.people > PEOPLE_PER_NODE_MAX else plan_province(asked)


@st.composite
def wishes(draw: st.DrawFn) -> Asked:
    delivered_s = draw(st.integers(5, 600))
    return Asked(
        people=draw(st.integers(1, PEOPLE_PER_NODE_MAX)), connected=draw(st.floats(0.1, 100)),
        back_s=draw(st.integers(1, 3_600)), delivered_s=delivered_s,
        confirmed_s=delivered_s + draw(st.integers(0, 600)), cores=draw(st.integers(1, 128)),
        memory_gib=draw(st.integers(2, 512)), descriptors=draw(st.integers(1_024, 65_536)),
        replicas=draw(st.sampled_from([1, 3, 5])), spare=draw(st.integers(0, 3)),
        orders_per_day=draw(st.floats(0.01, 4)), keep_days=draw(st.integers(1, 400)),
        reports=draw(st.floats(0, 100)), satellite=draw(st.floats(0, 100)),
    )  # fmt: skip


def amounts(plan: Plan) -> dict[str, float]:
    found: dict[str, float] = {"machines": plan.machines, "gateways": plan.processes, "connected": plan.connected}
    for group in plan.groups:
        found |= {f"{group.name}.{step.name}": step.value for step in group.steps}
    return found


@given(wishes(), st.integers(1, PEOPLE_PER_NODE_MAX))
def test_more_people_never_need_less_of_anything(asked: Asked, people: int) -> None:
    fewer, more = sorted((asked.people, people))
    try:
        most = amounts(plan_province(replace(asked, people=more)))
    except BadInput:
        assume(False)
    least = amounts(plan_province(replace(asked, people=fewer)))  # and what can be done for more can be for fewer
    assert least.keys() == most.keys()
    assert [name for name in least if least[name] > most[name] * (1 + 1e-12)] == []


@given(st.integers(1, PEOPLE_MAX), st.integers(1, PEOPLE_MAX), st.booleans())
def test_nor_does_a_province_when_it_becomes_a_nation(one: int, other: int, at_the_turn: bool) -> None:
    fewer, more = (PEOPLE_PER_NODE_MAX, PEOPLE_PER_NODE_MAX + 1) if at_the_turn else sorted((one, other))
    small, large = planned(Asked(fewer)), planned(Asked(more))
    for name in ("machines", "processes", "nodes", "nats_servers"):
        assert getattr(small, name) <= getattr(large, name), name


@given(wishes())
def test_a_plan_holds_what_it_is_asked_for(asked: Asked) -> None:
    try:
        plan = plan_province(asked)
    except BadInput:
        return
    assert plan.processes * (asked.descriptors - 256) >= plan.connected >= asked.people * asked.connected / 100 - 1e-6
    assert plan.carrying * asked.cores >= plan.group("cores").value * (1 - 1e-9)
    room = (asked.memory_gib * 0.8 - 1) * 1024**3
    assert plan.carrying * room >= (plan.group("memory").value + plan.group("node_memory").value) * (1 - 1e-9)
    assert plan.group("node_memory").value <= room and plan.group("node_cpu").value <= 1
    assert plan.carrying >= asked.replicas and plan.machines == plan.carrying + asked.spare


@pytest.mark.parametrize(
    ("wish", "group", "binding"),
    [
        ({"back_s": 30}, "gateway_cpu", "back"),
        ({"back_s": 600}, "gateway_cpu", "delivered"),
        ({"back_s": 600, "delivered_s": 60}, "gateway_cpu", "confirmed"),
        ({}, "processes", "descriptors"),
        ({"descriptors": 65_536, "back_s": 5}, "processes", "cores"),
        ({"descriptors": 65_536, "back_s": 600, "satellite": 100, "delivered_s": 10}, "processes", "windows"),
        ({"cores": 2}, "machines", "cores"),
        ({"memory_gib": 12, "keep_days": 180}, "machines", "memory"),
        ({"descriptors": 4_096, "memory_gib": 512}, "machines", "processes"),
        ({"replicas": 3}, "machines", "replicas"),
    ],
)
def test_each_constraint_can_bind(wish: dict[str, Any], group: str, binding: str) -> None:
    plan = plan_province(replace(GUANGDONG, **wish))
    assert plan.group(group).binding.name == binding
    assert group == "gateway_cpu" or plan.group(group).binding.value == plan.group(group).value


@pytest.mark.parametrize("far", [0, 5, 30])
def test_windows_carry_what_the_rule_of_the_fan_out_lets_through(far: int) -> None:
    """The gateway's own rule, played with phones and satellites, against the plan's one line."""
    people, chance = 64 * limits.FANOUT_UNANSWERED_MAX, random.Random(1)  # the first and the last are few of them
    fanout, now_ms, last_ms = Fanout(BitMap(range(people)), 0.0), 0.0, 0.0
    back: list[tuple[float, int]] = []  # when, and whose receipt
    while not fanout.done:
        while taken := fanout.take(now_ms):
            last_ms = now_ms
            for one in taken:
                trip = costs.SATELLITE if chance.random() < far / 100 else costs.PHONE
                heapq.heappush(back, (now_ms + trip.value, one))
        if not fanout.done:
            now_ms, one = heapq.heappop(back)
            fanout.answered(BitMap([one]), now_ms)
    asked = Asked(people, satellite=far, delivered_s=1)
    seconds = plan_province(asked).group("processes").step("windows").value  # of one process, for one second
    assert last_ms / 1000 == pytest.approx(seconds, rel=0.05)


def test_every_line_of_arithmetic_comes_out_as_it_is_written() -> None:
    """Read back from its text, as a person with a calculator would."""
    plan = plan_province(replace(GUANGDONG, satellite=5, replicas=3))
    for group in (*plan.groups, *plan_nation(replace(GUANGDONG, people=20_000_000)).groups):
        for step in group.steps:
            first, *rest = step.formula.split(" / ")
            reckoned = math.prod(plain(text) for text in first.split(" × ")) / math.prod(map(plain, rest))
            assert reckoned == pytest.approx(step.value, rel=0.03), f"{group.name}.{step.name}: {step.formula}"


def plain(text: str) -> float:
    found = re.fullmatch(r"([\d,.e-]+) ?(\S*)", text)
    assert found is not None, text
    return float(found[1].replace(",", "")) * SCALES.get(found[2], 1)


def test_figures_are_written_as_they_are_read() -> None:
    shown = [number(v) for v in (840_000, 42.54, 9.4, 0.6, 123.4, 0.0031, 0)]
    assert shown == ["840,000", "42.5", "9.4", "0.6", "123", "0.003", "0"]
    sizes = [quantity(v, "B") for v in (0.4, 1023, 1024, 5.5 * 1024**3, 1024**4, 3 * 1024**5)]
    assert sizes == ["0.4 B", "1,023 B", "1 KiB", "5.5 GiB", "1 TiB", "3,072 TiB"]
    step = Step("x", "s", (Factor(3), Factor(2, "ms")), (Factor(4, "s"),))
    assert (step.formula, step.value) == ("3 × 2 ms / 4 s", pytest.approx(0.0015))
    assert Group("g", "", (step, step)).value == pytest.approx(0.003)
    assert Group("g", "", (step, step), "largest").total == "1"


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"people": 0}, "--people is 0; give at least 1."),
        ({"people": -3}, "--people is -3; give at least 1."),
        ({"people": 10**12}, "--people is 1,000,000,000,000; a plan is for 22,000,000 at most"),
        ({"connected": 0}, "--connected is 0%; a share is 0.1% to 100%."),
        ({"reports": math.nan}, "--reports is nan%"),
        ({"satellite": -1}, "--satellite is -1%; a share is 0% to 100%."),
        ({"back_s": 0}, "--back-within in seconds is 0; it may be 1 to 86,400."),
        ({"cores": 10**9}, "--cores is 1,000,000,000; it may be 1 to 512."),
        ({"memory_gib": 1}, "--memory in GiB is 1; it may be 2 to 8,192."),
        ({"descriptors": 256}, "--descriptors is 256; it may be 512 to 65,536."),
        ({"orders_per_day": math.inf}, "--orders-per-day is inf; it may be 0.01 to 1,000."),
        ({"replicas": 2}, "--replicas is 1, 3 or 5"),
        ({"confirmed_s": 29}, "nobody answers before the order is there"),
        ({"delivered_s": 1, "confirmed_s": 1}, "need 4.1 cores and has one: .* by --confirmed-within 5s."),
        ({"people": 2_000_000, "descriptors": 512}, "by --descriptors"),
        ({"memory_gib": 6}, "a machine of 6 GiB has 3.8 to give: more --memory, or fewer days"),
        ({"orders_per_day": 50, "keep_days": 9, "memory_gib": 512}, "has room for 266 orders, and 400"),
        ({"keep_days": 36_500, "memory_gib": 8_192}, "The stream of orders is full after 10,226 of them"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_or_done_is_one_sentence(wish: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        plan_province(replace(GUANGDONG, **wish))
    assert "\n" not in caught.value.en and re.search("[一-鿿]", caught.value.zh)


def test_the_time_that_a_sentence_names_is_enough_and_a_second_less_is_not() -> None:
    assert plan_province(replace(GUANGDONG, delivered_s=1, confirmed_s=5)).processes
    with pytest.raises(BadInput):
        plan_province(replace(GUANGDONG, delivered_s=1, confirmed_s=4))


def test_the_nation_is_31_provinces_by_the_census_and_each_fits_a_node() -> None:
    assert len(POPULATION) == 31 and sum(POPULATION.values()) == 1_411_778_724 - 2_000_000  # less the armed forces
    nation = plan_nation(Asked(PEOPLE_MAX))
    assert (nation.largest, nation.smallest) == ("44", "54")
    assert nation.provinces["44"].asked.people <= PEOPLE_PER_NODE_MAX
    assert 0 <= sum(plan.asked.people for plan in nation.provinces.values()) - PEOPLE_MAX < 31
    assert nation.machines == sum(plan.machines for plan in nation.provinces.values()) + 2


def test_bounds_that_stand_elsewhere_too_are_the_same() -> None:
    assert bounds.DESCRIPTORS_MAX == descriptors.DESCRIPTORS_MAX
    option = get_type_hints(up, include_extras=True)["gateways"].__metadata__[0]
    assert option.max == costs.PROCESSES.value
