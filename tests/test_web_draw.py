"""A draw replayed on the console's page, in Node: whom the node drew, and others where the record was touched."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fusioncmd.experts.draw import Listed, Need, commitment, drawn
from tests.web_engines import WEB, program

PROGRAM = """
import { replayed } from "./replay.mjs";
import { readFileSync } from "node:fs";
const { listed, seed, committed, declined } = JSON.parse(readFileSync("input.json", "utf8"));
console.log(JSON.stringify([
  await replayed(listed, seed, committed, []), await replayed(listed, seed, committed, declined),
  await replayed(listed, "00".repeat(32), committed, []),
  await replayed({ ...listed, needs: [{ field: "水利", count: 99 }] }, seed, committed, []),
]));
"""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Listed, bytes, tuple[str, ...], list[Any]]:
    node, esbuild = program("node", 20, "nodejs"), WEB / "node_modules" / ".bin" / "esbuild"
    if not esbuild.exists():
        pytest.skip("the pages are not built: make pages")
    folder: Path = tmp_path_factory.mktemp("draw")
    argv = [str(esbuild), str(WEB / "console" / "replay.ts"), "--format=esm", f"--outfile={folder}/replay.mjs"]
    subprocess.run(argv, check=True, capture_output=True)
    (folder / "program.mjs").write_text(PROGRAM, "utf-8")
    names = [*(f"e{i:03}" for i in range(60)), "陈工", "\uffee", "\U0001f692", 'q"\\\n\x7f', "10", "9"]
    experts = {name: ("水利", "地质")[i % 3 : 2] or ("水利", "地质") for i, name in enumerate(names)}
    listed = Listed(
        "d1",
        (Need("水利", 3), Need("地质", 4), Need("水利", 2)),
        experts,
        ("甲", "乙", "丙"),
        {"x": "conflict: 南方化工"},
    )
    seed = os.urandom(32)
    first = drawn(listed, seed, ())
    declined = (first.experts["水利"][0], first.experts["地质"][1])
    given = {
        "listed": msgspec.to_builtins(listed), "seed": seed.hex(), "committed": commitment(seed), "declined": declined,
    }  # fmt: skip
    (folder / "input.json").write_text(json.dumps(given), "utf-8")
    done = subprocess.run([node, "program.mjs"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return listed, seed, declined, json.loads(done.stdout)


def test_the_page_draws_whom_the_node_drew_also_after_some_declined(
    case: tuple[Listed, bytes, tuple[str, ...], list[Any]],
) -> None:
    listed, seed, declined, said = case
    for out, found in (((), said[0]), (declined, said[1])):
        meant = drawn(listed, seed, out)
        by_field: dict[str, list[str]] = {}
        for field, name in found["experts"]:
            by_field.setdefault(field, []).append(name)
        assert by_field == {field: list(names) for field, names in meant.experts.items()}
        assert (found["official"], found["committed"]) == (meant.official, True)


def test_another_seed_is_not_the_committed_one_and_who_is_missing_is_said(
    case: tuple[Listed, bytes, tuple[str, ...], list[Any]],
) -> None:
    *_, (first, _, other, short) = case
    assert not other["committed"] and other["experts"] != first["experts"]
    assert short["experts"] is None and short["committed"]
