"""What a socket has: short or long, nothing yet, and the end, whatever the first read asks for."""

from __future__ import annotations

import select
import socket
import struct
from array import array
from collections.abc import Iterator

import pytest

from fusioncmd import limits
from gateways.responder.hearing import SHORT_BYTES, Event, Hearing, Said, arrived, more
from gateways.responder.phases import OPEN, OPENING, SERVING, SHAKEN
from gateways.responder.reader import FrameReader

pytestmark = pytest.mark.usefixtures("either_way")

NOW_S = 77
RST = struct.pack("ii", 1, 0)  # socket(7), SO_LINGER


HEARINGS: list[Hearing] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while HEARINGS:
        HEARINGS.pop().close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def a_text(size: int) -> bytes:
    return bytes(range(256)) * (size // 256) + bytes(range(size % 256))


class Ears:
    """A hearing of one connection, which is open."""

    def __init__(self, fd: int) -> None:
        self.fd, self.reader, self.phases = fd, FrameReader(), bytearray(fd + 1)
        self.phases[fd] = OPEN
        self.heard_s = array("I", bytes(4 * (fd + 1)))
        self._hearing = Hearing(self.phases, self.heard_s, self.reader)
        HEARINGS.append(self._hearing)

    def hear(self, event: int = select.EPOLLIN) -> tuple[list[Said], list[Event]]:
        said, early, others = self._hearing.hear([(self.fd, event)], NOW_S)
        assert early == []
        return said, others

    def first(self) -> list[Said]:
        return self._hearing.first([self.fd])

    def one(self) -> bytes | None:
        return self._hearing.one(self.fd, NOW_S)

    def hear_early(self) -> list[Said]:
        said, early, others = self._hearing.hear([(self.fd, select.EPOLLIN)], NOW_S)
        assert (said, others) == ([], [])
        return early


@pytest.mark.parametrize("size", [1, SHORT_BYTES - 1, SHORT_BYTES, SHORT_BYTES + 1, limits.READ_BYTES])
def test_all_of_it_comes_in_one_go(pair: tuple[socket.socket, socket.socket], size: int) -> None:
    ours, theirs = pair
    for _ in range(2):
        theirs.sendall(a_text(size))
    ears, fd = Ears(ours.fileno()), ours.fileno()
    if size == limits.READ_BYTES:
        assert arrived(fd) == a_text(size)
    ((_, data),), others = ears.hear()
    assert others == [] and ears.heard_s[fd] == NOW_S
    assert len(data) == SHORT_BYTES if size >= SHORT_BYTES / 2 else data == 2 * a_text(size)
    whole = data if len(data) < SHORT_BYTES else more(fd, data)
    assert whole == a_text(size) * (1 if size == limits.READ_BYTES else 2)
    assert arrived(fd) is None


def test_more_than_a_rounds_share_waits_for_the_next(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(bytes(2 * limits.READ_BYTES + 7))
    ((fd, beginning),), _ = Ears(ours.fileno()).hear()
    taken = [more(fd, beginning), arrived(fd), arrived(fd), arrived(fd)]
    assert [data and len(data) for data in taken] == [limits.READ_BYTES, limits.READ_BYTES, 7, None]


def test_the_end_is_told_after_what_came_before_it(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(bytes(SHORT_BYTES))
    theirs.close()
    ears, fd = Ears(ours.fileno()), ours.fileno()
    assert ears.hear() == ([(fd, bytes(SHORT_BYTES))], [])
    assert more(fd, bytes(SHORT_BYTES)) == bytes(SHORT_BYTES)
    assert ears.hear() == ([(fd, b"")], [])
    assert arrived(fd) == b""


@pytest.mark.parametrize("event", [select.EPOLLIN | select.EPOLLRDHUP, select.EPOLLOUT, select.EPOLLHUP])
def test_what_is_not_merely_an_arrival_is_read_by_nobody(pair: tuple[socket.socket, socket.socket], event: int) -> None:
    ours, theirs = pair
    theirs.sendall(b"a word")
    assert Ears(ours.fileno()).hear(event) == ([], [(ours.fileno(), event)])
    assert arrived(ours.fileno()) == b"a word"


def test_nothing_is_read_of_one_in_another_phase_or_midway_in_a_frame(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    theirs.sendall(b"a word")
    ears, fd = Ears(ours.fileno()), ours.fileno()
    ears.phases[fd] = SERVING
    assert ears.hear() == ([], [(fd, select.EPOLLIN)])
    ears.phases[fd] = OPEN
    ears.reader.feed(fd, b"\x82")
    assert ears.hear() == ([], [(fd, select.EPOLLIN)])
    ears.reader.forget(fd)
    ears.reader.feed(fd + 1, b"\x82")  # another one is midway
    assert ears.hear() == ([(fd, b"a word")], [])


@pytest.mark.parametrize("phase", [OPENING, SHAKEN])
def test_on_the_way_to_be_open_all_is_read_and_does_not_count_as_heard(
    pair: tuple[socket.socket, socket.socket], phase: int
) -> None:
    ours, theirs = pair
    theirs.sendall(bytes(3 * SHORT_BYTES))
    ears, fd = Ears(ours.fileno()), ours.fileno()
    ears.phases[fd] = phase
    assert ears.hear_early() == [(fd, bytes(3 * SHORT_BYTES))]
    assert ears.heard_s[fd] == 0


def test_of_those_who_come_in_each_is_asked_once_and_no_time_is_noted(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    ears, fd = Ears(ours.fileno()), ours.fileno()
    ears.phases[fd] = OPENING
    assert ears.first() == []
    theirs.sendall(b"GET")
    assert ears.first() == [(fd, b"GET")]
    theirs.close()
    assert ears.first() == [(fd, b"")]
    assert ears.heard_s[fd] == 0


@pytest.mark.parametrize(("phase", "heard_s"), [(OPEN, NOW_S), (SHAKEN, 0), (SERVING, 0)])
def test_who_is_asked_alone_is_heard_when_something_came_and_it_is_open(
    pair: tuple[socket.socket, socket.socket], phase: int, heard_s: int
) -> None:
    ours, theirs = pair
    ears, fd = Ears(ours.fileno()), ours.fileno()
    ears.phases[fd] = phase
    assert ears.one() is None and ears.heard_s[fd] == 0
    theirs.sendall(b"a word")
    assert ears.one() == b"a word" and ears.heard_s[fd] == heard_s


def test_an_event_with_nothing_behind_it_is_left_to_others(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    assert Ears(ours.fileno()).hear() == ([], [(ours.fileno(), select.EPOLLIN)])
    assert arrived(ours.fileno()) is None


def test_a_reset_is_an_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        theirs = socket.create_connection(door.getsockname())
        ours, _ = door.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
        theirs.close()
        with ours:
            ears = Ears(ours.fileno())
            assert ears.hear() == ([], [(ours.fileno(), select.EPOLLIN)])
            assert arrived(ours.fileno()) == b""
