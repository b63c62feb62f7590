"""Two radios in a town: one speaks, the other hears it; a commander finds what was said, and hears it again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fusioncmd.voice import ogg
from fusioncmd.voice.codecs import OpusDecoder, as_numbers
from tests.nats_server import free_port
from tests.radios import share_of
from tests.sip_programs import TONE_HZ, Baresip, need_programs, rest
from tests.tier_process import TierProcess, until

COUNTY, TOWN = "440106", "440106001"


@pytest.fixture(scope="module")
def tier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TierProcess, str]]:
    need_programs()
    port = free_port()
    folder = tmp_path_factory.mktemp("voice")
    with TierProcess(folder, "--node", COUNTY, "--gateways", 1, "--radio", port) as running:
        yield running, f"127.0.0.1:{port}"


def test_one_speaks_the_other_hears_it_and_it_is_found_and_heard_again(
    tier: tuple[TierProcess, str], tmp_path: Path
) -> None:
    county, sip = tier
    secrets = {name: county.ask("radios", "add", name, "--md5", "--place", TOWN)["secret"] for name in ("zhang", "li")}
    phones = {name: Baresip(tmp_path / name, name, secret, sip) for name, secret in secrets.items()}
    with phones["zhang"] as zhang, phones["li"] as li:
        radios = until(lambda: (found := county.ask("radios", "list")["radios"]) and found)
        assert len(radios) == 2
        until(lambda: all(one["here"] for one in county.ask("radios", "list")["radios"]))
        zhang.dial(f"sip:{TOWN}@{sip}")
        rest(2.5)  # the town has no node of its own, which is listened for first; then its microphone gives a tone
        li.dial(f"sip:{TOWN}@{sip}")
        rest(2.0)
        zhang.hang_up()
        rest(0.3)
        li.hang_up()
    assert li.heard_s() >= 1.5, li.said()[-1_500:]
    said = until(lambda: (rows := county.ask("voice", "find", "--person", "zhang")["bursts"]) and rows)
    (burst,) = said
    assert (burst["place"], burst["group"], burst["granted"], burst["node"]) == (TOWN, "main", COUNTY, TOWN)
    assert 2_500 <= burst["lasts_ms"] <= 6_000
    assert county.ask("voice", "find", "--place", "440106002")["bursts"] == []
    file = tmp_path / "said.ogg"
    got = county.cli("voice", "get", burst["id"], "--out", file, lang="zh")
    assert got.code == 0 and "zhang" in got.out, got
    decoder = OpusDecoder()
    sound = as_numbers(b"".join(map(decoder.decode, ogg.read(file.read_bytes())[0])))
    assert share_of(sound[48_000:96_000], TONE_HZ, 48_000) > 0.8
    (entry,) = until(lambda: county.ask("audit", "list", "--deed", "voice")["entries"])
    assert (entry["about"], entry["details"]["speaker"]) == (burst["id"], "zhang")
    shown = county.cli("voice", "find", lang="zh").out
    assert "讲话人" in shown and burst["id"] in shown
    assert county.cli("voice", "get", "1/../2").code != 0
