"""`fusioncmd plan`: the answer first, arithmetic that fits a screen, and costs that can be measured again."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd.cli.plan_view import cost_lines, lines_of
from fusioncmd.cli.plan_words import GROUPS, STEPS
from fusioncmd.errors import BadInput
from fusioncmd.plan import costs
from fusioncmd.plan.asked import Asked
from fusioncmd.plan.costs import TABLE
from fusioncmd.plan.nation import plan_nation
from fusioncmd.plan.province import plan_province
from tests.test_plan import wishes
from tests.tier_process import run, speak

ROOT = Path(__file__).parent.parent
SCREEN_CELLS = 80
COSTS_THEN = {  # so that the picture below stands when something is measured anew
    "CONNECT": 196, "CALL": 53, "DELIVERED": 99.6, "ALIVE": 50, "FOLD": 3.3, "CARRY": 3.6, "BATCH_NODE": 50,
    "BATCH_NATS": 109, "SEEN_NODE": 20, "SEEN_NATS": 8, "GATEWAY": 35.4, "SOCKET": 113, "KERNEL": 5_150,
    "POSTED": 0.6, "NODE": 49, "PERSON": 39, "ACCOUNT": 10.2, "REPORT": 450, "NATS": 174, "SYSTEM": 1,
    "AUDIENCE_DISK": 0.5, "LEDGER_DISK": 6.1, "REPORT_DISK": 256, "ROSTER_DISK": 36, "PHONE": 60, "LOAD": 70,
    "MEMORY": 80, "RENEW_NODE": 290, "RENEW_NATS": 45, "PUSH_DISK": 394, "LADDER_DISK": 2.4,
}  # fmt: skip
PICTURE = """\
840,000 people: 2 machines of 16 cores and 64 GiB, 1 in reserve.
43 gateways, 1 node, 1 NATS server; 860 batches of answers a second.
Disk: 18.4 MiB an order, 10.9 GiB after 365 days.
What binds gateways: descriptors. One machine is enough.
One machine of 2 cores and 24 GiB: yes, 16.6 GiB of 18.2 GiB.
There all are back after 118 s, and the last answer counts after 35.9 s.

Gateways: cores at the worst moment  3.92 cores
▸ everyone comes back    840,000 × 196 µs / 60 s / 70%         = 3.92 cores
  last delivery          840,000 × 53 µs × 99.6% / 30 s / 70%  = 2.11 cores
  last answer confirmed  840,000 × 53 µs / 60 s / 70%          = 1.06 cores

Gateway processes  43
▸ descriptors              840,000 / 19,744                = 42.5
  a core each              4.17 cores                      = 4.17
  round trips in a window  840,000 × 60 ms / 2,048 / 30 s  = 0.82

Cores in all  4.55 cores
  gateways    3.92 cores                     = 3.92 cores
  heartbeats  840,000 × 50 µs / 240 s / 70%  = 0.25 cores
  node        0.16 cores                     = 0.16 cores
  NATS        0.22 cores                     = 0.22 cores

Machines  1
  cores                  4.55 cores / 16 cores  = 0.28
  memory                 16.6 GiB / 50.2 GiB    = 0.33
▸ processes of one `up`  43 / 64                = 0.67

--all: memory, node, NATS, wire, disk. --costs: what all follows from."""


def test_the_picture_for_a_province(monkeypatch: pytest.MonkeyPatch) -> None:
    speak(monkeypatch, "en")
    for name, value in COSTS_THEN.items():
        monkeypatch.setattr(costs, name, replace(TABLE[name], value=value))
    assert "\n".join(line.plain for line in lines_of(plan_province(Asked(840_000)), False)) == PICTURE


@given(wishes(), st.sampled_from(["en", "zh"]), st.integers(2_000_001, 22_000_000))
def test_no_line_is_wider_than_a_screen(asked: Asked, lang: str, people: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        speak(patch, lang)
        lines = lines_of(plan_nation(Asked(people)), True)
        try:
            lines += lines_of(plan_province(asked), True)
        except BadInput as problem:
            assert problem.en and problem.zh
        assert [line.plain for line in lines if line.cell_len > SCREEN_CELLS] == []
        assert max(line.cell_len for line in cost_lines()[: len(TABLE) + 2]) <= SCREEN_CELLS


def test_every_group_and_step_has_a_name_in_both_languages() -> None:
    plan, nation = plan_province(Asked(9_000, satellite=1, replicas=3)), plan_nation(Asked(3_000_000))
    groups = (*plan.groups, *nation.groups)
    assert {group.name for group in groups} == GROUPS.keys()
    assert {f"{group.name}.{step.name}" for group in groups for step in group.steps} == STEPS.keys()
    assert all(en and zh for en, zh in (*GROUPS.values(), *STEPS.values()))


@cache
def figures_of(source: str) -> list[str]:
    """What a scenario calls its figures, as patterns: a name may hold a word that is put in."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "add"
            and node.args
        ):
            name = node.args[0]
            if isinstance(name, ast.Constant):
                found.append(re.escape(str(name.value)))
            elif isinstance(name, ast.JoinedStr):
                found.append(
                    "".join(re.escape(str(p.value)) if isinstance(p, ast.Constant) else ".+" for p in name.values)
                )
    return found


