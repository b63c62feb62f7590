"""What the swarm's terminals send, when the kernel does not take it at once."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from fusioncmd import limits
from loadtest.swarm.behaviour import BEHAVIOURS
from loadtest.swarm.crew import Crew
from loadtest.swarm.engine import Engine
from loadtest.swarm.links import Links
from tests.worlds import judge

MASK = b"\x01\x02\x03\x04"
pytestmark = pytest.mark.usefixtures("either_way")
MUCH = bytes(range(256)) * 256


Pairs = list[tuple[socket.socket, socket.socket]]


@pytest.fixture
def pairs() -> Iterator[Pairs]:
    """Ours, and theirs, of three terminals."""
    pairs = [socket.socketpair() for _ in range(3)]
    for ours, theirs in pairs:
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        theirs.settimeout(5.0)
    yield pairs
    for pair in pairs:
        for end in pair:
            end.close()


def connected(pairs: Pairs) -> tuple[Crew, Engine]:
    swarm = Crew([(n, b"ticket") for n in range(3)], judge().fresh, BEHAVIOURS["at-once"], 1, MASK, 0.0)
    descriptors = 64 + max(end.fileno() for pair in pairs for end in pair)
    engine = Engine(swarm, Links("steady", 0.0, 3, "seed"), ("127.0.0.1", 9), "127.0.0.1", descriptors, 1)
    engine._dial.clear()
    for i, (ours, _) in enumerate(pairs):
        engine._fd[i], engine._of_fd[ours.fileno()] = ours.fileno(), i
        engine.epoll.register(ours)
    return swarm, engine


def test_what_waits_goes_out_later_whole_and_in_order(pairs: Pairs) -> None:
    _, engine = connected(pairs)
    for data in (MUCH, b"a word", b"the last"):
        engine._send_each([ours.fileno() for ours, _ in pairs], data)
    whole = MUCH + b"a word" + b"the last"
    for ours, theirs in pairs:
        got = b""
        while len(got) < len(whole):
            got += theirs.recv(1 << 16)
            engine._flush(ours.fileno())
        assert got == whole
    assert not engine._unsent


def test_whoever_is_welcomed_says_that_it_is_alive_and_nobody_else(pairs: Pairs) -> None:
    swarm, engine = connected(pairs)
    swarm.welcomed[:] = b"\1\1\0"
    for now_s in range(1, limits.HEARTBEAT_S + 1):
        engine.step(float(now_s))
    for _, theirs in pairs[:2]:
        assert theirs.recv(1 << 16) in (swarm.alive, 2 * swarm.alive)
    pairs[2][1].setblocking(False)
    with pytest.raises(BlockingIOError):
        pairs[2][1].recv(1)
