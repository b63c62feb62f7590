"""Alarms on the console's screen, in Node: which ring, which share a mark, and whose ground they mean."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.web_engines import WEB, program

PROGRAM = """
import { circle, gathered, grounds, inTurn, offers, orderIdOf, remembered, ringing, RUNG_MAX, SEVERITIES }
  from "./rules.mjs";
import { readFileSync } from "node:fs";
const { heard, rung, now, spots, near, alarms, counties } = JSON.parse(readFileSync("input.json", "utf8"));
const many = remembered(Array.from({ length: RUNG_MAX }, (_, i) => `a${i}`), ["new", "a499"]);
const of = (playbook, id) => ({ playbook, draft: id ? { id } : null });
const did = (playbook, what, order, at_ms = now) => ({ playbook, what, order, at_ms });
const decided = [did("", "confirmed", null), did("by hand", "prepared", "p1"), did("by key", "issued", "i1"),
  did("by key", "shown", "i1"), did("touched", "prepared", "p2"), did("late", "issued", "i2"),
  did("waits", "waits", null)];
const applies = ["by hand", "by key", "touched", "late", "waits"].map((name, i) => of(name, `new${i}`));
const kept = new Map(), minute = 60_000;
console.log(JSON.stringify({
  offered: offers([...applies, of("makes none", "")], decided, new Set(["p2"])).map((one) => one.playbook),
  ids: [["by hand", "d1", 0], ["waits", "d1", 0], ["waits", "d2", 49], ["by hand", "d2", 49], ["other", "d3", 49],
    ["waits", "d4", 51], ["by hand", "d4", 51]]
    .map(([name, id, later]) => orderIdOf(of(name, id), decided, kept, now + later * minute)),
  turn: inTurn(heard).map((one) => one.id),
  rings: ringing(heard, new Set(rung), now).map((one) => one.id),
  marks: gathered(spots, (one) => SEVERITIES.indexOf(one.severity), near, 20)
    .map((one) => one.all.map((each) => each.id)),
  grounds: [...grounds(alarms, counties)],
  many: [many.length, many[0], many.at(-1)], twice: remembered(["a"], ["a"]),
  round: circle(60, 113, 111320, 4),
}));
"""
NOW = 1_795_000_000_000


def heard(ident: str, gravest: str = "extreme", standing: str = "open", ago_s: int = 5) -> dict[str, Any]:
    return {"id": ident, "gravest": gravest, "standing": standing, "first_ms": NOW - ago_s * 1000}


def spot(ident: str, x: float, severity: str) -> dict[str, Any]:
    return {"x": x, "y": 0, "of": {"id": ident, "severity": severity}}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    node, esbuild = program("node", 20, "nodejs"), WEB / "node_modules" / ".bin" / "esbuild"
    if not esbuild.exists():
        pytest.skip("the pages are not built: make pages")
    folder: Path = tmp_path_factory.mktemp("alarms")
    argv = [str(esbuild), str(WEB / "console" / "alarm_rules.ts"), "--format=esm", f"--outfile={folder}/rules.mjs"]
    subprocess.run(argv, check=True, capture_output=True)
    (folder / "program.mjs").write_text(PROGRAM, "utf-8")
    given = {
        "heard": [
            heard("new"), heard("rung"), heard("severe", "severe"), heard("seen", standing="confirmed"),
            heard("nothing", standing="dismissed"), heard("past", standing="over"),
            heard("old", ago_s=600), heard("late", ago_s=599),
        ],
        "rung": ["rung"], "now": NOW, "near": 64,
        "spots": [spot("minor", 0, "minor"), spot("severe", 63, "severe"), spot("far", 127, "moderate"),
                  spot("extreme", 300, "extreme")],
        "alarms": [
            {"nodes": ["440106001"], "gravest": "minor"}, {"nodes": ["4401"], "gravest": "severe"},
            {"nodes": ["440303"], "gravest": "moderate"},
            {"nodes": ["440103", "440303"], "gravest": "extreme"}, {"nodes": ["440303"], "gravest": "unknown"},
        ],
        "counties": ["440103", "440106", "440303", "441900"],
    }  # fmt: skip
    (folder / "input.json").write_text(json.dumps(given), "utf-8")
    done = subprocess.run([node, "program.mjs"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_an_extreme_alarm_rings_once_while_it_is_new_and_nobody_has_looked(found: dict[str, Any]) -> None:
    assert found["rings"] == ["new", "late"]
    assert found["many"] == [500, "a1", "new"] and found["twice"] == ["a"]


def test_what_nobody_has_looked_at_stands_first_the_gravest_of_it_and_the_newest(found: dict[str, Any]) -> None:
    assert found["turn"] == ["new", "rung", "late", "old", "severe", "seen", "nothing", "past"]


def test_marks_that_would_cover_each_other_are_one_under_the_gravest(found: dict[str, Any]) -> None:
    assert found["marks"] == [["extreme"], ["severe", "minor"], ["far"]]


def test_a_county_has_the_gravest_of_what_means_it_its_towns_or_its_city(found: dict[str, Any]) -> None:
    assert dict(found["grounds"]) == {"440103": "extreme", "440106": "severe", "440303": "extreme"}


def test_a_circle_is_round_on_the_ground_and_closed(found: dict[str, Any]) -> None:
    east, north, *_, last = found["round"]
    assert east == pytest.approx([115, 60]) and north == pytest.approx([113, 61]) and last == east


def test_an_order_that_was_issued_is_not_offered_again_whoever_issued_it(found: dict[str, Any]) -> None:
    assert found["offered"] == ["by hand", "waits", "makes none"]


def test_a_touch_again_is_the_same_order_as_long_as_its_id_is_good(found: dict[str, Any]) -> None:
    assert found["ids"] == ["p1", "d1", "d1", "p1", "d3", "d4", "d4"]
