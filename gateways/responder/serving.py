"""HTTP answers on their way: as much as the kernel takes at once, and the rest while it does. The bytes are shared.

For each that waits, a place in a dictionary; of more than PAGES_IN_FLIGHT_MAX the oldest is given up, and each after
HANDSHAKE_S_MAX (the engine sees to that). Nearly all fit into the kernel's buffer and never wait.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable

from fusioncmd import limits
from gateways.responder.outbox import READ


class Serving:
    """`end` is told of a connection whose answer is out; `drop` lets one go that failed, or has to make room."""

    def __init__(self, epoll: select.epoll, end: Callable[[int], None], drop: Callable[[int], None]) -> None:
        self._epoll, self._end, self._drop = epoll, end, drop
        self._waiting: dict[int, memoryview] = {}

    def begin(self, fd: int, answer: bytes) -> None:
        """An empty answer is the end without one."""
        if not answer:
            self._drop(fd)
        elif rest := self._write(fd, memoryview(answer)):
            self._epoll.modify(fd, READ | select.EPOLLOUT)
            self._waiting[fd] = rest
            if len(self._waiting) > limits.PAGES_IN_FLIGHT_MAX:
                self._drop(next(iter(self._waiting)))

    def go_on(self, fd: int) -> bool:
        """The kernel takes more of what `fd` waits for; False when it waits for nothing here."""
        if not self._waiting or (waiting := self._waiting.get(fd)) is None:
            return False
        if rest := self._write(fd, waiting):
            self._waiting[fd] = rest
        return True

    def forget(self, fd: int) -> None:
        self._waiting.pop(fd, None)

    def _write(self, fd: int, answer: memoryview) -> memoryview:
        """What the kernel did not take; after the last of it, the end."""
        try:
            rest = answer[os.write(fd, answer) :]
        except BlockingIOError:
            return answer
        except OSError:
            self._drop(fd)
            return memoryview(b"")
        if not rest:
            if self._waiting.pop(fd, None) is not None:
                self._epoll.modify(fd, READ)
            self._end(fd)
        return rest
