"""An order is read out in a town's talkgroup; its head presses a key, and the commander sees the answer."""

from __future__ import annotations

import os
import shutil
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nats_server import free_port
from tests.sip_programs import Baresip, need_programs, rest
from tests.tier_process import TierProcess, until

TOWN = "440106001"


@pytest.fixture(scope="module")
def tier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TierProcess, str]]:
    need_programs()
    if shutil.which("espeak-ng") is None:
        said = "espeak-ng is not here: apt-get install espeak-ng"
        pytest.fail(said) if os.environ.get("FUSIONCMD_SIP") == "required" else pytest.skip(said)
    port = free_port()
    with TierProcess(tmp_path_factory.mktemp("spoken"), "--gateways", 1, "--radio", port) as running:
        yield running, f"127.0.0.1:{port}"


def test_an_order_is_spoken_and_answered_by_a_key_and_the_answer_counts(
    tier: tuple[TierProcess, str], tmp_path: Path
) -> None:
    province, sip = tier
    people = tmp_path / "people.csv"
    people.write_text(f"id,name,phone,village,roles\nv1,陈村长,13800000001,{TOWN},flood\n", "utf-8")
    assert province.ask("roster", "import", people)["added"] == 1
    (person,) = province.ask("roster", "find", "v1")["people"]
    secret = province.ask("radios", "add", "chen", "--md5", "--number", person["number"])["secret"]
    order = province.ask("call", "--to", TOWN, "--text", "谁在？", "--answer", "在", "--answer", "否", "--exercise")[
        "order"
    ]
    with Baresip(tmp_path / "chen", "chen", secret, sip) as radio:
        until(lambda: any(one["here"] for one in province.ask("radios", "list")["radios"]))
        radio.dial(f"sip:{TOWN}@{sip}")
        radio.do("mute")
        rest(2.0)
        assert province.ask("voice", "speak", order["id"], TOWN) == {"where": [TOWN], "gateways": 1}
        log = province.data / "logs" / "radio.log"
        until(lambda: "radio.speaks" in log.read_text("utf-8"))
        rest(1.0)
        radio.do("sndcode", "9")  # which is not offered
        radio.do("sndcode", "2")
        total = until(
            lambda: now if (now := province.ask("watch", order["id"], "--once")["total"])["answered"] else None
        )
        rest(0.5)
        radio.hang_up()
    assert (total["by_answer"], total["sent"], total["received"]) == ([0, 1], 1, 1)
    assert loudest(next((tmp_path / "chen").glob("*-dec.wav"))) > 3_000  # the voice of the engine
    (entry,) = until(lambda: province.ask("audit", "list", "--deed", "voice")["entries"])
    assert (entry["details"]["what"], entry["details"]["order"]) == ("spoken", order["id"])
    assert province.cli("voice", "speak", order["id"], "9999").code != 0
    assert province.cli("voice", "speak", order["id"], TOWN, "--clip", "/dev/zero").code != 0


def loudest(file: Path) -> int:
    with wave.open(str(file)) as opened:
        samples = array("h", opened.readframes(opened.getnframes()))
    return max(map(abs, samples))
