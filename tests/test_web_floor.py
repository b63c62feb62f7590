"""The floor in a page, in Node: its messages are those of the codec, and who presses does as the participant."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fusioncmd.floor import codec
from fusioncmd.floor.messages import Denied, FloorMessage, Indicator, Kind, Revoked, Source
from tests.web_engines import WEB, program

SSRC = 0xFEDCBA98
PROGRAM = """
import * as floor from "./floor.mjs";
import { Participant } from "./participant.mjs";
import { Visits, unheard } from "./missed.mjs";
import { readFileSync } from "node:fs";
const kept = new Map(); // words.ts reads its language from there
const store = { getItem: (key) => kept.get(key) ?? null, setItem: (key, text) => void kept.set(key, text) };
for (const [name, value] of [["localStorage", store], ["navigator", { language: "en" }]]) {
  Object.defineProperty(globalThis, name, { value, configurable: true });
}
globalThis.document = { documentElement: {} };
const { causeWords, speak } = await import("./causes.mjs");
const words = () =>
  given.denied.map((one) => causeWords(one, null)).concat(given.revoked.map((one) => causeWords(null, one)));
const visits = new Visits(store), burst = (id, at_ms) => ({ id, at_ms });
for (let n = 0; n < 70; n++) visits.left(`44.g${n}`, 1_000 + n);
const given = JSON.parse(readFileSync("input.json", "utf8"));
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const unhex = (text) => Uint8Array.from(Buffer.from(text, "hex")).buffer;
const one = new Participant();
const does = ([what, atMs, message]) => {
  const said = what === "receive" ? one.receive(floor.read(unhex(message)), atMs) : one[what](atMs);
  return [said ?? null, one.state, one.hearing, one.position, one.denied ?? one.revoked, one.unheard];
};
console.log(JSON.stringify({
  said: [floor.request(given.ssrc, false), floor.request(given.ssrc, true), floor.release(given.ssrc),
         floor.acknowledge(given.ssrc, floor.Kind.idle)].map(hex),
  read: given.read.map((each) => floor.read(unhex(each))),
  done: given.steps.map(does),
  words: ["en", "zh"].map((language) => (speak(language), words())),
  visits: [visits.last("44.g69"), visits.last("44.g0"), visits.last("44")],
  unheard: unheard([burst("c", 30), burst("b", 20), burst("a", 10)], 10, new Set(["b"])).map((one) => one.id),
}));
"""


def told(kind: Kind, **what: Any) -> str:
    return codec.encode(FloorMessage(kind, 1, **what)).hex()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    node, esbuild = program("node", 20, "nodejs"), WEB / "node_modules" / ".bin" / "esbuild"
    if not esbuild.exists():
        pytest.skip("the pages are not built: make pages")
    folder: Path = tmp_path_factory.mktemp("floor")
    (folder / "causes.ts").write_text(
        f'export * from "{WEB}/shared/causes"; export {{ speak }} from "{WEB}/shared/words";', "utf-8"
    )
    for name in ("floor", "participant", "missed", "causes"):
        source = folder / "causes.ts" if name == "causes" else WEB / "shared" / f"{name}.ts"
        argv = [str(esbuild), str(source), "--bundle", "--format=esm", f"--outfile={folder}/{name}.mjs"]
        subprocess.run(argv, check=True, capture_output=True)
    (folder / "program.mjs").write_text(PROGRAM, "utf-8")
    taken = told(Kind.TAKEN, granted_party="镇 巡逻", permitted=True, sequence=1)
    read = [
        taken,
        told(Kind.DENY, cause=Denied.TAKEN, phrase="no"),
        told(Kind.IDLE, ack=True),
        "00" * 12,
        taken[:-8],
        "",
    ]
    steps = [
        ["receive", 0, taken], ["tick", 3_999], ["tick", 4_000],
        ["press", 5_000], ["press", 5_001], ["tick", 6_000],
        ["receive", 6_100, told(Kind.QUEUE_POSITION_INFO, position=2)],
        ["receive", 6_200, told(Kind.GRANTED, duration_s=30)], ["receive", 6_300, taken],
        ["receive", 7_000, told(Kind.REVOKE, cause=Revoked.PRE_EMPTED)], ["tick", 8_000],
        ["receive", 8_100, told(Kind.IDLE)],
        ["receive", 8_200, told(Kind.GRANTED, duration_s=30)], ["receive", 8_300, told(Kind.IDLE)],
        ["press", 9_000], ["receive", 9_100, told(Kind.DENY, cause=Denied.QUEUE_FULL)],
        ["press", 10_000], ["tick", 11_000], ["tick", 12_000], ["tick", 13_000],
    ]  # fmt: skip
    causes = {"denied": [*Denied], "revoked": [*Revoked]}
    given = {"ssrc": SSRC, "read": read, "steps": steps, **causes}
    (folder / "input.json").write_text(json.dumps(given), "utf-8")
    done = subprocess.run(
        [node, "--no-warnings", "program.mjs"], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_what_a_page_says_is_what_the_codec_reads(found: dict[str, Any]) -> None:
    calm, urgent, release, ack = (codec.decode(bytes.fromhex(one)) for one in found["said"])
    waits = Indicator.NORMAL | Indicator.QUEUEING
    assert calm == FloorMessage(Kind.REQUEST, SSRC, priority=0, indicator=waits)
    assert urgent.indicator == Indicator.EMERGENCY | Indicator.QUEUEING
    assert release == FloorMessage(Kind.RELEASE, SSRC)
    assert ack == FloorMessage(Kind.ACK, SSRC, source=Source.PARTICIPANT, acknowledged=Kind.IDLE)


def test_what_it_is_told_it_reads_and_what_is_none_it_leaves(found: dict[str, Any]) -> None:
    taken, denied, idle, *none = found["read"]
    assert (taken["kind"], taken["party"], taken["ack"]) == (Kind.TAKEN, "镇 巡逻", False)
    assert (denied["kind"], denied["cause"], idle["ack"]) == (Kind.DENY, Denied.TAKEN, True)
    assert [one and one["party"] for one in none] == [None] * 3


def test_who_presses_waits_speaks_is_stopped_and_gives_up(found: dict[str, Any]) -> None:
    said = [(step[0], step[1]) for step in found["done"]]
    assert said == [
        (None, "silent"), (None, "silent"), (None, "silent"),
        ("request", "asking"), (None, "asking"), ("request", "asking"), (None, "queued"),
        (None, "speaking"), (None, "speaking"),
        ("release", "silent"), ("release", "silent"), (None, "silent"),
        ("release", "silent"), (None, "silent"),
        ("request", "asking"), (None, "silent"),
        ("request", "asking"), ("request", "asking"), ("request", "asking"), ("release", "silent"),
    ]  # fmt: skip
    hearing = [step[2] for step in found["done"]]
    assert hearing[1] == "镇 巡逻" and hearing[2] is None and hearing[8] is None
    assert found["done"][6][3] == 2 and found["done"][9][4] == Revoked.PRE_EMPTED
    assert found["done"][15][4] == Denied.QUEUE_FULL and found["done"][19][5]


def test_why_somebody_may_not_speak_is_said_in_words_of_its_own_in_both_languages(found: dict[str, Any]) -> None:
    for words in found["words"]:
        assert len({*words}) == len(words) and not [text for text in words if "(cause" in text or "（原因" in text]
    assert found["words"][0][0] == "Denied: somebody else speaks." and "讲话" in found["words"][1][0]


def test_what_came_since_the_last_visit_and_was_not_heard_is_marked(found: dict[str, Any]) -> None:
    assert found["unheard"] == ["c"]
    assert found["visits"] == [1_069, 0, 0]  # of 64 talkgroups the last visit is kept
