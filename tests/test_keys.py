"""A data folder belongs to one node, and its ticket key to nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusioncmd import keys
from fusioncmd.errors import BadInput, Conflict


def test_a_folder_of_another_node_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    keys.claim(tmp_path / "data", "44")
    keys.claim(tmp_path / "data", "44")
    with pytest.raises(Conflict, match="belongs to node 44, not 46"):
        keys.claim(tmp_path / "data", "46")
    assert (tmp_path / "data" / "node").read_text() == "44"


def test_the_ticket_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    key = keys.ensure_ticket_key(tmp_path)
    assert keys.ensure_ticket_key(tmp_path) == key and len(set(key)) > 8
    assert keys.ticket_key_file(tmp_path).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [bytes(keys.KEY_BYTES), b"password" * 4])
def test_a_secret_that_anybody_could_guess_is_refused(tmp_path: Path, content: bytes) -> None:
    keys.ensure_ticket_key(tmp_path)
    keys.ticket_key_file(tmp_path).write_bytes(content)
    with pytest.raises(BadInput, match="no secret"):
        keys.ensure_ticket_key(tmp_path)


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    keys.ensure_session_key(tmp_path)
    keys.session_key_file(tmp_path).chmod(0o640)
    with pytest.raises(BadInput, match="no secret"):
        keys.ensure_session_key(tmp_path)
