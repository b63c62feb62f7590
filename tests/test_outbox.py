"""What goes out: held to the end of a round, in the order in which it was said, and never after the end."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator

import pytest

from fusioncmd import limits
from fusioncmd.terminal import Close
from gateways.responder.outbox import Outbox
from tests.terminals import HELLO, a_world

pytestmark = pytest.mark.usefixtures("either_way")


class Ends:
    """Connections; of those that the outbox ended, `dropped` has the descriptors."""

    def __init__(self) -> None:
        self.pairs = [socket.socketpair() for _ in range(5)]
        self.epoll = select.epoll()
        self.dropped: list[int] = []
        self.outbox = Outbox(self.epoll, self._drop)
        for ours, _ in self.pairs:
            ours.setblocking(False)
            self.epoll.register(ours, select.EPOLLIN)
        self.fds = [ours.fileno() for ours, _ in self.pairs]
        self.one, self.other = self.fds[:2]

    def _drop(self, fd: int) -> None:
        self.outbox.forget(fd)
        self.dropped.append(fd)

    def heard(self, number: int) -> bytes:
        try:
            return self.pairs[number][1].recv(1 << 20, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        for pair in self.pairs:
            for each in pair:
                each.close()
        self.outbox.close()
        self.epoll.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.close()


def test_what_is_said_in_a_round_goes_out_at_its_end_and_elsewhere_at_once(ends: Ends) -> None:
    ends.outbox.send(ends.one, b"a")
    assert ends.heard(0) == b"a"
    with ends.outbox.holding():
        ends.outbox.send(ends.one, b"b")
        ends.outbox.send(ends.other, b"c")
        ends.outbox.send(ends.one, b"d")
        assert ends.heard(0) == ends.heard(1) == b""
    assert (ends.heard(0), ends.heard(1)) == (b"bd", b"c")
    ends.outbox.send(ends.one, b"e")
    assert ends.heard(0) == b"e"


def test_what_goes_to_many_does_not_overtake_what_is_held(ends: Ends) -> None:
    with ends.outbox.holding():
        ends.outbox.send(ends.one, b"welcome")
        assert ends.outbox.send_each((ends.one, ends.other), b" order") == []
        assert (ends.heard(0), ends.heard(1)) == (b"welcome order", b" order")
        ends.outbox.send(ends.other, b" more")
        assert ends.heard(1) == b""  # and what comes is held again
    assert ends.heard(1) == b" more"


def test_one_who_is_gone_ends_and_the_others_are_served(ends: Ends) -> None:
    ends.pairs[0][1].close()
    with ends.outbox.holding():
        ends.outbox.send(ends.one, b"a")
        ends.outbox.send(ends.other, b"b")
    assert ends.dropped == [ends.one] and ends.heard(1) == b"b"


def test_what_is_held_behind_what_waits_waits_too(ends: Ends) -> None:
    much = bytes(limits.OUTBOX_BYTES_MAX)
    ends.pairs[0][0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    assert ends.outbox.send_each((ends.one,), much) == [ends.one] and ends.one in ends.outbox
    with ends.outbox.holding():
        ends.outbox.send(ends.one, b"last")
    got = b""
    while chunk := ends.heard(0):
        got += chunk
        ends.outbox.flush(ends.one)
    assert got == much + b"last" and ends.one not in ends.outbox


@pytest.mark.parametrize("held", [True, False])
def test_of_many_the_gone_end_the_slow_wait_and_the_others_have_it(ends: Ends, held: bool) -> None:
    much, word = bytes(limits.OUTBOX_BYTES_MAX // 2), b"a word"
    for ours, _ in ends.pairs[:2]:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    assert ends.outbox.send_each(ends.fds[:1], much) == ends.fds[:1]  # and waits from now on
    ends.pairs[1][0].send(much)  # has no room now
    ends.pairs[2][1].close()
    if held:
        with ends.outbox.holding():
            for fd in ends.fds:
                ends.outbox.send(fd, word)
    else:
        assert sorted(ends.outbox.send_each(ends.fds, word)) == sorted(ends.fds[:3])
    assert ends.dropped == [ends.fds[2]] and ends.heard(3) == ends.heard(4) == word
    assert [fd in ends.outbox for fd in ends.fds] == [True, True, False, False, False]
    for number in (0, 1):
        got = b""
        while chunk := ends.heard(number):
            got += chunk
            ends.outbox.flush(ends.fds[number])
        assert got.endswith(word) and not got.removesuffix(word).strip(b"\0")


def test_when_the_kernel_fails_at_the_end_of_a_round_nothing_is_held_back_any_more(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def each(self, said: object) -> list[int]:
            raise OSError

    writes = ends.outbox._writes
    monkeypatch.setattr(ends.outbox, "_writes", Broken())
    with pytest.raises(OSError), ends.outbox.holding():
        ends.outbox.send(ends.one, b"lost")
    monkeypatch.setattr(ends.outbox, "_writes", writes)
    ends.outbox.send(ends.one, b"next")
    assert ends.heard(0) == b"next"


def test_when_a_fault_ends_the_round_what_was_said_goes_out(ends: Ends) -> None:
    with pytest.raises(ArithmeticError), ends.outbox.holding():
        ends.outbox.send(ends.one, b"a")
        raise ArithmeticError
    ends.outbox.send(ends.one, b"b")
    assert ends.heard(0) == b"ab"


async def test_a_welcome_comes_before_the_words_that_end_the_connection_in_the_same_round() -> None:
    async with a_world() as world:
        terminal = await world.open()
        ticket = world.ticket(7)
        terminal.say(HELLO, 2, ticket, [])
        terminal.say(HELLO, 2, ticket, [])
        assert (await terminal.hear())[1] == 7
        closed = await terminal.closing()
        assert (closed[0], closed[1]) == (Close.BAD_FRAME, "a second hello")


async def test_what_is_held_for_one_who_is_dropped_goes_to_it_and_not_to_whoever_has_its_descriptor_next() -> None:
    async with a_world() as world:
        terminal = await world.open()
        (fd,) = world.engine.descriptors()
        with world.engine._outbox.holding():
            world.engine.send(fd, b"last")
            world.engine.drop(fd)
        assert await terminal.rest() == b"last"
