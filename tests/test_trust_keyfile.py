"""Private keys on disk: made at random, for their owner's eyes, never written over."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fusioncmd.errors import Conflict, NotFound, Problem, Unavailable
from fusioncmd.trust import keyfile
from fusioncmd.trust.refusals import Untrusted
from loadtest.offices import Offices

OFFICES = Offices(13)


def test_a_key_is_read_back_and_only_its_owner_may(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "chen.key"
    made = keyfile.make_key(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert keyfile.read_key(file).public == made.public
    assert [f.name for f in file.parent.iterdir()] == ["chen.key"]


def test_no_two_keys_are_the_same(tmp_path: Path) -> None:
    assert keyfile.make_key(tmp_path / "a.key").public != keyfile.make_key(tmp_path / "b.key").public


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "chen.key"
    made = keyfile.make_key(file)
    with pytest.raises(Conflict, match="is there already"):
        keyfile.make_key(file)
    assert keyfile.read_key(file).public == made.public
    assert [f.name for f in tmp_path.iterdir()] == ["chen.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_may_read_is_not_used(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "chen.key"
    keyfile.make_key(file)
    file.chmod(mode)
    with pytest.raises(Untrusted, match="chmod 600"):
        keyfile.read_key(file)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{}", b'{"kind":"private-key.1","algorithm":"ed25519","seed":"AAAA"}', b"\xff\xfe", b"[" * 5_000,
        b'{"kind":"private-key.2","algorithm":"ed25519","seed":"' + b"A" * 43 + b'="}',
        b'{"kind":"private-key.1","algorithm":"none","seed":"' + b"A" * 43 + b'="}', b" " * 70_000,
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.key"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(Untrusted) as caught:
        keyfile.read_key(file)
    assert caught.value.en.endswith(".") and caught.value.zh.endswith("。")


def test_a_chain_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "city.grants"
    keyfile.write_grants(file, OFFICES.city.chain)
    assert keyfile.read_grants(file) == OFFICES.city.chain


@pytest.mark.parametrize("content", [b"", b'{"kind":"grants.1","chain":[]}', b'{"kind":"grants.1","chain":[["",""]]}'])
def test_what_is_no_chain_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.grants"
    file.write_bytes(content)
    with pytest.raises(Untrusted, match="holds no grants"):
        keyfile.read_grants(file)


@pytest.mark.parametrize("read", [keyfile.read_key, keyfile.read_grants])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, read: object) -> None:
    with pytest.raises(NotFound, match=r"gone\.key cannot be read"):
        read(tmp_path / "gone.key")  # type: ignore[operator]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="cannot be written") as caught:
        keyfile.make_key(tmp_path / "file" / "chen.key")
    assert isinstance(caught.value, Problem)


def test_a_key_that_anybody_could_guess_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.key"
    keyfile.make_key(file)
    file.write_bytes(msgspec.json.encode(keyfile.PrivateKey("ed25519", bytes(32))))
    with pytest.raises(Untrusted, match="guess"):
        keyfile.read_key(file)
