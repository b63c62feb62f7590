"""A county's radios: they get accounts, register, dial a town, hear themselves, are called together, and removed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from fusioncmd.voice import ogg
from fusioncmd.voice.codecs import OpusDecoder, as_numbers
from tests.nats_server import free_port
from tests.radios import share_of
from tests.sip_programs import TONE_HZ, Baresip, need_programs, rest, sipp
from tests.tier_process import TierProcess, run, until

COUNTY, TOWN = "440106", "440106001"


class County(TierProcess):
    """`sip` and `sips` are where radios come in."""

    def __init__(self, folder: Path) -> None:
        radio, tls = free_port(), free_port()
        super().__init__(folder, "--node", COUNTY, "--gateways", 1, "--radio", radio, "--radio-tls", tls)
        self.sip, self.sips = f"127.0.0.1:{radio}", f"127.0.0.1:{tls}"


@pytest.fixture(scope="module")
def tier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    need_programs()
    folder = tmp_path_factory.mktemp("radio")
    made = run("tls", "init", "--node", COUNTY, "--data", folder / "data", "--host", "127.0.0.1")
    assert made.code == 0, made
    with County(folder) as running:
        yield running


def added(tier: County, account: str, *more: object) -> str:
    return str(tier.ask("radios", "add", account, "--md5", *more)["secret"])


def is_here(tier: County, account: str) -> bool:
    return any(one["account"] == account and one["here"] for one in tier.ask("radios", "list")["radios"])


def test_sipp_registers_and_calls_a_town_by_udp_and_tcp(tier: County, tmp_path: Path) -> None:
    secret = added(tier, "sipp-1")
    for transport in ("u1", "t1"):
        sipp(tmp_path, "register", tier.sip, "sipp-1", secret, TOWN, transport)
        sipp(tmp_path, "call", tier.sip, "sipp-1", secret, TOWN, transport)


def test_a_radio_registers_dials_and_hears_the_tone_that_it_sends(tier: County, tmp_path: Path) -> None:
    secret = added(tier, "radio-1")
    with Baresip(tmp_path / "one", "radio-1", secret, tier.sip) as radio:
        until(lambda: is_here(tier, "radio-1"))
        radio.dial(f"sip:{TOWN}@{tier.sip}")
        radio.hang_up()
        radio.dial(f"sip:echo@{tier.sip}")
        rest(2.0)
        radio.hang_up()
    assert 1.5 <= radio.heard_s() <= 2.5


def test_two_radios_in_a_talkgroup_hear_each_other_and_what_was_said_is_found_again(
    tier: County, tmp_path: Path
) -> None:
    one, two = added(tier, "patrol-1", "--place", TOWN), added(tier, "patrol-2", "--place", TOWN)
    first, second = (
        Baresip(tmp_path / name, name, secret, tier.sip) for name, secret in (("patrol-1", one), ("patrol-2", two))
    )

    def said() -> dict[str, Any] | None:
        """What the first one says for three seconds; a tier that has just started lets nobody speak for a few."""
        first.dial(f"sip:{TOWN}@{tier.sip}")
        rest(3.0)
        first.hang_up()
        found = until(lambda: tier.ask("voice", "find", "--place", TOWN, "--person", "patrol-1")["bursts"], 5.0)
        return next((burst for burst in found if burst["lasts_ms"] > 2_000), None)

    with first, second:
        until(lambda: is_here(tier, "patrol-1") and is_here(tier, "patrol-2"))
        second.dial(f"sip:{TOWN}@{tier.sip}")
        second.do("mute")
        rest(1.0)  # its own burst is over: from here on it listens
        burst = until(said, 30.0)
        second.hang_up()
    assert first.heard_s() <= 0.5
    assert second.heard_s() >= 2.0
    tier.ask("voice", "get", burst["id"], "--out", tmp_path / "said.ogg")
    with av.open(str(tmp_path / "said.ogg")) as kept:
        assert abs((kept.duration or 0) / 1_000 - burst["lasts_ms"]) < 100
    assert (burst["place"], burst["group"], burst["granted"], burst["node"]) == (TOWN, "main", COUNTY, TOWN)
    decoder = OpusDecoder()
    sound = as_numbers(b"".join(map(decoder.decode, ogg.read((tmp_path / "said.ogg").read_bytes())[0])))
    assert share_of(sound[48_000:96_000], TONE_HZ, 48_000) > 0.8
    shown = tier.cli("voice", "find", lang="zh").out
    assert "讲话人" in shown and burst["id"] in shown and tier.cli("voice", "get", "1/../2").code != 0
    (entry,) = until(lambda: tier.ask("audit", "list", "--deed", "voice")["entries"])
    assert (entry["about"], entry["details"]["speaker"]) == (burst["id"], "patrol-1")


def test_by_tls_its_sound_is_keyed(tier: County, tmp_path: Path) -> None:
    secret = added(tier, "radio-tls")
    with Baresip(tmp_path / "tls", "radio-tls", secret, f"{tier.sips};transport=tls", "mediaenc=srtp-mand") as radio:
        until(lambda: is_here(tier, "radio-tls"))
        radio.dial(f"sip:echo@{tier.sips};transport=tls")
        rest(1.0)
        radio.hang_up()
    assert radio.heard_s() >= 0.5


def test_radios_are_called_together_and_one_calls_another(tier: County, tmp_path: Path) -> None:
    one, two = added(tier, "duty-1", "--place", TOWN), added(tier, "duty-2", "--place", "440106002")
    first, second = (
        Baresip(tmp_path / name, name, secret, tier.sip) for name, secret in (("duty-1", one), ("duty-2", two))
    )
    with first, second:
        until(lambda: is_here(tier, "duty-1") and is_here(tier, "duty-2"))
        rung = tier.ask("radios", "ring", COUNTY, "--radio", "duty-1", "--radio", "duty-2")
        assert rung == {"here": 2, "where": COUNTY}
        for radio in (first, second):
            radio.wait("CALL_ESTABLISHED")
            radio.hang_up()
        assert tier.ask("radios", "ring", TOWN)["here"] == 1  # the town's alone
        first.wait("CALL_ESTABLISHED")
        first.hang_up()
        made = tier.ask("voice", "group", "make", "flood", "--radio", "duty-1", "--radio", "duty-2")
        assert (made["talkgroup"]["where"], made["rung"]) == (f"{COUNTY}.flood", 2)
        for radio in (first, second):
            radio.wait("CALL_ESTABLISHED")
        tier.ask("voice", "group", "make", "flood", "--to", TOWN, "--at", COUNTY, "--for", "10m", "--again")
        second.wait("CALL_CLOSED")  # of another town
        (line,) = tier.ask("voice", "group", "list")["talkgroups"]
        assert line["places"] == [TOWN] and "flood" in tier.cli("voice", "group", "list", lang="zh").out
        tier.ask("voice", "group", "end", f"{COUNTY}.flood")
        first.wait("CALL_CLOSED")
        assert tier.ask("voice", "group", "list") == {"talkgroups": []}
        first.do("dial", f"sip:440106002@{tier.sip}")  # a neighbour's talkgroup
        first.wait("CALL_CLOSED")
        first.do("dial", f"sip:duty-2@{tier.sip}")  # … and a neighbour
        first.wait("CALL_CLOSED")


def test_one_radio_calls_another_of_its_branch(tier: County, tmp_path: Path) -> None:
    one, two = added(tier, "lead-1"), added(tier, "lead-2", "--place", TOWN)
    first, second = (
        Baresip(tmp_path / name, name, secret, tier.sip) for name, secret in (("lead-1", one), ("lead-2", two))
    )
    with first, second:
        until(lambda: is_here(tier, "lead-1") and is_here(tier, "lead-2"))
        first.dial(f"sip:lead-2@{tier.sip}")
        second.wait("CALL_ESTABLISHED")
        second.hang_up()
        first.wait("CALL_CLOSED")


def test_a_radio_that_is_removed_is_not_here_and_the_audit_says_who_did_it(tier: County, tmp_path: Path) -> None:
    secret = added(tier, "lost-1")
    assert tier.cli("radios", "add", "lost-1").code != 0  # there is one
    with Baresip(tmp_path / "lost", "lost-1", secret, tier.sip) as radio:
        until(lambda: is_here(tier, "lost-1"))
        radio.dial(f"sip:echo@{tier.sip}")
        assert tier.cli("radios", "remove", "lost-1").code == 0
        radio.wait("CALL_CLOSED")
        until(lambda: not is_here(tier, "lost-1"))
        radio.do("dial", f"sip:echo@{tier.sip}")
        radio.wait("CALL_CLOSED")
        assert radio.heard_of("CALL_ESTABLISHED") is None
    entries = tier.ask("audit", "list", "--deed", "radio")["entries"]
    assert [e["details"]["what"] for e in entries if e["about"] == "lost-1"][-2:] in (
        ["added", "removed"], ["removed", "added"],
    )  # fmt: skip


def test_the_log_of_the_gateway_tells_of_no_mistake_of_its_own(tier: County, tmp_path: Path) -> None:
    log = shutil.copy(tier.data / "logs" / "radio.log", tmp_path / "radio.log")
    assert "Traceback" not in Path(log).read_text("utf-8")
