"""What the swarm's terminals send, when the kernel does not take it at once."""

from __future__ import annotations

import socket

import pytest

from loadtest.swarm.behaviour import BEHAVIOURS
from loadtest.swarm.crew import Crew
from loadtest.swarm.engine import Engine
from loadtest.swarm.links import Links
from tests.worlds import judge

MASK = b"\x01\x02\x03\x04"
pytestmark = pytest.mark.usefixtures("either_way")
MUCH = bytes(range(256)) * 256


def test_what_waits_goes_out_later_whole_and_in_order() -> None:
    swarm = Crew([(100, b"ticket")], judge().fresh, BEHAVIOURS["at-once"], 1, MASK, 0.0)
    pairs = [socket.socketpair() for _ in range(3)]
    descriptors = 64 + max(end.fileno() for pair in pairs for end in pair)
    engine = Engine(swarm, Links("steady", 0.0, 1, "seed"), ("127.0.0.1", 9), "127.0.0.1", descriptors, 1)
    for ours, theirs in pairs:
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        theirs.settimeout(5.0)
        engine.epoll.register(ours)
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
    for pair in pairs:
        for end in pair:
            end.close()
