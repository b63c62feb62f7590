"""`python -m tiers.nats_server`: one process to start and to stop, and a NATS server that lives exactly as long."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fusioncmd.bus import users
from fusioncmd.errors import NotFound
from tests.nats_server import POLL_S, free_port, wait_for_jetstream
from tiers import nats_server
from tiers.nats_server import has_room, server_binary

ROOT = Path(__file__).parent.parent
ENDS_S_MAX = 10.0


def argv(data: Path, port: int, *more: str) -> list[str]:
    users.ensure(users.folder_of(data), "node", "node", "44")
    return [sys.executable, "-m", "tiers.nats_server", "--node", "44", "--port", str(port), "--data", str(data), *more]


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """The process, its server's process id, and the port."""
    port = free_port()
    process = subprocess.Popen(argv(tmp_path, port), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        wait_for_jetstream(port)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 1
        yield process, int(children[0]), port
    finally:
        process.kill()
        process.communicate()


def gone(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def is_free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_is_told_to_stop_stops_the_server_and_ends_well(
    keeper: tuple[subprocess.Popen[str], int, int], number: int
) -> None:
    process, server, _ = keeper
    process.send_signal(number)
    assert process.wait(ENDS_S_MAX) == 0 and gone(server)
    assert "Server is ready" in process.stderr.read()  # type: ignore[union-attr]  # the server's log passes through


def test_when_the_server_dies_so_does_its_keeper_and_says_how(keeper: tuple[subprocess.Popen[str], int, int]) -> None:
    process, server, _ = keeper
    os.kill(server, signal.SIGKILL)
    assert process.wait(ENDS_S_MAX) == 128 + signal.SIGKILL


def test_a_keeper_that_is_killed_leaves_no_server_behind(keeper: tuple[subprocess.Popen[str], int, int]) -> None:
    process, server, port = keeper
    process.kill()
    process.wait(ENDS_S_MAX)
    give_up = time.monotonic() + ENDS_S_MAX
    while not (gone(server) and is_free(port)):
        assert time.monotonic() < give_up
        time.sleep(POLL_S)


def test_a_server_that_cannot_start_is_not_started_for_ever(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run = subprocess.run(
            argv(tmp_path, taken.getsockname()[1]), cwd=ROOT, capture_output=True, text=True, timeout=ENDS_S_MAX
        )
    assert run.returncode == 1 and "address already in use" in run.stderr


def test_a_server_program_that_is_not_there_is_said_in_one_sentence(tmp_path: Path) -> None:
    run = subprocess.run(
        argv(tmp_path, 1, "--nats-server", str(tmp_path / "nowhere")),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=ENDS_S_MAX,
    )
    assert run.returncode == 1 and run.stderr.count("\n") == 1 and "nowhere" in run.stderr
    with pytest.raises(NotFound, match="nowhere"):
        server_binary("nowhere")


def test_room_is_asked_of_the_file_system_and_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert has_room(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nats_server.ROOM_BYTES_MIN - 1, before[1]))
    try:
        assert not has_room(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    monkeypatch.setattr(nats_server, "ROOM_BYTES_MIN", 1 << 60)
    assert not has_room(tmp_path) and list(tmp_path.iterdir()) == []
