"""The ring itself: what the kernel does not promise, and what it does when it is short of something."""

from __future__ import annotations

import errno
import mmap
import os
import socket
from collections.abc import Iterator

import pytest

from fusioncmd import many, uring
from fusioncmd.uring import SEND, TRIES_MAX, Ring
from tests.test_many import fds

pytestmark = pytest.mark.skipif(not many.at_once(), reason="no io_uring here")
WORD = b"a word"
SIZES = [1, 2, 3, 4]


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    pairs = [socket.socketpair() for _ in SIZES]
    yield pairs
    for pair in pairs:
        for end in pair:
            end.close()


@pytest.fixture
def ring() -> Iterator[Ring]:
    ring = Ring(SEND, 2 * len(SIZES))
    ring.point([many._address(WORD)] * len(SIZES), SIZES)
    yield ring
    ring.close()


Pairs = list[tuple[socket.socket, socket.socket]]


def test_results_go_to_those_who_asked_in_whichever_order_they_come(
    ring: Ring, pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets = fds([ours for ours, _ in pairs])
    assert ring.run(sockets) == SIZES
    columns = ring._column
    monkeypatch.setattr(ring, "_column", lambda field, count: columns(field, count)[::-1])
    assert ring.run(sockets) == SIZES
    assert ring.run(sockets[:2]) == SIZES[:2]


def test_a_call_that_is_interrupted_is_made_again(ring: Ring, pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    call, troubles = uring._call, [errno.EINTR, errno.EAGAIN, errno.EBUSY]

    def interrupted(*arguments: object) -> int:
        if troubles:
            raise OSError(troubles.pop(), "")
        return call(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(uring, "_call", interrupted)
    assert ring.run(fds([ours for ours, _ in pairs])) == SIZES
    assert [theirs.recv(9) for _, theirs in pairs] == [WORD[:size] for size in SIZES] and not troubles


@pytest.mark.parametrize("trouble", [errno.EAGAIN, errno.EBADF])
def test_what_the_kernel_does_not_take_can_be_asked_again_and_nothing_is_done_twice(
    ring: Ring, pairs: Pairs, monkeypatch: pytest.MonkeyPatch, trouble: int
) -> None:
    asked: list[object] = []

    def refuses(*arguments: object) -> int:
        asked.append(arguments)
        raise OSError(trouble, "")

    sockets = fds([ours for ours, _ in pairs])
    with monkeypatch.context() as patched:
        patched.setattr(uring, "_call", refuses)
        if trouble == errno.EAGAIN:
            assert ring.run(sockets) == [-errno.EAGAIN] * len(sockets) and len(asked) == TRIES_MAX
        else:
            with pytest.raises(OSError, match="Errno 9"):
                ring.run(sockets)
    for _ in range(2):
        assert ring.run(sockets) == SIZES
    assert [theirs.recv(99) for _, theirs in pairs] == [2 * WORD[:size] for size in SIZES]


def test_a_kernel_that_takes_some_is_asked_for_the_rest_or_the_rest_is_told(
    ring: Ring, pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, takes = uring._call, [3, 1]

    def short(number: int, *arguments: int) -> int:
        if number != uring._ENTER or not takes:
            raise OSError(errno.ENOMEM, "")
        ring_fd, left, *_ = arguments
        return call(number, ring_fd, min(takes.pop(), left), 0, 0, None, 0)

    sockets = fds([ours for ours, _ in pairs])
    with monkeypatch.context() as patched:
        patched.setattr(uring, "_call", short)
        assert ring.run(sockets) == SIZES  # one, and three
        takes[:] = [2]
        assert ring.run(sockets) == [*SIZES[:2], -errno.EAGAIN, -errno.EAGAIN]
    assert ring.run(sockets) == SIZES
    assert [len(theirs.recv(99)) for _, theirs in pairs] == [3, 6, 6, 8]


def test_a_ring_that_cannot_be_laid_out_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, "")

    monkeypatch.setattr(mmap, "mmap", full)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="Errno 12"):
        Ring(SEND, 4)
    assert os.listdir("/proc/self/fd") == before


def test_thousands_of_rounds_wrap_around_both_queues(ring: Ring, pairs: Pairs) -> None:
    sockets = fds([ours for ours, _ in pairs])
    for n in range(2000):
        count = n % len(SIZES) + 1
        assert ring.run(sockets[:count]) == SIZES[:count]
        for (_, theirs), size in zip(pairs[:count], SIZES, strict=False):
            assert theirs.recv(9) == WORD[:size]
