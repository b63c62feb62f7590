"""An order that a playbook prepared, changed at the console before it is issued, in Node: it means nobody else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.web_engines import WEB, program

PROGRAM = """
const { nextTick } = await import("vue");
const kept = {};
const browser = { navigator: { language: "en" }, document: {},
  localStorage: { getItem: (key) => kept[key] ?? null, setItem: (key, value) => void (kept[key] = value) } };
for (const [name, value] of Object.entries(browser)) Object.defineProperty(globalThis, name, { value });
const { audienceOf, beginFor, beginPrepared } = await import("./console/draft.ts");
const { draftPlaces } = await import("./console/scene.ts");
const audience = { nodes: ["440103", "440106"], roles: ["flood"], not_nodes: ["440103005", "440106001"],
  not_roles: ["duty-leader"], desks: ["440106001.fire"] };
const made = { status: "actual", text: "Leave.", severity: "severe", answers: [], audience, receive_within_s: 60,
  answer_within_s: 60, open_s: 600, ladder: "" };
beginPrepared(made, "an id", { id: "a", playbook: "rain", headline: "Rain" });
await nextTick();
const whole = audienceOf();
draftPlaces.delete("440103");
draftPlaces.add("440106001"); // picked by itself
await nextTick();
const changed = audienceOf();
beginFor([{ number: 7, place: "440106" }]);
await nextTick();
console.log(JSON.stringify([whole, changed, audienceOf()]));
"""


def test_places_that_an_order_leaves_out_stay_left_out_when_it_is_changed(tmp_path: Path) -> None:
    node, esbuild = program("node", 20, "nodejs"), WEB / "node_modules" / ".bin" / "esbuild"
    if not esbuild.exists():
        pytest.skip("the pages are not built: make pages")
    argv = [str(esbuild), "--bundle", "--format=esm", "--platform=node", f"--outfile={tmp_path}/draft.mjs"]
    subprocess.run(argv, cwd=WEB, input=PROGRAM, check=True, capture_output=True, text=True)
    ran = subprocess.run([str(node), "draft.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    whole, changed, anew = json.loads(ran.stdout)
    assert whole == {
        "nodes": ["440103", "440106"], "roles": ["flood"], "not_nodes": ["440103005", "440106001"],
        "not_roles": ["duty-leader"], "desks": ["440106001.fire"],
    }  # fmt: skip
    assert changed["nodes"] == ["440106", "440106001"] and "not_nodes" not in changed
    assert anew == {"nodes": ["440106"], "roles": ["@7"]}
