"""The rules of the responder's page, in Node: what it says and does is what Python and PROTOCOL.md say.

And what a phone has to load.
"""

from __future__ import annotations

import gzip
import json
import random
import subprocess
from pathlib import Path
from typing import Any

import msgpack
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fusioncmd import devices, ids, limits, terminal
from fusioncmd.terminal import advice
from tests.browser import built
from tests.web_engines import WEB, program
from tests.worlds import NOW_MS

SCRIPT_BYTES_MAX = 64 * 1024
SEED = 20260
SOURCE_LINES_MAX = 270
PROGRAM = """
import { readFileSync } from "node:fs";
import * as wire from "./wire.mjs";
import * as rules from "./rules.mjs";
import * as device from "./device.mjs";
const given = JSON.parse(readFileSync("input.json", "utf8"));
const plain = (value) =>
  value instanceof Uint8Array ? { bytes: wire.hex(value) }
  : value instanceof Map ? { map: [...value].map(([key, one]) => [plain(key), plain(one)]) }
  : Array.isArray(value) ? value.map(plain) : value;
const attempt = (act) => { try { return plain(act()); } catch (error) {
  if (error instanceof wire.Unreadable) return "unreadable";
  throw error;
} };
const value = (given) =>
  Array.isArray(given) ? given.map(value) : given?.bytes === undefined ? given : wire.unhex(given.bytes);
const order = (one) => ({
  ...one, order: { ...one.order, id: wire.unhex(one.id), root: one.order.root && wire.unhex(one.order.root) },
});
const found = {
  decoded: (given.decode ?? []).map((one) => attempt(() => wire.decode(wire.unhex(one)))),
  encoded: (given.encode ?? []).map((one) => wire.hex(wire.encode(value(one)))),
  codes: (given.codes ?? []).map((one) => { const code = device.readCode(one); return code && wire.hex(code); }),
  advice: (given.closes ?? []).map((one) => rules.advice(one)),
  pauses: (given.pauses ?? []).map((one) => rules.pauseMs(...one)),
  states: (given.states ?? []).map(([all, nowMs]) => Object.fromEntries(rules.states(all.map(order), nowMs))),
  held: (given.held ?? []).map(([all, nowMs]) => rules.held(all.map(order), nowMs).map(wire.hex)),
  ids: (given.ids ?? []).map((one) => wire.hex(wire.makeId(one[0], wire.unhex(one[1])))),
};
if (given.sign) {
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"]);
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const keys = { private: pair.privateKey, public: raw };
  const { code, number, device: name, at_ms } = given.sign;
  found.signed = {
    public: wire.hex(keys.public), enrol: wire.hex(await device.enrolProof(keys, wire.unhex(code))),
    renew: wire.hex(await device.renewProof(keys, number, wire.unhex(name), at_ms)),
  };
}
console.log(JSON.stringify(found));
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The modules, as Node takes them."""
    program("node", 20, "nodejs")
    esbuild = WEB / "node_modules" / ".bin" / "esbuild"
    if not esbuild.exists():
        pytest.skip("the pages are not built: make pages")
    folder = tmp_path_factory.mktemp("responder")
    for name in ("wire", "rules", "device"):
        argv = [esbuild, WEB / "responder" / f"{name}.ts", "--bundle", "--format=esm", f"--outfile={folder}/{name}.mjs"]
        subprocess.run(list(map(str, argv)), check=True, capture_output=True)
    (folder / "program.mjs").write_text(PROGRAM, "utf-8")
    return folder


def run(folder: Path, **given: Any) -> Any:
    (folder / "input.json").write_text(json.dumps(given), "utf-8")
    argv = [program("node", 20, "nodejs"), "--no-warnings", "program.mjs"]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, dict):
        return {"map": [[plain(key), plain(one)] for key, one in value.items()]}
    return [plain(one) for one in value] if isinstance(value, list) else value


def some(chance: random.Random, depth: int = 3) -> Any:
    kind = chance.randrange(8 if depth else 6)
    if kind < 2:
        return chance.choice([0, 1, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, NOW_MS, 2**48])
    if kind == 2:
        return "水" * chance.choice([0, 1, 10, 11, 90, 30_000])
    if kind == 3:
        return chance.randbytes(chance.choice([0, 1, 31, 255, 256, 15_360, 70_000]))
    if kind == 4:
        return chance.choice([None, True, False, 1.5, -90.25, 113.2644])
    return [some(chance, depth - 1) for _ in range(chance.choice([0, 1, 15, 16]))] if depth else None


