"""A scenario with very many connections gets a socket table that is large enough, and leaves the machine as it was."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from loadtest import namespace

PROGRAM = """
import json, socket
from loadtest import namespace
moved = namespace.make_room({sockets})
with socket.create_server(("127.0.0.1", 0)) as server:
    with socket.create_connection(server.getsockname()):
        print(json.dumps([moved, namespace.table_entries()]))
"""


def test_the_table_has_a_chain_for_each_socket_and_a_bound() -> None:
    assert namespace.entries_for(1_680_000) == 1 << 21
    assert all(sockets < namespace.entries_for(sockets) <= 2 * sockets for sockets in (1, 1000, 1024, 400_000))
    assert namespace.entries_for(1 << 40) == namespace.ENTRIES_MAX


def made(sockets: int) -> str:
    return subprocess.check_output([sys.executable, "-c", PROGRAM.format(sockets=sockets)], text=True)


def test_where_there_is_room_nothing_changes() -> None:
    assert made(0) == made(1) == f"[false, {namespace.table_entries()}]\n"


@pytest.mark.skipif(os.geteuid() != 0 or not namespace.CHILD_ENTRIES.exists(), reason="asks for root and Linux 6.1")
def test_a_scenario_moves_to_a_larger_table_and_the_machine_keeps_its_own() -> None:
    setting, entries = namespace.CHILD_ENTRIES.read_text(), namespace.table_entries()
    assert made(entries + 1) == f"[true, {namespace.entries_for(entries + 1)}]\n"
    assert (namespace.CHILD_ENTRIES.read_text(), namespace.table_entries()) == (setting, entries)
