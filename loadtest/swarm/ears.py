"""What the terminals of one process hear, from their sockets: frames that everyone gets are known by their bytes."""

from __future__ import annotations

import contextlib
import os
import select
import time
from array import array
from collections.abc import Callable, Container

from fusioncmd import many
from loadtest.swarm.alike import Alike

ALIKE_MAX = 16  # of a size: the last orders, or confirmations of each answer
SHORT_BYTES = 1536  # what everyone gets is nearly always shorter
READ_BYTES = 16 * 1024
Event = tuple[int, int]  # descriptor, what happened there


class Ears:
    """`of_fd` is the terminal at a descriptor, `phases` is by terminal, and at `usual` nothing is odd, unless it is
    `midway` in a frame; `send_each` is for replies."""

    def __init__(
        self,
        of_fd: array[int],
        phases: bytearray,
        usual: int,
        midway: Container[int],
        send_each: Callable[[list[int], bytes], None],
    ) -> None:
        self._of_fd, self._phases, self._usual, self._midway = of_fd, phases, usual, midway
        self._send_each = send_each
        self._reads = many.reads(SHORT_BYTES)
        self._alike: dict[int, list[tuple[bytes, Alike]]] = {}  # by size: to compare costs less than a hash

    def learn(self, frame: bytes, alike: Alike) -> None:
        """From now on `frame` is known, unless it is longer than what is read at first."""
        if len(frame) >= SHORT_BYTES:
            return
        known = self._alike.setdefault(len(frame), [])
        if (frame, alike) not in known:
            known.insert(0, (frame, alike))
            del known[ALIKE_MAX:]

    def read(self, fd: int) -> bytes | OSError:
        """All that is there."""
        try:
            return self._all(fd, os.read(fd, SHORT_BYTES))
        except OSError as error:
            return error

    def close(self) -> None:
        self._reads.close()

    def hear(self, events: list[Event]) -> tuple[list[tuple[int, bytes]], list[Event]]:
        """Reply to what is known, nearly all there ever is. What else came from the usual, and the events that are
        something else.

        When it came is read once for all of them, afterwards: a moment too late rather than too early.
        """
        of_fd, phases, usual, midway, arrival = self._of_fd, self._phases, self._usual, self._midway, select.EPOLLIN
        fds: list[int] = []
        others: list[Event] = []
        for both in events:
            fd, event = both
            if event != arrival or (i := of_fd[fd]) < 0 or phases[i] != usual or fd in midway:
                others.append(both)
            else:
                fds.append(fd)
        said, told = self._sorted(fds, others)
        for alike in told:
            alike.reply(self._send_each)
        now_s = time.monotonic()
        for alike in told:
            alike.write_down(now_s)
        return said, others

    def _sorted(self, fds: list[int], others: list[Event]) -> tuple[list[tuple[int, bytes]], list[Alike]]:
        """What was said that is not known; and what is, to whom it came noted in it."""
        of_fd, alike_of = self._of_fd, self._alike
        told: list[Alike] = []
        said: list[tuple[int, bytes]] = []
        for fd, data in zip(fds, self._reads.each(fds), strict=True):
            if data is None:  # nothing after all, or a reset: whoever asks again is told
                others.append((fd, select.EPOLLIN))
                continue
            for frame, alike in alike_of.get(len(data), ()):
                if data == frame:
                    alike.came(of_fd[fd], fd)
                    if not told or told[-1] is not alike:
                        told.append(alike)
                    break
            else:
                said.append((fd, self._all(fd, data)))
        return said, told

    def _all(self, fd: int, data: bytes) -> bytes:
        """`data`, and what came behind it if it was as much as was asked for: the epoll tells each arrival once. An
        end or a reset it tells once more."""
        asked = SHORT_BYTES
        with contextlib.suppress(OSError):
            while len(data) == asked:
                data, asked = data + os.read(fd, READ_BYTES), asked + READ_BYTES
        return data
