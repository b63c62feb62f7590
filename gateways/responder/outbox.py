"""What goes out to terminals; what the kernel did not take at once is kept per descriptor while there is any, bounded.

What is said to one after the other in a round is held to its end, and goes out in a loop with nothing else in it: what
is reckoned between two system calls finds cold caches.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat

import structlog

from fusioncmd import limits, many

log = structlog.get_logger("outbox")

READ = select.EPOLLIN | select.EPOLLRDHUP  # what every connection is listened to for


class Outbox:
    """`drop` ends a connection that failed, or whose reader is too slow."""

    def __init__(self, epoll: select.epoll, drop: Callable[[int], None]) -> None:
        self._epoll, self._drop = epoll, drop
        self._writes = many.writes()
        self._waiting: dict[int, bytearray] = {}
        self._held: dict[int, bytes] | None = None  # None: nothing is held back now

    def close(self) -> None:
        self._writes.close()

    def __contains__(self, fd: int) -> bool:
        return fd in self._waiting

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Until the block ends, what `send` is given is held back: `release` sends it, and so does `send_each`."""
        self._held = {}
        try:
            yield
        finally:
            try:
                self.release()
            finally:
                self._held = None

    def release(self) -> None:
        """Send what is held; before a connection is ended, too, since its last words come after all others."""
        if self._held:
            held, self._held = self._held, {}
            for fd in held.keys() & self._waiting.keys():
                self._keep(fd, held.pop(fd))
            self._fell_short(list(held), list(held.values()), self._writes.each(held))

    def send(self, fd: int, data: bytes) -> None:
        """What the kernel does not take waits, or the connection is ended."""
        if self._held is None:
            self.send_each((fd,), data)
        else:
            self._held[fd] = self._held[fd] + data if fd in self._held else data

    def send_each(self, fds: Sequence[int], data: bytes) -> list[int]:
        """The same bytes to many: those of them for whom it waits now, or who are gone."""
        self.release()
        late: list[int] = []
        if self._waiting:
            late = [fd for fd in fds if fd in self._waiting]
            fds = [fd for fd in fds if fd not in self._waiting]
            for fd in late:
                self._keep(fd, data)
        taken = self._writes.same(fds, data)
        if taken.count(len(data)) < len(taken):  # hardly ever
            late += self._fell_short(fds, repeat(data), taken)
        return late

    def _fell_short(self, fds: Sequence[int], said: Iterable[bytes], taken: list[int]) -> list[int]:
        """Of each the kernel took that much, or it failed; those of whom it did not take all."""
        short: list[int] = []
        for fd, data, count in zip(fds, said, taken, strict=False):
            if count == len(data):
                continue
            short.append(fd)
            if many.is_short(count):
                self._keep(fd, data[max(count, 0) :])
            else:
                self._drop(fd)
        return short

    def _keep(self, fd: int, data: bytes) -> None:
        """What the kernel did not take."""
        waiting = self._waiting.get(fd)
        if waiting is None:
            self._waiting[fd] = bytearray(data)
            self._epoll.modify(fd, READ | select.EPOLLOUT)
        elif len(waiting) + len(data) > limits.OUTBOX_BYTES_MAX:
            log.warning("outbox.slow_terminal", bytes=len(waiting))
            self._drop(fd)
        else:
            waiting += data

    def flush(self, fd: int) -> bool:
        """The kernel takes more now. True when that was the last of it."""
        waiting = self._waiting.get(fd)
        if waiting is None:
            return False
        try:
            del waiting[: os.write(fd, waiting)]
        except BlockingIOError:
            return False
        except OSError:
            self._drop(fd)
            return False
        if waiting:
            return False
        del self._waiting[fd]
        self._epoll.modify(fd, READ)
        return True

    def forget(self, fd: int) -> None:
        self._waiting.pop(fd, None)


def finish(fd: int) -> None:
    """Nothing more goes out (TCP's FIN); what the peer still says can be read."""
    connection = socket.socket(fileno=fd)
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:  # the peer was faster
        pass
    finally:
        connection.detach()
