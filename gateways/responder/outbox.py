"""What goes out to terminals; what the kernel did not take at once is kept per descriptor while there is any, bounded.

What is said to one after the other in a round is held to its end, and goes out in a loop with nothing else in it: what
is reckoned between two system calls finds cold caches.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from collections.abc import Callable, Iterable, Iterator

import structlog

from fusioncmd import limits

log = structlog.get_logger("outbox")

READ = select.EPOLLIN | select.EPOLLRDHUP  # what every connection is listened to for


class Outbox:
    """`drop` ends a connection that failed, or whose reader is too slow."""

    def __init__(self, epoll: select.epoll, drop: Callable[[int], None]) -> None:
        self._epoll, self._drop = epoll, drop
        self._waiting: dict[int, bytearray] = {}
        self._held: list[tuple[int, bytes]] | None = None  # None: nothing is held back now

    def __contains__(self, fd: int) -> bool:
        return fd in self._waiting

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Until the block ends, what `send` is given is held back: `release` sends it, and so does `send_each`."""
        self._held = []
        try:
            yield
        finally:
            self.release()
            self._held = None

    def release(self) -> None:
        """Send what is held; before a connection is ended, too, since its last words come after all others."""
        if self._held:
            held, self._held = self._held, []
            for fd, data in held:
                self._send((fd,), data)

    def send(self, fd: int, data: bytes) -> None:
        """What the kernel does not take waits, or the connection is ended."""
        if self._held is None:
            self._send((fd,), data)
        else:
            self._held.append((fd, data))

    def send_each(self, fds: Iterable[int], data: bytes) -> list[int]:
        """The same bytes to many: those of them for whom it waits now, or who are gone."""
        self.release()
        return self._send(fds, data)

    def _send(self, fds: Iterable[int], data: bytes) -> list[int]:
        late: list[int] = []
        waiting, write, size = self._waiting, os.write, len(data)
        for fd in fds:
            try:
                written = 0 if fd in waiting else write(fd, data)
            except BlockingIOError:
                written = 0
            except OSError:
                self._drop(fd)
                late.append(fd)
                continue
            if written != size:
                self._keep(fd, data[written:])
                late.append(fd)
        return late

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
