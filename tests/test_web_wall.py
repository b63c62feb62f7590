"""The wall's choice, in Node: which sources play at once, and what is seen of a place."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.web_engines import WEB, program

PROGRAM = """
import { playing, sourcesAt, addressOf, plainAddress } from "./sources.mjs";
import { readFileSync } from "node:fs";
const { sources, cases, places, addresses } = JSON.parse(readFileSync("input.json", "utf8"));
console.log(JSON.stringify({
  played: cases.map(([picked, before, most]) => [...playing(sources, picked, new Set(before), most)]),
  at: places.map((code) => sourcesAt(sources, code).map(addressOf)),
  plain: addresses.map(plainAddress),
}));
"""


def source(address: str, since: int, kind: str = "browser", of: str = "") -> dict[str, Any]:
    node, _, name = address.rpartition(".")
    return {"node": node, "name": name, "kind": kind, "since_ms": since, "of": of}


CAMERA, FIRST, SECOND, SHOWN = "440106.cam1", "440106001.p1", "440103001.p2", "44.shown"
SOURCES = [source(CAMERA, 9, "camera"), source(FIRST, 1), source(SECOND, 2), source(SHOWN, 3, "shown", "44.02.01.x")]
CASES: list[tuple[list[str], list[str], int]] = [
    ([], [], 2), ([], [], 9), ([CAMERA], [], 2), ([CAMERA, FIRST], [], 1), ([], [FIRST, CAMERA], 3),
    (["440199.gone"], ["440199.gone"], 1), ([CAMERA], [FIRST, SECOND], 3), ([], [], 0),
]  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    node, esbuild = program("node", 20, "nodejs"), WEB / "node_modules" / ".bin" / "esbuild"
    if not esbuild.exists():
        pytest.skip("the pages are not built: make pages")
    folder: Path = tmp_path_factory.mktemp("wall")
    argv = [str(esbuild), str(WEB / "shared" / "sources.ts"), "--format=esm", f"--outfile={folder}/sources.mjs"]
    subprocess.run(argv, check=True, capture_output=True)
    (folder / "program.mjs").write_text(PROGRAM, "utf-8")
    own = [*SOURCES, source("4401.shown", 4, "shown", "44.01.06.001.p1")]
    given = {"sources": SOURCES, "cases": CASES, "places": [], "addresses": ["44.01.06.001.cam1", "440106.cam1", ""]}
    said = []
    for more in ({}, {"sources": own, "cases": [], "places": ["44", "440106", "4403"]}):
        (folder / "input.json").write_text(json.dumps(given | more), "utf-8")
        done = subprocess.run([node, "program.mjs"], cwd=folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        said.append(json.loads(done.stdout))
    return {**said[0], "at": said[1]["at"]}


def test_what_was_picked_plays_then_what_is_shown_and_what_plays_stays(found: dict[str, Any]) -> None:
    assert found["played"] == [
        [SHOWN, SECOND],  # people before cameras, who came last first
        [SHOWN, SECOND, FIRST, CAMERA],
        [CAMERA, SHOWN],
        [FIRST],  # the latest pick
        [SHOWN, FIRST, CAMERA],  # what plays is not torn away by who came since
        [SHOWN],
        [CAMERA, SHOWN, FIRST],
        [],
    ]


def test_what_is_shown_is_seen_wherever_one_looks_unless_it_is_there_itself(found: dict[str, Any]) -> None:
    assert found["at"] == [
        [SHOWN, CAMERA, FIRST, SECOND],  # 4401 shows what is seen anyway
        [SHOWN, CAMERA, FIRST],
        [SHOWN, "4401.shown"],
    ]
    assert found["plain"] == ["440106001.cam1", "440106.cam1", ""]
