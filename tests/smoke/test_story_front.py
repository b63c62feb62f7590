"""Terminals come by TLS through HAProxy or nginx: they are called and counted, and known by their own address."""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from fusioncmd import limits
from tests.front import CONFIGURATIONS, Authority, Front, need_programs
from tests.smoke.handset import Closed, Handset
from tests.tier_process import TierProcess, until

HERE = "127.0.0.5"  # where the terminals of these stories are
PROGRAMS = ("haproxy", "nginx")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    need_programs()
    yield tmp_path_factory.mktemp("front")


@pytest.fixture(scope="module")
def authority(place: Path) -> Authority:
    return Authority(place)


@pytest.fixture(scope="module")
def tier(place: Path) -> Iterator[TierProcess]:
    with TierProcess(place, "--gateways", 2, "--proxied") as tier:
        tier.ask("roster", "sample", "--people", 2, "--out", place / "people.csv")
        assert tier.ask("roster", "import", place / "people.csv")["added"] == 2
        yield tier


@pytest.fixture(scope="module")
def fronts(place: Path, tier: TierProcess, authority: Authority) -> Iterator[dict[str, Front]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Front(name, place, authority, tier.port)) for name in PROGRAMS}


@pytest.fixture(params=PROGRAMS)
def front(request: pytest.FixtureRequest, fronts: dict[str, Front]) -> Front:
    return fronts[request.param]


def ticket(tier: TierProcess, number: int) -> bytes:
    return base64.urlsafe_b64decode(tier.ask("ticket", "--id", f"440000000{number}")["ticket"] + "==")


def refused(tier: TierProcess) -> list[dict[str, Any]]:
    lines = [line for file in (tier.data / "logs").glob("responder-*.log") for line in file.read_text().splitlines()]
    return [said for line in lines if (said := json.loads(line))["event"] == "gateway.refused"]


def test_a_terminal_is_called_through_the_proxy_and_its_answer_counts(
    tier: TierProcess, front: Front, authority: Authority
) -> None:
    text = f"Who is behind {front.program}?"
    url = f"wss://127.0.0.1:{front.port}/terminal"
    devices = [
        Handset(url, ticket(tier, n), connection=front.connect(authority.trusting(version), HERE))
        for n, version in ((1, ssl.TLSVersion.TLSv1_2), (2, ssl.TLSVersion.TLSv1_3))
    ]
    issued = tier.ask("call", "--to", "44", "--text", text, "--answer", "here", "--exercise")
    for device in devices:
        with device:
            device.answer(device.order(text), "here")
    until(lambda: tier.ask("watch", issued["id"], "--once")["total"]["by_answer"] == [2])


def test_who_is_refused_is_named_by_its_own_address_and_not_by_the_proxys(
    tier: TierProcess, front: Front, authority: Authority
) -> None:
    with front.connect(authority.trusting(), HERE) as connection:
        port = connection.getsockname()[1]
        with pytest.raises(Closed, match="4102"):
            Handset(f"wss://127.0.0.1:{front.port}/terminal", b"forged", connection=connection)
    (said,) = until(lambda: [said for said in refused(tier) if said["peer"].endswith(f":{port}")])
    assert said["peer"] == f"{HERE}:{port}" and said["fault"].startswith("4102 ")


def test_who_passes_by_the_proxy_is_cut_off_and_told_of(tier: TierProcess) -> None:
    with socket.create_connection(("127.0.0.1", tier.port), 10.0, source_address=(HERE, 0)) as connection:
        port = connection.getsockname()[1]
        connection.sendall(b"GET /terminal HTTP/1.1\r\nHost: x\r\n\r\n")
        with suppress(ConnectionResetError):
            assert connection.recv(100) == b""
    (said,) = until(lambda: [said for said in refused(tier) if said["peer"] == f"{HERE}:{port}"])
    assert said["fault"] == "There is no PROXY header."


def test_haproxy_asks_each_way_to_the_gateways_for_its_health(fronts: dict[str, Front]) -> None:
    def checks() -> list[list[str]]:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(fronts["haproxy"].socket))
            admin.sendall(b"show stat\n")
            text = admin.makefile().read()
        head, *rows = [line.split(",") for line in text.removeprefix("# ").strip().splitlines()]
        return [[row[head.index(name)] for name in ("status", "check_status", "check_code")] for row in rows
                if row[0] == "gateways" and row[1] != "BACKEND"]  # fmt: skip

    until(lambda: checks() == [["UP", "L7OK", "200"]] * 4)


def test_nginx_lets_a_monitor_ask_for_the_health_of_the_gateways(fronts: dict[str, Front]) -> None:
    with socket.create_connection(("127.0.0.1", fronts["nginx"].health_port), 10.0) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"


def test_a_health_check_is_nothing_that_the_gateways_tell_of(tier: TierProcess, fronts: dict[str, Front]) -> None:
    """They come from the addresses of the proxies; whoever was told of above came from another."""
    assert {said["peer"].partition(":")[0] for said in refused(tier)} <= {HERE}


def test_the_programs_find_nothing_to_warn_of_in_their_configurations(front: Front) -> None:
    assert not re.search("warn|alert|emerg", front.judged(), re.IGNORECASE)


def seconds(file: str, pattern: str) -> int:
    found = re.search(pattern, (CONFIGURATIONS / file).read_text("utf-8"), re.MULTILINE)
    assert found, pattern
    return int(found[1])


@pytest.mark.parametrize(
    ("file", "opening", "idle", "connecting"),
    [("haproxy.cfg", r"^ *timeout client (\d+)s", r"^ *timeout tunnel (\d+)s", r"^ *timeout connect (\d+)s"),
     ("nginx.conf", r"^ *ssl_handshake_timeout (\d+)s;", r"^ *proxy_timeout (\d+)s;", r"connect_timeout (\d+)s;")],
)  # fmt: skip
def test_the_times_of_the_configurations_fit_those_of_the_gateway(
    file: str, opening: str, idle: str, connecting: str
) -> None:
    assert seconds(file, opening) > limits.HANDSHAKE_S_MAX > seconds(file, connecting)
    assert seconds(file, idle) > limits.SILENCE_S_MAX > 2 * limits.HEARTBEAT_S
    if file == "haproxy.cfg":
        assert seconds(file, r"^ *bind .* tcp-ut (\d+)s$") * 1000 == limits.UNACKNOWLEDGED_MS_MAX


@pytest.mark.parametrize(("said", "outcome"), [("required", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_without_the_programs_these_stories_fail_where_they_are_required_and_are_skipped_elsewhere(
    said: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.front.PATH", "")
    monkeypatch.setenv("FUSIONCMD_FRONT", said)
    with pytest.raises(outcome, match="apt-get install haproxy nginx openssl"):
        need_programs()
