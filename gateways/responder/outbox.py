"""What the kernel did not take at once: kept per descriptor while there is any, and bounded."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterable

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
        return not self.send_each((fd,), data)

    def send_each(self, fds: Iterable[int], data: bytes) -> list[int]:
        """The same bytes to many: those of them for whom it waits now, or who are gone."""
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
