"""Few answer: the silent get an SMS, one answers by SMS, the superior gets the rest by name and answers for one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest

from fusioncmd import terminal
from fusioncmd.ladder.replies import TAG_CHARS
from tests.loops import InThread
from tests.smoke.handset import Handset
from tests.smsc import Smsc
from tests.tier_process import TierProcess, until

VILLAGE = "440106001001"
BOSS, ELSEWHERE = "13800000009", "440106002008"  # looks after the county, from another town
PEOPLE = {"p1": "13800000001", "p2": "13800000002", "p3": "13800000003", "p4": ""}
TEXT = "台风将至，请到岗。" * 9
LADDER = "sms 2 answered; superior 4 answered; exercise"


class Carrier(InThread[Smsc]):
    """Which is beside the tests, in a thread."""

    def __init__(self) -> None:
        self.smsc = Smsc()
        super().__init__(self.smsc)


@pytest.fixture(scope="module")
def carrier() -> Iterator[Carrier]:
    carrier = Carrier()
    with carrier:
        yield carrier


@pytest.fixture(scope="module")
def reach(tmp_path_factory: pytest.TempPathFactory, carrier: Carrier) -> Iterator[TierProcess]:
    folder = tmp_path_factory.mktemp("ladder")
    tier = TierProcess(folder, "--gateways", 1)
    tier.data.mkdir(mode=0o700)
    (tier.data / "channels.toml").write_text(
        f'[sms]\nhost = "127.0.0.1"\nport = {carrier.smsc.port}\nsystem_id = "fusion"\nsource = "106900"\n'
        'password_file = "smpp.password"\n'
    )
    secret = tier.data / "smpp.password"
    secret.write_text("right\n")
    os.chmod(secret, 0o600)
    rows = "".join(f"{ident},{ident},{phone},{VILLAGE},flood\n" for ident, phone in PEOPLE.items())
    rows += f"s1,王主任,{BOSS},{ELSEWHERE},superior-county\n"
    (folder / "people.csv").write_text("id,name,phone,village,roles\n" + rows)
    with tier:
        assert tier.ask("roster", "import", folder / "people.csv")["added"] == 5
        until(lambda: carrier.smsc.binds, 20)
        yield tier


def ticket_of(tier: TierProcess, node: str) -> bytes:
    out = tier.data.parent / f"{node}.bin"
    tier.ask("ticket", "--all", "--node", node, "--out", out)
    ((_, ticket),) = msgpack.unpackb(out.read_bytes())
    return bytes(ticket)


def by_id(tier: TierProcess, ident: str) -> int:
    return int(tier.ask("roster", "find", ident)["people"][0]["number"])


def steps(tier: TierProcess, order: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tier.ask("ladder", order)["steps"]
    return found


def total(tier: TierProcess, order: str) -> dict[str, Any]:
    found: dict[str, Any] = tier.ask("report", order)["tally"]["total"]
    return found


def test_before_the_order_it_is_said_who_cannot_be_reached(reach: TierProcess) -> None:
    preview = reach.ask("call", "--to", "440106001", "--text", "x", "--exercise", "--dry-run", "--names")
    assert (preview["targeted"], preview["reachable"], preview["unreached"]) == (4, 0, 1)
    assert [p["id"] for p in preview["people"]] == ["p4"]
    assert (preview["expected"], preview["recent"]) == (None, 0)
    assert "no history" in reach.here("call", "--to", "440106001", "--text", "x", "--exercise", "--dry-run").out


def test_the_silent_get_an_sms_and_the_superior_the_rest_by_name(
    reach: TierProcess, carrier: Carrier, tmp_path: Path
) -> None:
    smsc = carrier.smsc
    tickets = tmp_path / "tickets.bin"
    reach.ask("ticket", "--all", "--node", "440106001", "--out", tickets)
    by_number = dict(msgpack.unpackb(tickets.read_bytes()))
    first = next(number for number in sorted(by_number))  # p1
    with Handset(reach.terminals, by_number[first]) as phone:
        answers = ("--answer", "在岗", "--answer", "求援")
        order = reach.ask("call", "--to", "440106001", "--text", TEXT, *answers, "--exercise", "--ladder", LADDER)["id"]
        phone.answer(phone.order(TEXT), "在岗")
        until(lambda: len(smsc.texts) == 2, 20)
        assert set(smsc.texts) == {PEOPLE["p2"], PEOPLE["p3"]}  # who answered gets none, who has no phone neither
        assert all(text.startswith("【演练】台风将至") for texts in smsc.texts.values() for text in texts)
        assert carrier.call(smsc.write_back(PEOPLE["p2"], f"2 {order[-TAG_CHARS:]}")) == 0
        assert carrier.call(smsc.write_back("13999999999", "1")) == 0  # a stranger: taken, and not counted
        until(lambda: total(reach, order)["answered"] == 2, 10)
        until(lambda: steps(reach, order)[0]["delivered"] == 2, 20)  # what comes back while it is dead is not sure

    # The node dies and comes back: nobody gets a second message, and the ladder goes on.
    os.kill(reach.child(" tiers "), 9)
    until(lambda: (found := reach.cli("ladder", order, "--json")).code == 0 and found.json["steps"], 30)
    until(lambda: steps(reach, order)[1]["begun_ms"], 20)
    sms, superior = steps(reach, order)
    assert (sms["chosen"], sms["handed"], sms["without"], sms["delivered"], sms["unsure"]) == (3, 2, 1, 2, 0)
    assert superior["chosen"] == 2
    listed = reach.ask("ladder", order, "--names")["escalated"]
    assert [p["id"] for p in listed] == ["p3", "p4"]

    # The superior has the list by SMS, and comes to a terminal to answer for one of those named, and for nobody else.
    until(lambda: BOSS in smsc.texts, 10)
    (message,) = smsc.texts[BOSS]
    assert message.startswith("【演练】您辖区 2 人未答复") and "p3 13800000003、p4" in message
    assert reach.cli("answer", order, "p3", "求援", "--json").json["by"]
    with Handset(reach.terminals, ticket_of(reach, ELSEWHERE)) as boss:
        left = boss.hear(terminal.Silent)
        assert (left.count, [name for _, name, _, _ in left.people]) == (1, ["p4"])
        boss.say(terminal.AnswerFor(left.order, by_id(reach, "p2"), 0))
        assert boss.hear(terminal.Refused).code == "not_below"
        boss.say(terminal.AnswerFor(left.order, left.people[0][0], 0))
        assert boss.hear(terminal.Silent).count == 0
    row = total(reach, order)
    assert row["by_answer"] == [1, 1] and (row["answered"], row["on_behalf"], row["escalated"]) == (2, 2, 0)
    assert row["silent"] + row["unreachable"] == 2  # on behalf is no answer of their own
    who = {p["id"]: p for p in reach.ask("who", order)["people"]}
    assert who["p3"]["answer"] == "" and who["p3"]["on_behalf"].startswith("求援 (")
    assert who["p4"]["on_behalf"] == "在岗 (王主任)"
    assert who["p2"]["answer"] == "求援" and who["p2"]["on_behalf"] == ""
    refused = reach.cli("answer", order, "p2", "在岗")
    assert refused.code and "answered already" in refused.err
    assert [len(texts) for texts in smsc.texts.values()] == [1, 1, 1]
    deeds = reach.ask("audit", "list", "--deed", "ladder")["entries"]
    assert [e["details"].get("channel") or e["details"].get("for") for e in deeds] == ["sms", "superior", "p3", "p4"]


def test_a_cancelled_order_climbs_no_further_and_an_exercise_reaches_no_phone_unless_it_says_so(
    reach: TierProcess, carrier: Carrier
) -> None:
    before = carrier.smsc.submissions
    words = ("--text", "演练", "--answer", "在岗", "--exercise", "--ladder")
    ended = reach.ask("call", "--to", "440106001", *words, "sms 3 answered; exercise")["id"]
    reach.ask("cancel", ended)
    quiet = reach.ask("call", "--to", "440106001", *words, "sms 1 answered; superior 1 answered")["id"]
    with Handset(reach.terminals, ticket_of(reach, ELSEWHERE)) as boss:  # at the terminal, first of all
        here = boss.hear(terminal.Silent)
        assert (here.status, here.count, len(here.people)) == ("exercise", 4, 4)
        boss.say(terminal.Noted(here.order))
        told = until(lambda: [line for line in reach.ask("ladder", quiet)["told"] if line["fate"]])
    assert [(line["name"], line["people"], line["channel"], line["fate"]) for line in told] == [
        ("王主任", 4, "terminal", "delivered")
    ]
    assert steps(reach, quiet)[0]["chosen"] == 0 and steps(reach, quiet)[1]["chosen"] == 4
    time.sleep(3)
    assert reach.ask("ladder", ended)["over"] and not any(step["begun_ms"] for step in steps(reach, ended))
    assert carrier.smsc.submissions == before


def test_channels_that_are_none_are_refused_with_a_sentence(tmp_path: Path) -> None:
    tier = TierProcess(tmp_path)
    tier.data.mkdir(mode=0o700)
    (tier.data / "channels.toml").write_text('[sms]\nhost = "x"\n')
    with pytest.raises(AssertionError):
        tier.__enter__()
    assert "channels.toml cannot be taken" in "".join(tier.said)
