"""What the terminals of one process hear, from their sockets: frames that everyone gets are known by their bytes."""

from __future__ import annotations

import os
import select
import time
from array import array
from collections.abc import Callable, Container

from loadtest.swarm.alike import Alike

ALIKE_MAX = 16  # of a size: the last orders, or confirmations of each answer
READ_BYTES = 16 * 1024
Event = tuple[int, int]  # descriptor, what happened there


class Ears:
    """`of_fd` is the terminal at a descriptor, `phases` is by terminal, and at `usual` nothing is odd, unless it is
    `midway` in a frame; `send` is for replies."""

    def __init__(
        self,
        of_fd: array[int],
        phases: bytearray,
        usual: int,
        midway: Container[int],
        send: Callable[[int, bytes], None],
    ) -> None:
        self._of_fd, self._phases, self._usual, self._midway, self._send = of_fd, phases, usual, midway, send
        # By size. What was read is compared where it stands: that costs a quarter of what a `bytes` for each terminal
        # would, and its hash.
        self._alike: dict[int, list[tuple[bytes, Alike]]] = {}
        self._came = bytearray(READ_BYTES)
        self._into = [self._came]

    def learn(self, frame: bytes, alike: Alike) -> None:
        """From now on `frame` is known."""
        known = self._alike.setdefault(len(frame), [])
        if (frame, alike) not in known:
            known.insert(0, (frame, alike))
            del known[ALIKE_MAX:]

    def read(self, fd: int) -> bytes | OSError:
        try:
            return bytes(self._came[: os.readv(fd, self._into)])
        except OSError as error:
            return error

    def hear(self, events: list[Event]) -> tuple[list[tuple[int, bytes]], list[Event]]:
        """Reply to what is known, nearly all there ever is, in a tight loop. What else came from the usual, and the
        events that are something else.

        When it came is read once for all of them, afterwards: a moment too late rather than too early.
        """
        of_fd, phases, usual, midway, send = self._of_fd, self._phases, self._usual, self._midway, self._send
        alike_of, came, into, readv, arrival = self._alike, self._came, self._into, os.readv, select.EPOLLIN
        told: list[Alike] = []
        said: list[tuple[int, bytes]] = []
        others: list[Event] = []
        for both in events:
            fd, event = both
            i = of_fd[fd]
            if event != arrival or i < 0 or phases[i] != usual or fd in midway:
                others.append(both)
                continue
            try:
                size = readv(fd, into)
            except OSError:  # nothing after all, or a reset: whoever asks again is told
                others.append(both)
                continue
            for frame, alike in alike_of.get(size, ()):
                if came.startswith(frame):
                    which = alike.reply_of[i]
                    alike.came_to[which].append(i)
                    if reply := alike.replies[which]:
                        send(fd, reply)
                    if not told or told[-1] is not alike:
                        told.append(alike)
                    break
            else:
                said.append((fd, bytes(came[:size])))
        now_s = time.monotonic()
        for alike in told:
            alike.write_down(now_s)
        return said, others
