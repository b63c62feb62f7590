"""The tier's ticket key: made once at random, for its owner only, and a sentence when it cannot be had."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import typer

from fusioncmd import keys
from fusioncmd.cli import keys_end
from fusioncmd.cli.key_options import PURPOSES
from fusioncmd.errors import NotFound, Unavailable
from fusioncmd.trust.grants import GrantPurpose


def test_a_key_is_made_once_and_is_for_its_owner_only(tmp_path: Path) -> None:
    key = keys.ensure_ticket_key(tmp_path)
    assert len(key) == 32 and keys.ensure_ticket_key(tmp_path) == key == keys.read_ticket_key(tmp_path)
    file = keys.ticket_key_file(tmp_path)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_two_tiers_never_share_a_key(tmp_path: Path) -> None:
    assert keys.ensure_ticket_key(tmp_path / "a") != keys.ensure_ticket_key(tmp_path / "b")


def test_what_was_left_of_an_interrupted_start_is_neither_used_nor_trusted(tmp_path: Path) -> None:
    left = keys.ticket_key_file(tmp_path).with_suffix(".new")
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    left.chmod(0o644)
    assert len(keys.ensure_ticket_key(tmp_path)) == 32
    assert keys.ticket_key_file(tmp_path).stat().st_mode & 0o777 == 0o600 and not left.exists()


def test_a_key_that_is_missing_or_damaged_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="`fusioncmd up` makes it"):
        keys.read_ticket_key(tmp_path)
    keys.ensure_ticket_key(tmp_path)
    keys.ticket_key_file(tmp_path).write_bytes(b"short")
    with pytest.raises(NotFound, match="is not 32 bytes long"):
        keys.ensure_ticket_key(tmp_path)


def test_a_folder_that_cannot_be_written_is_one_sentence_in_both_languages(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("in the way")
    with pytest.raises(Unavailable, match="cannot be written") as caught:
        keys.ensure_ticket_key(tmp_path)
    assert caught.value.zh.startswith("无法写入")


def test_the_data_folder_is_the_one_given_or_one_per_node_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FUSIONCMD_DATA", raising=False)
    assert keys.data_folder("4401") == Path.home() / ".fusioncmd" / "4401"
    monkeypatch.setenv("FUSIONCMD_DATA", "elsewhere")
    assert keys.data_folder("4401") == Path("elsewhere")


def test_every_purpose_of_a_key_has_its_words() -> None:
    assert PURPOSES.keys() == set(get_args(GrantPurpose))


def test_a_beat_without_a_granted_key_says_so_and_does_not_pass_for_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        keys_end.beat(keys=tmp_path, nats="nats://127.0.0.1:9")
    assert ended.value.exit_code == 1 and "No granted key is in" in capsys.readouterr().err.replace("\n", " ")
