"""What a socket has: short or long, nothing yet, and the end, whatever the first read asks for."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from fusioncmd import limits
from gateways.responder.arrived import arrived

RST = struct.pack("ii", 1, 0)  # socket(7), SO_LINGER


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("size", [1, 99, 100, 101, limits.READ_BYTES - 1, limits.READ_BYTES])
@pytest.mark.parametrize("first", [100, limits.READ_BYTES])
def test_all_of_it_comes_in_one_go(pair: tuple[socket.socket, socket.socket], size: int, first: int) -> None:
    ours, theirs = pair
    theirs.sendall(bytes(range(256)) * (size // 256) + bytes(range(size % 256)))
    assert arrived(ours.fileno(), first) == bytes(range(256)) * (size // 256) + bytes(range(size % 256))
    assert arrived(ours.fileno(), first) is None


def test_more_than_a_rounds_share_waits_for_the_next(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(bytes(limits.READ_BYTES + 7))
    taken = [arrived(ours.fileno(), 100) for _ in range(3)]
    assert [taken and len(taken) for taken in taken] == [limits.READ_BYTES, 7, None]


def test_the_end_is_told_after_what_came_before_it(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(bytes(100))
    theirs.close()
    assert arrived(ours.fileno(), 100) == bytes(100)
    assert arrived(ours.fileno(), 100) == b""


def test_a_reset_is_an_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        theirs = socket.create_connection(door.getsockname())
        ours, _ = door.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
        theirs.close()
        with ours:
            assert arrived(ours.fileno(), 100) == b""
