"""What terminals say, from their sockets: of one, or of all who said something in a round.

At most READ_BYTES from each: the rest is for the next round.
"""

from __future__ import annotations

import os
import select
from array import array

from fusioncmd import limits
from gateways.responder.phases import OPEN, OPENING
from gateways.responder.reader import FrameReader

SHORT_BYTES = 133  # what thousands say alike is shorter
Event = tuple[int, int]  # descriptor, what happened there
Said = tuple[int, bytes]  # descriptor, what came from there


class Hearing:
    """`phases` and `heard_s`, when each was heard last, are by descriptor."""

    def __init__(self, phases: bytearray, heard_s: array[int], reader: FrameReader) -> None:
        self._phases, self._heard_s, self._reader = phases, heard_s, reader

    def hear(self, events: list[Event], now_s: int) -> tuple[list[Said], list[Said], list[Event]]:
        """What was said by those who are open, at most SHORT_BYTES of it: nearly all that ever happens. What was
        said on the way there. And the events that are something else, or of somebody midway in a frame.

        A tight loop, with one call for a connection: what is handled between two system calls finds cold caches.
        """
        said: list[Said] = []
        early: list[Said] = []
        others: list[Event] = []
        phases, heard_s, read, long = self._phases, self._heard_s, os.read, limits.READ_BYTES
        arrival, busy, is_between = select.EPOLLIN, self._reader.busy, self._reader.is_between
        for both in events:
            fd, event = both
            phase = phases[fd]
            if event != arrival or phase < OPENING or (busy and not is_between(fd)):
                others.append(both)
                continue
            try:
                if phase == OPEN:
                    said.append((fd, read(fd, SHORT_BYTES)))
                    heard_s[fd] = now_s
                else:
                    early.append((fd, read(fd, long)))
            except OSError:  # nothing after all, or a reset: as it is told to whoever asks again
                others.append(both)
        return said, early, others

    def first(self, fds: list[int]) -> list[Said]:
        """What those who come in have said already: nearly all of them have."""
        return [(fd, data) for fd in fds if (data := arrived(fd)) is not None]

    def one(self, fd: int, now_s: int) -> bytes | None:
        """What `fd` says, as `arrived`."""
        data = arrived(fd)
        if data is not None and self._phases[fd] == OPEN:
            self._heard_s[fd] = now_s
        return data


def arrived(fd: int) -> bytes | None:
    """None: nothing yet; empty: nothing any more."""
    try:
        return os.read(fd, limits.READ_BYTES)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def more(fd: int, data: bytes) -> bytes:
    """`data`, of which as much was read as was asked for, and what came behind it.

    So little is asked for first: memory for READ_BYTES costs more than to ask again now and then.
    """
    try:
        return data + os.read(fd, limits.READ_BYTES - len(data))
    except OSError:  # there is no more, or the end has come: the next read tells
        return data