def figures_of_scenario(name: str) -> list[str]:
    """Those of the scenario's own file and of the parts of `loadtest` that it imports."""
    source = (ROOT / "loadtest" / f"{name}.py").read_text("utf-8")
    parts = re.findall(r"^from loadtest\.(\w+) import", source, re.MULTILINE)
    return [
        figure
        for part in (name, *parts)
        for figure in figures_of((ROOT / "loadtest" / f"{part}.py").read_text("utf-8"))
    ]


@pytest.mark.parametrize("name", TABLE)
def test_a_cost_that_was_measured_names_the_command_and_the_figure_that_give_it(name: str) -> None:
    cost = TABLE[name]
    assert cost.basis in costs.BASES and cost.value > 0 and cost.en and cost.zh and cost.source
    if cost.basis == "measured":
        scenario = re.match(r"python -m loadtest (\w+)", cost.source)
        assert scenario is not None
        assert any(re.fullmatch(pattern, cost.figure) for pattern in figures_of_scenario(scenario[1])), cost.figure


@pytest.mark.parametrize("name", TABLE)
def test_the_page_names_every_cost_with_its_value(name: str) -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text("utf-8").partition("## Scaling out")[2].partition("\n## ")[0]
    assert f"`{name.lower()}` {TABLE[name].factor}" in " ".join(page.split())


def test_a_planner_asks_for_a_province_then_for_the_nation_and_no_tier_runs() -> None:
    nowhere = {"FUSIONCMD_NATS": "nats://127.0.0.1:1"}
    province = run("plan", "--people", "840,000", **nowhere)
    assert province.code == 0 and province.err == ""
    assert re.fullmatch(r"840,000 people: \d+ machines? of 16 cores and 64 GiB, 1 in reserve\.", province.lines[0])

    small = run("plan", "--people", "84万", "--cores", 2, "--memory", 24, "--json", **nowhere)
    assert small.code == 0 and small.json["machines"] > 2 and small.json["groups"]["machines"]["binding"] == "cores"
    assert small.json["costs"]["connect"]["value"] == costs.CONNECT.value
    step = small.json["groups"]["memory"]["steps"]["kernel"]
    assert step["formula"] == f"840,000 × {costs.KERNEL.factor}" and step["value"] == 840_000 * costs.KERNEL.plain

    nation = run("plan", "--people", 20_000_000, lang="zh", **nowhere)
    assert nation.code == 0 and nation.lines[0].startswith("20,000,000 人：") and nation.lines[1].startswith("31 省：")
    assert "广东" in nation.out and "本版本尚无省级以上节点" in nation.out
    as_json = run("plan", "--people", 20_000_000, "--json", **nowhere).json
    assert len(as_json["provinces"]) == 31 and as_json["nodes"] == 32

    everything = run("plan", "--people", 5_000, "--all", "--costs")
    assert all(f"{name.lower()} " in everything.out for name in TABLE)
    assert "python -m loadtest costs" in everything.lines


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--people", "0"], 1, "--people is 0; give at least 1."),
        (["--people", "1000000000000"], 1, "a plan is for 22,000,000 at most"),
        (["--people", "many"], 1, "'many' is not a number of people."),
        (["--people", "840000", "--connected", "most"], 1, "--connected is 'most'; write a share like 80%."),
        (["--people", "840000", "--connected", "120%"], 1, "--connected is 120%; a share is 0.1% to 100%."),
        (["--people", "840000", "--back-within", "soon"], 1, "'soon' is not a length of time"),
        (["--people", "840000", "--keep", "1h"], 1, "--keep in days is 0; it may be 1 to 36,500."),
        ([], 2, "Missing option '--people'."),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], code: int, said: str) -> None:
    ran = run("plan", *arguments)
    assert ran.code == code and ran.out == "" and said in ran.err and len(ran.err.splitlines()) == 1
