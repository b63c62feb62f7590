"""How `fusioncmd up` says that terminals come in, and what it does not open unawares."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fusioncmd import words
from fusioncmd.cli.entrance import proxies_of, way_in
from fusioncmd.cli.tier import Tier
from fusioncmd.errors import BadInput
from fusioncmd.networks import LOOPBACK
from tests.test_docker import instructions
from tests.tier_process import run, speak


def a_tier(host: str = "127.0.0.1", *proxies: str) -> Tier:
    return Tier("44", Path("data"), None, None, 4222, None, host, 8701, 2, proxies)


def test_whoever_does_not_ask_for_it_gets_neither_proxies_nor_an_address_that_others_reach() -> None:
    assert proxies_of("127.0.0.1", proxied=False, trust=(), plaintext=False) == ()
    for host in ("0.0.0.0", "::", "", "10.0.0.5", "gateway.example"):
        with pytest.raises(BadInput, match=r"in plain text.*--proxied.*--plaintext"):
            proxies_of(host, proxied=False, trust=(), plaintext=False)
        assert proxies_of(host, proxied=False, trust=(), plaintext=True) == ()
        assert proxies_of(host, proxied=True, trust=(), plaintext=False) == LOOPBACK


def test_proxies_are_those_that_are_named_as_networks() -> None:
    assert proxies_of("::", True, ("10.0.0.5", "2001:DB8::/32"), False) == ("10.0.0.5/32", "2001:db8::/32")
    with pytest.raises(BadInput, match="neither an address nor a network"):
        proxies_of("::", True, ("proxy.example",), False)
    with pytest.raises(BadInput, match="--trust names the proxies of --proxied"):
        proxies_of("127.0.0.1", False, ("10.0.0.5",), False)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_one_line_says_where_terminals_connect_and_who_looks_after_tls(
    lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak(monkeypatch, lang)
    assert words.chinese() == (lang == "zh")
    alone, behind, bare = way_in(a_tier()), way_in(a_tier("::1", "10.0.0.5/32", "::1/128")), way_in(a_tier("0.0.0.0"))
    assert "ws://127.0.0.1:8701/terminal" in alone and "HAProxy" in alone and "nginx" in alone
    assert "ws://[::1]:8701/terminal" in behind and "10.0.0.5/32, ::1/128" in behind and "TLS" in behind
    assert "ws://0.0.0.0:8701/terminal" in bare and {"en": "PLAIN TEXT", "zh": "明文"}[lang] in bare
    assert all(len(line.splitlines()) == 1 for line in (alone, behind, bare))


@pytest.mark.parametrize(
    ("proxies", "options"),
    [((), []), (("10.0.0.5/32", "::1/128"), ["--proxy-protocol", "--trust=10.0.0.5/32", "--trust=::1/128"])],
)
def test_gateways_are_told_of_the_proxies(proxies: tuple[str, ...], options: list[str]) -> None:
    gateways = [argv for name, argv in a_tier("0.0.0.0", *proxies).commands() if name.startswith("responder-")]
    assert len(gateways) == 2
    for argv in gateways:
        assert [word for word in argv if word.startswith(("--proxy", "--trust"))] == options


def test_up_does_not_start_in_plain_text_by_mistake(tmp_path: Path) -> None:
    for lang, said in (("en", "Terminals would reach 0.0.0.0 in plain text"), ("zh", "终端将以明文接入 0.0.0.0")):
        ran = run("up", "--host", "0.0.0.0", "--data", tmp_path / "data", lang=lang)
        assert ran.code != 0 and ran.out == "" and said in ran.err and len(ran.err.splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_the_image_starts_with_an_address_that_it_may_open() -> None:
    (command,) = instructions("CMD")
    words_ = json.loads(command)
    assert proxies_of(words_[words_.index("--host") + 1], "--proxied" in words_, (), "--plaintext" in words_) == ()