def test_frames_are_read_and_written_as_python_does(folder: Path) -> None:
    chance = random.Random(SEED)
    values = [some(chance, 2) for _ in range(80)]
    wide = [-1, -200, -70_000, -(2**40), {"a": [b"x", {1: None}]}]
    written = [msgpack.packb(one) for one in values]
    found = run(
        folder,
        encode=[plain(one) for one in values],
        decode=[one.hex() for one in [*written, *map(msgpack.packb, wide)]],
    )
    assert found["encoded"] == [one.hex() for one in written]
    assert found["decoded"] == [plain(one) for one in [*values, *wide]]


def test_bytes_that_are_no_frame_are_unreadable_and_never_anything_else(folder: Path) -> None:
    chance = random.Random(SEED)
    whole = terminal.encode(terminal.Refused("busy", bytes(16), "Later. 稍后。", bytes(16)))
    cut = [whole[:n] for n in range(len(whole))]
    deep, huge = b"\x91" * 5_000 + b"\x90", [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"]
    bad = [*cut, whole + b"\x00", deep, *huge, b"\xc1", b"\xa2\xff\xfe"]
    assert set(run(folder, decode=[one.hex() for one in bad])["decoded"]) == {"unreadable"}
    run(
        folder, decode=[chance.randbytes(chance.randrange(60)).hex() for _ in range(2_000)]
    )  # it ends, and fails at none


def test_a_code_is_read_however_a_person_types_it(folder: Path) -> None:
    code = devices.make_code(0xC0FFEE, NOW_MS // 1000, False, b"abcd", bytes(32))
    text = devices.code_text(code)
    good = [text, text.lower(), text.replace("-", ""), f" {text}\n", text.replace("0", "O").replace("1", "l")]
    bad = ["", text[:-1], text + "0", text.replace(text[0], "U", 1), "＊" * 32]
    assert run(folder, codes=good + bad)["codes"] == [code.hex()] * len(good) + [None] * len(bad)


def test_what_it_signs_is_what_the_node_verifies(folder: Path) -> None:
    code, name = bytes(range(20)), bytes(range(8))
    given = {"code": code.hex(), "number": 0xFFC0FFEE, "device": name.hex(), "at_ms": NOW_MS}
    signed = {what: bytes.fromhex(text) for what, text in run(folder, sign=given)["signed"].items()}
    key = Ed25519PublicKey.from_public_bytes(signed["public"])
    key.verify(signed["enrol"], b"fusioncmd/enrol/1\0" + devices.enrol_body(code, "ed25519", signed["public"]))
    key.verify(signed["renew"], b"fusioncmd/renew/1\0" + devices.renew_body(0xFFC0FFEE, name, NOW_MS))


def test_a_close_means_what_the_protocol_says_and_pauses_are_spread(folder: Path) -> None:
    closes = [*range(1000, 1016), *range(4000, 4400, 7), *terminal.Close]
    pauses = [["retry", "", n, chance] for n in (0, 1, 4, 40) for chance in (0, 0.5, 1)]
    waits = [["wait", reason, 0, chance] for reason in ("10", "soon", "99999999") for chance in (0, 1)]
    found = run(folder, closes=[int(code) for code in closes], pauses=pauses + waits)
    assert found["advice"] == [advice(code) for code in closes]
    seconds = [one / 1000 for one in found["pauses"]]
    assert seconds[:12] == [0, 1, 2, 0, 2, 4, 0, 16, 32, 0, 30, 60]
    assert seconds[12:] == [10, 22, 30, 62, 30, 62]


def test_ids_sort_by_time(folder: Path) -> None:
    made = run(folder, ids=[[NOW_MS, "00" * 10], [NOW_MS + 1, "ff" * 10]])["ids"]
    assert made == [ids.make(NOW_MS, bytes(10)).hex(), ids.make(NOW_MS + 1, b"\xff" * 10).hex()]


def kept(n: int, msg_type: str = "alert", root: int | None = None, **fields: Any) -> dict[str, Any]:
    order = {"msg_type": msg_type, "status": "exercise", "root": None if root is None else f"{root:032x}",
             "issued_ms": NOW_MS, "open_s": fields.pop("open_s", 600), "answers": ["a", "b"]}  # fmt: skip
    return {"id": f"{n:032x}", "order": order, "gone": False, "touched": False} | fields


def test_the_newest_of_a_chain_ends_the_others_in_whatever_order_they_came(folder: Path) -> None:
    alert, update, cancel = kept(1), kept(2, "update", 1), kept(3, "cancel", 1)
    later, expired, read = NOW_MS + 599_999, NOW_MS + 600_000, kept(3, "cancel", 1, touched=True)
    cases = [
        ([alert], later, ["open"]), ([alert], expired, ["over"]), ([update, alert], later, ["open", "replaced"]),
        ([cancel, alert, update], later, ["cancel", "cancelled", "cancelled"]),
        ([alert, read], later, ["cancelled", "over"]),
        ([kept(1, gone=True)], later, ["gone"]), ([alert, kept(5)], later, ["open", "open"]),
    ]  # fmt: skip
    found = run(folder, states=[[all_, at] for all_, at, _ in cases])["states"]
    assert found == [dict(zip([one["id"] for one in all_], wanted, strict=True)) for all_, _, wanted in cases]


def test_hello_names_what_is_live_first_and_no_more_than_is_taken(folder: Path) -> None:
    live = [kept(n) for n in range(1, 11)]
    ended = [one for n in range(100, 300, 2) for one in (kept(n, open_s=700), kept(n + 1, "cancel", n, touched=True))]
    old = [kept(999, open_s=1)]
    (held,) = run(folder, held=[[ended + live + old, NOW_MS + 2_000]])["held"]
    assert len(held) == limits.ORDERS_HELD_MAX
    assert held[:10] == [f"{n:032x}" for n in range(10, 0, -1)]
    assert held[10:12] == [f"{n:032x}" for n in (299, 298)]
    assert f"{999:032x}" not in held


def test_the_script_of_the_page_is_small_and_runs_nothing_from_elsewhere() -> None:
    folder = built("responder")
    scripts = [*folder.glob("assets/*.js"), folder / "sw.js"]
    packed = sum(len(gzip.compress(script.read_bytes())) for script in scripts)
    assert 10_000 < packed < SCRIPT_BYTES_MAX
    page = (folder / "responder.html").read_text("utf-8")
    assert "http://" not in page and "https://" not in page and "<style" not in page and " on" + "load=" not in page
    for script in folder.glob("assets/*.js"):
        assert script.with_name(f"{script.name}.gz").is_file()
        text = script.read_text("utf-8")
        assert "eval(" not in text and "new Function" not in text


def test_the_bounds_in_the_page_are_those_of_the_gateway() -> None:
    text = "".join(file.read_text("utf-8") for file in sorted((WEB / "responder").glob("*.ts")))
    for name, value in {
        "PART_BYTES_MAX = 15 * 1024": limits.PICTURE_PART_BYTES_MAX == 15 * 1024,
        "PICTURE_BYTES_MAX = 256 * 1024": limits.PICTURE_PARTS_MAX * limits.PICTURE_PART_BYTES_MAX >= 256 * 1024,
        f"TEXT_CHARS_MAX = {limits.REPORT_CHARS_MAX}": True,
        f"HELD_MAX = {limits.ORDERS_HELD_MAX}": True,
        f"FRAME_BYTES_MAX = {limits.DELIVERY_BYTES_MAX}": True,
        f"VERSION = {terminal.VERSION}": True,
    }.items():
        assert value and f"{name};" in text, name


def test_every_source_of_the_page_has_a_promise_and_a_size() -> None:
    sources = [file for kind in ("*.ts", "*.vue") for file in sorted((WEB / "responder").glob(kind))]
    assert len(sources) > 12
    for file in sources:
        text = file.read_text("utf-8")
        assert len(text.splitlines()) <= SOURCE_LINES_MAX, file.name
        assert file.suffix == ".vue" or text.startswith("/* "), file.name
        assert "v-html" not in text and "innerHTML" not in text, file.name
