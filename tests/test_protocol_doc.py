"""PROTOCOL.md says what the code does: its bytes, numbers, names and bounds, and its terminal, which is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgpack
import msgspec
import pytest

from fusioncmd import devices, ids, limits, terminal
from fusioncmd.messages import Order, Selector
from fusioncmd.terminal import Close, advice
from fusioncmd.trust import seals, signatures
from fusioncmd.trust.chains import Anchors
from gateways.responder import websocket
from gateways.responder.replies import REFUSALS
from tests.test_tidy import ROOT
from tests.tier_process import TierProcess, until

PAGE = (ROOT / "PROTOCOL.md").read_text("utf-8")
FRAMES = [
    terminal.Hello, terminal.Received, terminal.Answer, terminal.SendReport, terminal.Alive, terminal.Distrust,
    terminal.Welcome, terminal.Deliver, terminal.Counted, terminal.Stored, terminal.Refused, terminal.Enrol,
    terminal.Enrolled, terminal.Renew, terminal.Ticketed, terminal.SendPicture, terminal.PartStored,
    terminal.Subscribe, terminal.Subscribed, terminal.Noted, terminal.AnswerFor, terminal.Silent,
    terminal.Position,
]  # fmt: skip
TABLE_ROW = re.compile(r"^\| (.*?) \|$", re.MULTILINE)
ROWS = [[cell.strip() for cell in row.split(" | ")] for row in TABLE_ROW.findall(PAGE)]


def blocks(info: str) -> dict[str, bytes]:
    """The fenced blocks of that kind, by name, as bytes."""
    found = re.findall(rf"```{info} (\w+)\n(.*?)```", PAGE, re.DOTALL)
    return {name: bytes.fromhex(" ".join(text.split())) for name, text in found}


def rows_of(first: str) -> list[list[str]]:
    return [row for row in ROWS if row[0] == first]


@pytest.mark.parametrize("kind", FRAMES, ids=lambda kind: str(kind.__name__))
def test_every_frame_is_in_the_page_with_its_number_its_elements_and_bytes_that_are_true(
    kind: type[msgspec.Struct],
) -> None:
    number = kind.__struct_config__.tag
    rows = [row for row in rows_of(str(number)) if row[1] == f"`{kind.__name__}`"]
    assert len(rows) == (2 if kind is terminal.Alive else 1)
    for field in kind.__struct_fields__:
        assert f"`{field}`" in rows[0][2], field

    payload = blocks("hex")[kind.__name__]
    read = terminal.decode_from_terminal if isinstance(number, int) and number < 16 else terminal.decode_to_terminal
    frame = read(payload)
    assert type(frame) is kind and terminal.encode(frame) == payload == msgpack.packb(msgpack.unpackb(payload))


def test_the_union_of_frames_is_the_page() -> None:
    named = {row[1].strip("`") for row in ROWS if row[0].isdigit() and int(row[0]) < 100}
    assert named == {kind.__name__ for kind in FRAMES} == set(blocks("hex"))


def test_the_worked_example_is_one_session_about_one_order() -> None:
    payloads = blocks("hex")
    delivered = terminal.decode_to_terminal(payloads["Deliver"])
    assert isinstance(delivered, terminal.Deliver)
    order, _ = seals.claimed(delivered.sealed)
    assert ids.to_text(order.id) in PAGE and f'"{order.text}"' in PAGE and order.status == "exercise"
    assert all(f'"{answer}"' in PAGE for answer in order.answers)
    for name in ("Received", "Answer", "Counted", "SendReport", "Stored", "Refused", "Distrust", "SendPicture"):
        assert order.id in payloads[name]
    hello = terminal.decode_from_terminal(payloads["Hello"])
    assert isinstance(hello, terminal.Hello)
    assert hello.version == terminal.VERSION and f"The ticket is of {len(hello.ticket)} bytes" in PAGE


def test_the_frames_on_the_wire_are_those_of_the_gateway() -> None:
    payloads, wire = blocks("hex"), blocks("hex-frame")
    answer = wire["Answer"]
    found = websocket.extent(answer, 0)
    assert found is not None and found[1] == len(answer) and websocket.is_usual(answer, 0)
    assert websocket.unmask(answer, *found) == payloads["Answer"]
    assert wire["Counted"] == websocket.frame(payloads["Counted"])
    reason = wire["Close"][4:].decode()
    assert wire["Close"] == websocket.close_frame(Close.EXPIRED_TICKET, reason)


def test_the_handshake_is_the_gateways() -> None:
    heads = dict(re.findall(r"```http (\w+)\n(.*?)\n```", PAGE, re.DOTALL))
    request, response = ((heads[name].replace("\n", "\r\n") + "\r\n\r\n").encode() for name in ("request", "response"))
    assert websocket.accept(request, terminal.PATH) == response
    assert f"at path `{terminal.PATH}`" in PAGE


@pytest.mark.parametrize("code", Close, ids=lambda code: code.name)
def test_every_close_code_is_in_the_page_with_its_name_and_its_advice(code: Close) -> None:
    (row,) = rows_of(str(int(code)))
    assert row[1] == f"`{code.name}`" and row[3].startswith(advice(code))


def test_the_page_names_no_close_code_that_is_not_there_and_the_standard_ones_that_mean_stop() -> None:
    assert {int(row[0]) for row in ROWS if re.fullmatch(r"4\d\d\d", row[0])} == set(Close)
    stop = [code for code in range(1000, 1016) if advice(code) == "stop"]
    assert ", ".join(map(str, stop[:-1])) + f" and {stop[-1]} say" in PAGE


def test_every_refusal_of_the_gateway_is_in_the_page_and_no_other() -> None:
    section = PAGE[PAGE.index("**Refused.**") : PAGE.index("## 3.")]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(REFUSALS)


def test_every_field_of_an_order_is_in_the_page_with_its_values() -> None:
    section = PAGE[PAGE.index("## 3.") : PAGE.index("## 4.")]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == {"kind", *Order.__struct_fields__}
    for word in (*Selector.__struct_fields__, "order.1", "alert", "update", "cancel", "actual", "exercise", "extreme",
                 "severe", "moderate", "minor", "unknown"):  # fmt: skip
        assert f"`{word}`" in section, word


@pytest.mark.parametrize(
    "said",
    [
        f"A message from a terminal may have **{limits.FRAME_BYTES_MAX:,} bytes**",
        f"The request head may have {limits.HANDSHAKE_BYTES_MAX:,} bytes",
        f"to a good `Hello` a terminal has **{limits.HANDSHAKE_S_MAX} seconds**",
        f"`ticket` bin, at most {limits.TICKET_BYTES_MAX:,} bytes",
        f"`held` array of at most {limits.ORDERS_HELD_MAX} ids",
        f"`answer` int, 0 to {limits.ANSWERS_MAX - 1}",
        f"`text` str, at most {limits.REPORT_CHARS_MAX:,} characters",
        f"`data` bin of 1 to {limits.PICTURE_PART_BYTES_MAX:,} |",
        f"`part` int, 0 to {limits.PICTURE_PARTS_MAX - 1} ·",
        f"`parts` int, 0 to {limits.PICTURE_PARTS_MAX}, *optional*",
        f"beyond {limits.PICTURE_PARTS_BURST_MAX} parts, and then one each {limits.PICTURE_PART_EVERY_S} s",
        f"MUST accept messages of {limits.DELIVERY_BYTES_MAX:,} bytes",
        f"`sealed` bin, at most {limits.SEALED_BYTES_MAX:,} bytes",
        f"`reason` str, 1 to {limits.DISTRUST_REASON_CHARS_MAX} characters",
        f"hears nothing for {limits.SILENCE_S_MAX} seconds",
        f"`heartbeat_s` seconds ({limits.HEARTBEAT_S} now",
        f"| str, 1 to {limits.TEXT_CHARS_MAX:,} characters | what the person reads",
        f"array of 0 to {limits.ANSWERS_MAX} str, 1 to {limits.ANSWER_CHARS_MAX} characters each",
        f"| `issuer` | str, 1 to {limits.ISSUER_CHARS_MAX} characters |",
    ],
)
def test_the_bounds_in_the_page_are_those_of_the_code(said: str) -> None:
    assert said in PAGE


def test_what_the_page_says_about_compatibility_holds() -> None:
    payloads = blocks("hex")
    longer = msgpack.packb([*msgpack.unpackb(payloads["Answer"]), "from the future"])
    assert terminal.decode_from_terminal(longer) == terminal.decode_from_terminal(payloads["Answer"])
    short = msgpack.packb(msgpack.unpackb(payloads["Hello"])[:3])
    assert terminal.decode_from_terminal(short) == terminal.decode_from_terminal(payloads["Hello"])


@pytest.fixture(scope="module")
def tier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TierProcess]:
    folder = tmp_path_factory.mktemp("protocol")
    with TierProcess(folder, "--gateways", 1) as tier:
        tier.ask("roster", "sample", "--people", 3, "--out", folder / "people.csv")
        tier.ask("roster", "import", folder / "people.csv")
        yield tier


def test_the_terminal_in_the_page_is_counted_even_after_the_gateway_was_killed(
    tier: TierProcess, tmp_path: Path
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    program, heard = tmp_path / "terminal.py", tmp_path / "heard"
    program.write_text(code, "utf-8")
    ticket = tier.cli("ticket", "--id", "4400000001").out.strip()
    with heard.open("wb") as out:
        argv = [sys.executable, str(program), tier.terminals, ticket, tier.cli("keys", "roots").out.strip(), "1"]
        device = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT, env=os.environ | {"PYTHONUTF8": "1"})
    town = tier.ask("roster", "find", "4400000001")["people"][0]["place"][:9]
    try:

        def call(text: str, *more: str) -> str:
            issued = tier.ask("call", "--to", town, "--text", text, "--answer", "here", "--answer", "help", *more)
            return str(issued["id"])

        def hears(*lines: str) -> bool:
            said = heard.read_text("utf-8").splitlines()
            return all(line in said for line in lines)

        order = call("To the dyke.", "--exercise")
        until(lambda: hears("EXERCISE 演练 | alert | To the dyke. | here | help", "✓✓ help"))
        total = tier.ask("watch", order, "--once")["total"]
        assert (total["received"], total["answered"], total["by_answer"]) == (1, 1, [0, 1])
        tier.ask("update", order, "--text", "To the bridge.")
        until(lambda: hears("EXERCISE 演练 | update | To the bridge. | here | help"))
        os.kill(tier.child("responder-1"), 9)
        later = call("Are you back?")
        until(lambda: hears("ACTUAL 实战 | alert | Are you back? | here | help"), 20)
        until(lambda: tier.ask("watch", later, "--once")["total"]["by_answer"] == [0, 1])
        tier.ask("cancel", "last", "--text", "Go home.")
        until(lambda: hears("ACTUAL 实战 | cancel | Go home."))
        assert heard.read_text("utf-8").count("To the dyke.") == 1  # shown once, though the gateway came back
    finally:
        device.kill()
        device.wait()


def test_the_device_of_the_page_proves_what_the_page_says_it_signs() -> None:
    frames = {name: blocks("hex")[name] for name in ("Enrol", "Enrolled", "Renew", "Ticketed")}
    enrol, renew = (terminal.decode_from_terminal(frames[name]) for name in ("Enrol", "Renew"))
    enrolled = terminal.decode_to_terminal(frames["Enrolled"])
    assert isinstance(enrol, terminal.Enrol) and isinstance(renew, terminal.Renew)
    assert isinstance(enrolled, terminal.Enrolled)
    key = signatures.signer(bytes(range(32)))
    assert key.public == enrol.public and devices.code_text(enrol.code) in PAGE
    assert enrol.proof == key.raw(b"fusioncmd/enrol/1\0" + enrol.code + b"ed25519\0" + enrol.public)
    said = renew.number.to_bytes(4, "big") + renew.device + renew.at_ms.to_bytes(8, "big")
    assert renew.proof == key.raw(b"fusioncmd/renew/1\0" + said)
    assert (renew.number, renew.device) == (enrolled.number, enrolled.device)
    assert Anchors(enrolled.roots).roots
