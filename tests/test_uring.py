"""The ring itself: what the kernel does not promise, and what it does when it is short of something."""

from __future__ import annotations

import errno
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
    ring = Ring(SEND, len(SIZES))
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


def test_a_kernel_that_takes_nothing_is_not_asked_for_ever(
    ring: Ring, pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def busy(*arguments: object) -> int:
        asked.append(arguments)
        raise OSError(errno.EAGAIN, "")

    monkeypatch.setattr(uring, "_call", busy)
    with pytest.raises(OSError, match="did not take"):
        ring.run(fds([ours for ours, _ in pairs]))
    assert len(asked) == TRIES_MAX


def test_a_fault_of_another_kind_is_told(ring: Ring, pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise OSError(errno.EBADF, "")

    monkeypatch.setattr(uring, "_call", broken)
    with pytest.raises(OSError, match="Errno 9"):
        ring.run(fds([ours for ours, _ in pairs]))


def test_thousands_of_rounds_wrap_around_both_queues(ring: Ring, pairs: Pairs) -> None:
    sockets = fds([ours for ours, _ in pairs])
    for n in range(2000):
        count = n % len(SIZES) + 1
        assert ring.run(sockets[:count]) == SIZES[:count]
        for (_, theirs), size in zip(pairs[:count], SIZES, strict=False):
            assert theirs.recv(9) == WORD[:size]
