"""What the kernel did not take at once: kept per descriptor while there is any, and bounded."""

from __future__ import annotations

import os
import select
from collections.abc import Callable

import structlog

from fusioncmd import limits

log = structlog.get_logger("outbox")

READ = select.EPOLLIN | select.EPOLLRDHUP  # what every connection is listened to for


class Outbox:
    """`drop` ends a connection that failed, or whose reader is too slow."""

    def __init__(self, epoll: select.epoll, drop: Callable[[int], None]) -> None:
        self._epoll, self._drop = epoll, drop
        self._waiting: dict[int, bytearray] = {}

    def __contains__(self, fd: int) -> bool:
        return fd in self._waiting

    def send(self, fd: int, data: bytes) -> bool:
        """True when the kernel took all of it. The rest waits, or the connection is ended."""
        waiting = self._waiting.get(fd)
        if waiting is None:
            try:
                written = os.write(fd, data)
            except BlockingIOError:
                written = 0
            except OSError:
                self._drop(fd)
                return False
            if written == len(data):
                return True
            self._waiting[fd] = bytearray(data[written:])
            self._epoll.modify(fd, READ | select.EPOLLOUT)
        elif len(waiting) + len(data) > limits.OUTBOX_BYTES_MAX:
            log.warning("outbox.slow_terminal", bytes=len(waiting))
            self._drop(fd)
        else:
            waiting += data
        return False

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
