"""What is read from many sockets, or sent to many: in one system call, or in one for each where there is no io_uring.

A thousand calls from Python cost more than what the kernel does in most of them: each finds caches that the one before
it left cold. No call here ever waits.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import Protocol

import structlog

from fusioncmd.uring import RECV, SEND, Ring

log = structlog.get_logger("many")

AT_ONCE_MAX = 512  # sockets in one system call
FEW = 3  # and fewer get one each: that is cheaper
_LATER = (-errno.EAGAIN, -errno.ENOMEM, -errno.ENOBUFS)


class Reads(Protocol):
    def each(self, sockets: Sequence[int]) -> list[bytes | None]:
        """What each of these descriptors has, up to a size: nothing at its end, None where a read fails or would wait.

        Whoever asks that one again is told that it has ended, if it has.
        """

    def close(self) -> None: ...


class Writes(Protocol):
    """Each method gives, for each, how many bytes the kernel took, or minus an errno."""

    def same(self, sockets: Sequence[int], data: bytes) -> list[int]:
        """The same to all of these descriptors."""

    def each(self, said: Mapping[int, bytes]) -> list[int]:
        """To each descriptor its own."""

    def close(self) -> None: ...


def is_short(taken: int) -> bool:
    """Whether the kernel had no room for what was sent, or for all of it, and may have some later."""
    return taken >= 0 or taken in _LATER


@cache
def at_once() -> bool:
    """Whether this process may do many in one system call."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        try:
            with contextlib.closing(RingReads(1)) as tried:
                return tried.each([ours.fileno()] * FEW) == [None] * FEW
        except OSError:
            return False


def reads(bytes_max: int) -> Reads:
    """Of at most so many bytes each."""
    if at_once():
        try:
            return RingReads(bytes_max)
        except OSError as error:
            log.warning("many.one_by_one", error=repr(error))
    return PlainReads(bytes_max)


def writes() -> Writes:
    if at_once():
        try:
            return RingWrites()
        except OSError as error:
            log.warning("many.one_by_one", error=repr(error))
    return PlainWrites()


class PlainReads:
    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max

    def each(self, sockets: Sequence[int]) -> list[bytes | None]:
        return [self._read(fd) for fd in sockets]

    def _read(self, fd: int) -> bytes | None:
        try:
            return os.read(fd, self._bytes_max)
        except OSError:
            return None

    def close(self) -> None:
        pass


class PlainWrites:
    def same(self, sockets: Sequence[int], data: bytes) -> list[int]:
        return [_write(fd, data) for fd in sockets]

    def each(self, said: Mapping[int, bytes]) -> list[int]:
        return [_write(fd, data) for fd, data in said.items()]

    def close(self) -> None:
        pass


def _write(fd: int, data: bytes) -> int:
    try:
        return os.write(fd, data)
    except OSError as error:
        return -(error.errno or errno.EIO)


class RingReads(PlainReads):
    """Each has its own part of one buffer."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__(bytes_max)
        self._came = mmap.mmap(-1, AT_ONCE_MAX * bytes_max)
        self._ring = Ring(RECV, AT_ONCE_MAX)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._came))
        self._parts = range(0, AT_ONCE_MAX * bytes_max, bytes_max)
        self._ring.point([start + part for part in self._parts], [bytes_max] * AT_ONCE_MAX)

    def each(self, sockets: Sequence[int]) -> list[bytes | None]:
        if len(sockets) < FEW:
            return super().each(sockets)
        heard: list[bytes | None] = []
        came = self._came
        for some in _parts(sockets):
            both = zip(self._parts, self._ring.run(some), strict=False)
            heard += [came[part : part + size] if size >= 0 else None for part, size in both]
        return heard

    def close(self) -> None:
        self._ring.close()
        self._came.close()


class RingWrites(PlainWrites):
    def __init__(self) -> None:
        self._ring = Ring(SEND, AT_ONCE_MAX)
        self._data = b""  # what the first `_count` entries of the ring point at, if it is the same for all
        self._count = 0

    def same(self, sockets: Sequence[int], data: bytes) -> list[int]:
        if len(sockets) < FEW:
            return super().same(sockets, data)
        count = min(len(sockets), AT_ONCE_MAX)
        if data is not self._data or count > self._count:
            self._data, self._count = data, count
            self._ring.point([_address(data)] * count, [len(data)] * count)
        return [taken for some in _parts(sockets) for taken in self._ring.run(some)]

    def each(self, said: Mapping[int, bytes]) -> list[int]:
        if len(said) < FEW:
            return super().each(said)
        self._count = 0
        taken: list[int] = []
        for some in _parts(list(said)):
            sizes = [len(said[fd]) for fd in some]
            together = b"".join([said[fd] for fd in some])
            self._ring.point(list(accumulate(sizes[:-1], initial=_address(together))), sizes)
            taken += self._ring.run(some)
        return taken

    def close(self) -> None:
        self._ring.close()


def _parts(sockets: Sequence[int]) -> Iterator[Sequence[int]]:
    if len(sockets) <= AT_ONCE_MAX:
        yield sockets
        return
    for start in range(0, len(sockets), AT_ONCE_MAX):
        yield sockets[start : start + AT_ONCE_MAX]


def _address(data: bytes) -> int:
    """Of its first byte, as long as somebody keeps it."""
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0
