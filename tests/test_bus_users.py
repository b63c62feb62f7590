"""Keys of the bus: made at random, for their owner's eyes, never written over, and none that others know."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import get_args

import pytest

from fusioncmd.bus import nkey, users
from fusioncmd.cli.bus import ROLES
from fusioncmd.cli.bus_way import found_way, joined_way, own_way, write_way
from fusioncmd.errors import BadInput, Conflict, NotFound
from tiers.nats_config import NatsSettings, render
from tiers.nats_server import server_binary

MANUAL = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"  # stands in the manual of NATS


def test_a_key_is_made_once_and_kept(tmp_path: Path) -> None:
    made = users.ensure(tmp_path, "gw-1", "gateway", "4401")
    file = users.seed_file(tmp_path, "gw-1")
    seed = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    assert nkey.public_of(users.read_seed(file)) == made.public
    assert users.ensure(tmp_path, "gw-1", "gateway", "4401") == made and file.read_bytes() == seed
    assert users.ensure(tmp_path, "gw-2", "gateway", "4401").public != made.public
    for role, serves in (("gateway", "44"), ("commander", "4401")):
        with pytest.raises(Conflict, match="gw-1 is on the bus already"):
            users.ensure(tmp_path, "gw-1", role, serves)  # type: ignore[arg-type]
    file.rename(tmp_path / "moved")  # to the machine that uses it: the server still knows the user
    assert users.ensure(tmp_path, "gw-1", "gateway", "4401") == made
    assert list(users.users(tmp_path)) == [made, users.ensure(tmp_path, "gw-2", "gateway", "4401")]


@pytest.mark.parametrize("name", ["", "a.b", "a b", "*", ">", "a" * 65, "网关", "../x"])
def test_a_name_is_one_token_of_a_subject(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="no name for a user"):
        users.ensure(tmp_path, name, "gateway", "44")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_may_read_is_not_used(tmp_path: Path, mode: int) -> None:
    users.ensure(tmp_path, "node", "node", "44")
    file = users.seed_file(tmp_path, "node")
    file.chmod(mode)
    with pytest.raises(BadInput, match="can be read by others"):
        users.read_seed(file)


@pytest.mark.parametrize("seed", [MANUAL, nkey.seed_of(bytes(32)), nkey.seed_of(b"password" * 4)])
def test_a_key_that_anybody_may_have_is_not_used(tmp_path: Path, seed: str) -> None:
    file = users.seed_file(tmp_path, "node")
    file.write_text(seed)
    file.chmod(0o600)
    with pytest.raises(BadInput, match=r"node\.nk: This seed is a well-known one"):
        users.ensure(tmp_path, "node", "node", "44")


def test_a_server_is_not_told_of_a_well_known_key(tmp_path: Path) -> None:
    users.ensure(tmp_path, "node", "node", "44")
    file = tmp_path / "node.user"
    file.write_text(file.read_text().replace(next(users.users(tmp_path)).public, next(iter(nkey.EXAMPLES))))
    with pytest.raises(BadInput, match="well-known key"):
        list(users.users(tmp_path))


@pytest.mark.parametrize(
    "content", [b"", b"SU", b"\xff", MANUAL.lower().encode(), b"x" * 5_000, MANUAL[:-1].encode() + b"A"]
)
def test_what_is_no_key_is_said_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    file = users.seed_file(tmp_path, "node")
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(BadInput, match=r"node\.nk"):
        users.read_seed(file)


def test_a_user_file_that_says_something_else_is_refused(tmp_path: Path) -> None:
    users.ensure(tmp_path, "node", "node", "44")
    file = tmp_path / "node.user"
    good = file.read_text()
    for bad in ("{}", "x", good.replace("44", "445"), good.replace('"node","role"', '"other","role"'),
                good.replace('"role":"node"', '"role":"root"')):  # fmt: skip
        assert bad != good
        file.write_text(bad)
        with pytest.raises(BadInput, match="does not say who"):
            list(users.users(tmp_path))


def test_the_real_server_takes_what_is_rendered_and_no_server_is_rendered_for_nobody(tmp_path: Path) -> None:
    settings = NatsSettings("44", 4222, tmp_path / "store")
    with pytest.raises(NotFound, match="Nobody may use the bus"):
        render(settings, [])
    for role in ("node", "office", "commander", "gateway"):
        users.ensure(tmp_path, role, role, "44")  # type: ignore[arg-type]
    text = render(settings, users.users(tmp_path))
    assert "no_auth_user" not in text and "password" not in text
    assert not any(users.read_seed(file) in text for file in tmp_path.glob("*.nk"))
    (tmp_path / "conf").write_text(text, "utf-8")
    checked = subprocess.run([server_binary(None), "-t", "-c", tmp_path / "conf"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_a_command_finds_the_key_of_the_tier_that_serves_its_bus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSIONCMD_DATA", str(tmp_path))
    monkeypatch.delenv("FUSIONCMD_BUS_KEY", raising=False)
    url = "nats://127.0.0.1:4222"
    assert found_way(url) == (None, None)
    write_way(tmp_path, url, own_way(tmp_path, "127.0.0.1", None, None, None))
    assert found_way(url) == (tmp_path / "bus" / "office.nk", None)
    assert found_way("nats://127.0.0.1:4223") == (None, None)
    monkeypatch.setenv("FUSIONCMD_BUS_KEY", "mine.nk")
    assert found_way(url) == (Path("mine.nk"), None) == found_way("nats://127.0.0.1:4223")
    monkeypatch.delenv("FUSIONCMD_BUS_KEY")
    write_way(tmp_path, url, joined_way(tmp_path, None, None, open_bus=True))
    assert found_way(url) == (None, None)
    with pytest.raises(NotFound, match="--bus-key"):
        joined_way(tmp_path, None, None, open_bus=False)
    with pytest.raises(BadInput, match="exclude each other"):
        joined_way(tmp_path, None, tmp_path, open_bus=True)


def test_each_kind_of_user_has_a_word_in_the_list() -> None:
    assert set(ROLES) == set(get_args(users.UserKind))
