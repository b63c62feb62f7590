"""The EAS hoax of 11 February 2013: "The bodies of the dead are rising from their graves", on the air in Montana.

The encoders of several stations could be reached from outside, and still had the password that their manual printed.
Here nothing has a secret that somebody else has too: `up` on an empty folder makes all of them at random, and a key
that others may read is not used.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nats_server import free_port
from tests.smoke.conftest import filled
from tests.tier_process import TierProcess, run

ROOT = Path(__file__).parent.parent.parent
RUN_BYTES = 12  # what two secrets have in common by chance is shorter
NAMES = r"\b(password|passwd|secret|token|seed|api_?key|private_?key)\b"
ASSIGNED = re.compile(NAMES + r"""["']?\s*(:\s*\w+\s*)?[=:]\s*b?["'][^"'{}<$\s]{4,}["']""", re.IGNORECASE)


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TierProcess]:
    with filled(tmp_path_factory.mktemp("station"), "--gateways", 1) as tier:
        yield tier


def secrets_in(data: Path) -> dict[str, bytes]:
    """Every file of a data folder that only its owner may read, without the logs and the streams."""
    found = [path for path in data.rglob("*") if path.is_file() and not path.stat().st_mode & 0o077]
    return {str(path.relative_to(data)): path.read_bytes() for path in found if path.suffix in (".key", ".nk", ".seed")}


def secret_part(content: bytes) -> bytes:
    """Without what every key file says."""
    found = re.search(rb'"seed":"([^"]+)"', content)
    return found[1] if found else content


def test_two_stations_that_were_just_unpacked_have_no_secret_in_common(station: TierProcess, tmp_path: Path) -> None:
    with TierProcess(tmp_path, "--gateways", 1) as other:
        ours, theirs = secrets_in(station.data), secrets_in(other.data)
    assert {"keys/root.key", "keys/node.key", "keys/office.actual.key", "keys/ticket.key"} <= set(ours)
    assert set(ours) == set(theirs)
    everything = [secret_part(content) for content in (*ours.values(), *theirs.values())]
    assert all(len(secret) >= 32 for secret in everything)
    runs = [{secret[i : i + RUN_BYTES] for i in range(len(secret) - RUN_BYTES + 1)} for secret in everything]
    assert sum(map(len, runs)) == len(set[bytes]().union(*runs))


def test_no_key_lies_where_others_may_read_it(station: TierProcess) -> None:
    assert station.data.stat().st_mode & 0o077 == 0
    for path in station.data.rglob("*.key"):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_commanders_key_that_others_may_read_signs_nothing(station: TierProcess, lang: str) -> None:
    file = station.data / "keys" / "office.exercise.key"
    file.chmod(0o644)
    said = station.cli("call", "--to", "4401", "--text", "The dead rise.", "--exercise", lang=lang)
    file.chmod(0o600)
    assert said.code == 1 and str(file) in said.err and ("others" in said.err or "他人" in said.err)
    assert station.ask("orders")["orders"] == []


def test_a_tier_whose_own_key_others_may_read_does_not_start(tmp_path: Path) -> None:
    assert run("keys", "init", "--data", tmp_path).code == 0
    (tmp_path / "keys" / "node.key").chmod(0o640)
    said = run("up", "--data", tmp_path, "--gateways", 1, "--nats-port", free_port(), "--port", free_port())
    assert said.code == 1 and "node.key can be read by others" in said.err


def test_nothing_that_is_shipped_holds_a_secret() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    names = [name for name in listed.split("\0") if name and not name.startswith("tests/")]
    assert not [name for name in names if name.endswith((".key", ".pem", ".p12", ".nk", ".creds", ".seed", ".env"))]
    for name in names:
        text = (ROOT / name).read_text("utf-8", "ignore")
        assert not (found := ASSIGNED.search(text)), f"{name}: {found[0]}"
        assert "PRIVATE KEY-----" not in text, name


def test_the_search_finds_the_defaults_that_devices_have() -> None:
    for line in ('password = "admin"', "PASSWD: 'default'", 'seed: bytes = b"0123456789"', '"token": "changeme"'):
        assert ASSIGNED.search(line), line
