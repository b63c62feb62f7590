"""Asking again and again on the console's pages, in Node: what comes late counts for nothing, and an end is an end."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.web_engines import WEB, program

PROGRAM = """
import { every, Latest } from "./pacing.mjs";
const rest = (ms) => new Promise((done) => setTimeout(done, ms));
const held = () => { let answer, fail; const reply = new Promise((ok, no) => ([answer, fail] = [ok, no]));
  return { reply, answer, fail }; };
let times = 0;
const end = every(1, async () => void (times += 1));
while (times < 3) await rest(1);
end();
const ended = times;
let begun = 0;
const slow = held(), leave = every(1, () => ((begun += 1), slow.reply));
leave(); // while it is asked
slow.answer();
await rest(30);
const latest = new Latest(), here = held(), there = held(), shown = [];
const take = (told) => told && shown.push(told);
await latest.ask("home", async () => "home").then(take);
const away = latest.ask("away", () => there.reply).then(take);
await latest.ask("home", async () => "asked in vain").then(take); // back, before that is answered
there.answer("away");
await away;
const failing = latest.ask("fails", () => here.reply).then(take, () => shown.push("a problem of before"));
await latest.ask("other", async () => "other").then(take);
here.fail(new Error("late"));
await failing;
await latest.ask("fails", async () => { throw new Error("now"); }).catch((error) => shown.push(error.message));
const gone = held(), last = latest.ask("last", () => gone.reply).then(take);
latest.forget();
gone.answer("nobody looks any more");
await last;
await latest.ask("other", async () => "other anew").then(take);
console.log(JSON.stringify({ still: times === ended, begun, shown }));
"""


PLACES = """
const { nextTick } = await import("vue");
const browser = { localStorage: { getItem: () => null }, navigator: { language: "en" }, document: {} };
for (const [name, value] of Object.entries(browser)) Object.defineProperty(globalThis, name, { value });
const { who } = await import("./console/asking.ts");
const { chosenPlace, placesShown } = await import("./console/map_places.ts");
who.value = { name: "chen", path: "44", roles: [] };
await nextTick();
[chosenPlace.value, placesShown.value] = [{ id: "p" }, true];
who.value = { name: "chen", path: "44", roles: ["auditor"] };
await nextTick();
const same = chosenPlace.value?.id;
who.value = { name: "li", path: "4419", roles: [] };
await nextTick();
console.log(JSON.stringify([same, chosenPlace.value, placesShown.value]));
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    node, esbuild = program("node", 20, "nodejs"), WEB / "node_modules" / ".bin" / "esbuild"
    if not esbuild.exists():
        pytest.skip("the pages are not built: make pages")
    folder: Path = tmp_path_factory.mktemp("pacing")
    argv = [str(esbuild), str(WEB / "console" / "pacing.ts"), "--format=esm", f"--outfile={folder}/pacing.mjs"]
    subprocess.run(argv, check=True, capture_output=True)
    (folder / "program.mjs").write_text(PROGRAM, "utf-8")
    ran = subprocess.run(
        [str(node), "program.mjs"], cwd=folder, check=True, capture_output=True, text=True, timeout=60
    )  # fmt: skip
    return dict(json.loads(ran.stdout))


def test_who_leaves_while_it_is_asked_is_asked_for_no_more(found: dict[str, Any]) -> None:
    assert found["still"] and found["begun"] == 1


def test_only_what_was_asked_for_last_is_shown_and_late_problems_are_nobodys(found: dict[str, Any]) -> None:
    assert found["shown"] == ["home", "other", "now", "other anew"]


def test_whoever_logs_in_next_sees_no_place_that_another_looked_at(tmp_path: Path) -> None:
    node, esbuild = program("node", 20, "nodejs"), WEB / "node_modules" / ".bin" / "esbuild"
    if not esbuild.exists():
        pytest.skip("the pages are not built: make pages")
    argv = [str(esbuild), "--bundle", "--format=esm", "--platform=node", f"--outfile={tmp_path}/places.mjs"]
    subprocess.run(argv, cwd=WEB, input=PLACES, check=True, capture_output=True, text=True)
    ran = subprocess.run([str(node), "places.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == ["p", None, False]
