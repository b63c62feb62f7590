"""Many sockets at once: what one system call does for all is what one for each does, with and without io_uring."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from random import Random

import pytest

from fusioncmd import many, uring
from fusioncmd.many import AT_ONCE_MAX, Reads, Writes
from tests.terminals import a_world

SIZE = 100
SEND_BUFFER_BYTES = 4096
RST = struct.pack("ii", 1, 0)  # socket(7), SO_LINGER
WAYS = ["plain", pytest.param("ring", marks=pytest.mark.skipif(not many.at_once(), reason="no io_uring here"))]
Ends = tuple[list[socket.socket], list[socket.socket]]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def reads(way: str) -> Iterator[Reads]:
    reads = many.PlainReads(SIZE) if way == "plain" else many.RingReads(SIZE)
    yield reads
    reads.close()


@pytest.fixture
def writes(way: str) -> Iterator[Writes]:
    writes = many.PlainWrites() if way == "plain" else many.RingWrites()
    yield writes
    writes.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Ours, and theirs."""
    pairs = [socket.socketpair() for _ in range(AT_ONCE_MAX + 88)]
    for ours, theirs in pairs:
        ours.setblocking(False)
        theirs.setblocking(False)
    ours, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    yield ours, theirs
    for end in (*ours, *theirs):
        end.close()


def fds(sockets: list[socket.socket]) -> list[int]:
    return [each.fileno() for each in sockets]


def heard(end: socket.socket) -> bytes:
    try:
        return end.recv(1 << 20)
    except BlockingIOError:
        return b"nothing"


def test_each_says_its_own_and_who_says_nothing_is_told_from_who_has_ended(ends: Ends, reads: Reads) -> None:
    ours, theirs = ends
    theirs[0].send(b"first")
    theirs[2].close()
    theirs[-1].send(b"last")
    came = reads.each(fds(ours))
    assert (came[0], came[1], came[2], came[-1]) == (b"first", None, b"", b"last")
    assert came.count(None) == len(ours) - 3
    assert reads.each([]) == []


def test_a_read_takes_no_more_than_its_size_and_the_rest_comes_next(ends: Ends, reads: Reads) -> None:
    ours, theirs = ends
    text = bytes(range(SIZE)) + b"rest"
    for few in (1, 5):
        for end in theirs[:few]:
            end.send(text)
        assert reads.each(fds(ours[:few])) == [text[:SIZE]] * few
        assert reads.each(fds(ours[:few])) == [b"rest"] * few
        assert reads.each(fds(ours[:few])) == [None] * few


def test_a_reset_and_a_descriptor_of_nobody_do_not_disturb_the_others(ends: Ends, reads: Reads, writes: Writes) -> None:
    ours, theirs = ends
    with socket.create_server(("127.0.0.1", 0)) as door:
        gone = socket.create_connection(door.getsockname())
        other, _ = door.accept()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
        other.close()
        with gone:
            for end in theirs[:3]:
                end.send(b"here")
            asked = [*fds(ours[:2]), gone.fileno(), 1 << 20, ours[2].fileno()]
            assert reads.each(asked) == [b"here", b"here", None, None, b"here"]
            assert writes.same(asked, b"word") == [4, 4, -errno.EPIPE, -errno.EBADF, 4]
    assert [heard(end) for end in theirs[:4]] == [b"word"] * 3 + [b"nothing"]


def test_what_the_kernel_does_not_take_is_counted(ends: Ends, writes: Writes) -> None:
    ours, theirs = ends
    much = bytes(range(256)) * 4096
    for end in ours[:2]:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    few = fds(ours[:4])
    taken = writes.same(few, much)
    assert 0 < taken[0] == taken[1] < len(much)
    assert writes.same(few, b"more")[:2] == [-errno.EAGAIN] * 2
    assert writes.each(dict.fromkeys(few, b"more"))[:2] == [-errno.EAGAIN] * 2
    assert heard(theirs[0]) == much[: taken[0]]


def test_each_is_told_its_own_and_all_are_told_the_same(ends: Ends, writes: Writes) -> None:
    ours, theirs = ends
    said = {end.fileno(): b"%d" % n * (n % 7) + b"." for n, end in enumerate(ours)}
    for _ in range(2):
        assert writes.same(fds(ours[:9]), b"all") == [3] * 9
        assert writes.each(said) == [len(data) for data in said.values()]
        assert writes.same(fds(ours[:9]), b"all") == [3] * 9
        assert writes.same(fds(ours), b"all") == [3] * len(ours)
        expected = [data + b"all" for data in said.values()]
        assert [heard(end) for end in theirs[9:]] == expected[9:]
        assert [heard(end) for end in theirs[:9]] == [b"all" + data.replace(b"all", b"allall") for data in expected[:9]]


def test_round_after_round_nothing_is_lost_or_mixed_up(ends: Ends, reads: Reads, writes: Writes) -> None:
    ours, theirs = ends
    rng = Random(1)
    for n in range(60):
        chosen = rng.sample(range(len(ours)), rng.choice((1, 3, 7, 100, AT_ONCE_MAX, AT_ONCE_MAX + 1, len(ours))))
        word = b"%d" % n
        assert writes.same(fds([theirs[i] for i in chosen]), word) == [len(word)] * len(chosen)
        asked = rng.sample(range(len(ours)), len(ours))
        came = reads.each(fds([ours[i] for i in asked]))
        assert {i for i, data in zip(asked, came, strict=True) if data == word} == set(chosen)
        assert came.count(None) == len(ours) - len(chosen)


@pytest.fixture
def probed() -> Iterator[None]:
    """What this process may do is found out anew, and once more afterwards."""
    many.at_once.cache_clear()
    yield
    many.at_once.cache_clear()


@pytest.mark.parametrize("number", [uring._SETUP, uring._ENTER])
async def test_a_gateway_serves_where_no_ring_is_allowed(
    monkeypatch: pytest.MonkeyPatch, probed: None, number: int
) -> None:
    call = uring._call

    def refused(asked: int, *arguments: object) -> int:
        if asked == number:
            raise PermissionError(errno.EPERM, "kernel.io_uring_disabled, seccomp")
        return call(asked, *arguments)

    monkeypatch.setattr(uring, "_call", refused)
    assert not many.at_once()
    async with a_world() as world:
        await world.enter(7)


def test_where_one_more_ring_finds_no_room_it_goes_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOMEM, "")

    monkeypatch.setattr(many, "at_once", lambda: True)
    monkeypatch.setattr(many, "Ring", full)
    assert type(many.reads(9)) is many.PlainReads and type(many.writes()) is many.PlainWrites
