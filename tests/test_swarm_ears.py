"""What the swarm's terminals hear: known frames are answered and written down together, all else is handed on."""

from __future__ import annotations

import select
import socket
import time
from array import array
from collections.abc import Iterator

import pytest

from loadtest.swarm.alike import Alike
from loadtest.swarm.ears import ALIKE_MAX, READ_BYTES, Ears

pytestmark = pytest.mark.usefixtures("either_way")

OPEN = 3
FRAME = b"\x82\x05order"
Written = list[tuple[int, list[int], float]]


class Terminals:
    """Three of them, all open, and what was sent and written down."""

    def __init__(self, fds: list[int]) -> None:
        self.fds, self.phases = fds, bytearray([OPEN] * len(fds))
        self.midway: set[int] = set()
        self.sent: list[tuple[int, bytes]] = []
        self.written: Written = []
        of_fd = array("i", [-1]) * (max(fds) + 1)
        for i, fd in enumerate(fds):
            of_fd[fd] = i
        self.ears = Ears(of_fd, self.phases, OPEN, self.midway, self._send_each)

    def _send_each(self, fds: list[int], data: bytes) -> None:
        self.sent += [(fd, data) for fd in fds]

    def alike(self, *replies: bytes, reply_of: bytes = bytes(3)) -> Alike:
        return Alike(replies, bytearray(reply_of), lambda which, to, now_s: self.written.append((which, [*to], now_s)))

    def hear(self, event: int = select.EPOLLIN) -> tuple[list[tuple[int, bytes]], list[tuple[int, int]]]:
        return self.ears.hear([(fd, event) for fd in self.fds])


@pytest.fixture
def both() -> Iterator[tuple[Terminals, list[socket.socket]]]:
    pairs = [socket.socketpair() for _ in range(3)]
    for ours, _ in pairs:
        ours.setblocking(False)
    terminals = Terminals([ours.fileno() for ours, _ in pairs])
    yield terminals, [theirs for _, theirs in pairs]
    terminals.ears.close()
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


def test_each_gives_its_own_reply_and_all_are_written_down_once(both: tuple[Terminals, list[socket.socket]]) -> None:
    terminals, gateways = both
    terminals.ears.learn(FRAME, terminals.alike(b"yes", b"no", reply_of=b"\0\1\0"))
    for gateway in gateways:
        gateway.sendall(FRAME)
    began_s = time.monotonic()
    assert terminals.hear() == ([], [])
    assert sorted(terminals.sent) == list(zip(terminals.fds, (b"yes", b"no", b"yes"), strict=True))
    (yes, no) = terminals.written
    assert yes[:2] == (0, [0, 2]) and no[:2] == (1, [1]) and began_s <= yes[2] == no[2]
    assert terminals.hear()[0] == [] and len(terminals.written) == 2  # nothing more came


def test_a_reply_goes_to_those_to_whom_it_came_in_that_turn(both: tuple[Terminals, list[socket.socket]]) -> None:
    terminals, gateways = both
    terminals.ears.learn(FRAME, terminals.alike(b"yes"))
    for gateway, fd in zip(gateways, terminals.fds, strict=True):
        gateway.sendall(FRAME)
        terminals.hear()
        assert terminals.sent.pop() == (fd, b"yes") and not terminals.sent


def test_what_needs_no_reply_gets_none(both: tuple[Terminals, list[socket.socket]]) -> None:
    terminals, gateways = both
    terminals.ears.learn(FRAME, terminals.alike(b""))
    gateways[1].sendall(FRAME)
    terminals.hear()
    assert terminals.sent == [] and [which[:2] for which in terminals.written] == [(0, [1])]


@pytest.mark.parametrize("came", [FRAME + b"x", FRAME[:-1], FRAME + FRAME, b"\x82\x05other", b""])
def test_whatever_is_not_exactly_a_known_frame_is_handed_on(
    both: tuple[Terminals, list[socket.socket]], came: bytes
) -> None:
    terminals, gateways = both
    terminals.ears.learn(FRAME, terminals.alike(b"yes"))
    gateways[0].sendall(came)
    gateways[0].shutdown(socket.SHUT_WR)
    said, others = terminals.hear()
    assert said == [(terminals.fds[0], came)]
    assert others == [(fd, select.EPOLLIN) for fd in terminals.fds[1:]]  # nothing was there
    assert terminals.sent == [] and terminals.written == []


def test_the_unusual_is_not_read(both: tuple[Terminals, list[socket.socket]]) -> None:
    terminals, gateways = both
    for gateway in gateways:
        gateway.sendall(FRAME)
    terminals.midway.add(terminals.fds[0])
    terminals.phases[1] = OPEN - 1
    said, others = terminals.hear()
    assert said == [(terminals.fds[2], FRAME)] and [fd for fd, _ in others] == terminals.fds[:2]
    assert terminals.ears.read(terminals.fds[0]) == terminals.ears.read(terminals.fds[1]) == FRAME
    assert isinstance(terminals.ears.read(terminals.fds[0]), BlockingIOError)
    gateways[2].sendall(FRAME)
    assert terminals.hear(select.EPOLLIN | select.EPOLLRDHUP)[0] == []


def test_all_is_read_however_much_and_no_more_than_some_are_known(
    both: tuple[Terminals, list[socket.socket]],
) -> None:
    terminals, gateways = both
    gateways[0].sendall(bytes(READ_BYTES + 7))
    assert [len(data) for _, data in terminals.hear()[0]] == [READ_BYTES + 7]  # an arrival is told once
    for n in range(ALIKE_MAX + 1):
        terminals.ears.learn(FRAME[:-1] + bytes([n]), terminals.alike(b"yes"))
    for n in (0, 1):
        gateways[n].sendall(FRAME[:-1] + bytes([n]))
    assert terminals.hear()[0] == [(terminals.fds[0], FRAME[:-1] + b"\0")]  # the oldest is known no more
    assert terminals.sent == [(terminals.fds[1], b"yes")]


def test_what_many_learn_in_one_turn_pushes_nothing_out(both: tuple[Terminals, list[socket.socket]]) -> None:
    terminals, gateways = both
    before, new = terminals.alike(b"yes"), terminals.alike(b"no")
    terminals.ears.learn(FRAME, before)
    for _ in range(ALIKE_MAX + 1):
        terminals.ears.learn(FRAME[::-1], new)
    gateways[0].sendall(FRAME)
    terminals.hear()
    assert terminals.sent == [(terminals.fds[0], b"yes")]
