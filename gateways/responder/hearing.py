"""What terminals say, from their sockets: of one, or of all who said something in a round.

At most READ_BYTES from each: the rest is for the next round. All that a round brings is read before any of it is
handled: what is handled between two system calls finds cold caches.
"""

from __future__ import annotations

import os
import select
from array import array

from fusioncmd import limits, many
from gateways.responder.phases import OPEN, OPENING
from gateways.responder.reader import FrameReader

SHORT_BYTES = 133  # what thousands say alike is shorter
Event = tuple[int, int]  # descriptor, what happened there
Said = tuple[int, bytes]  # descriptor, what came from there


class Hearing:
    """`phases` and `heard_s`, when each was heard last, are by descriptor."""

    def __init__(self, phases: bytearray, heard_s: array[int], reader: FrameReader) -> None:
        self._phases, self._heard_s, self._reader = phases, heard_s, reader
        self._short, self._long = many.reads(SHORT_BYTES), many.reads(limits.READ_BYTES)

    def close(self) -> None:
        self._short.close()
        self._long.close()

    def hear(self, events: list[Event], now_s: int) -> tuple[list[Said], list[Said], list[Event]]:
        """What was said by those who are open, at most SHORT_BYTES of it: nearly all that ever happens. What was
        said on the way there. And the events that are something else, or of somebody midway in a frame.
        """
        usual: list[int] = []
        entering: list[int] = []
        others: list[Event] = []
        phases, heard_s = self._phases, self._heard_s
        arrival, busy, is_between = select.EPOLLIN, self._reader.busy, self._reader.is_between
        for both in events:
            fd, event = both
            phase = phases[fd]
            if event != arrival or phase < OPENING or (busy and not is_between(fd)):
                others.append(both)
            elif phase == OPEN:
                usual.append(fd)
            else:
                entering.append(fd)
        said, silent = _said(self._short, usual)
        early, none_yet = _said(self._long, entering)
        for fd, _ in said:
            heard_s[fd] = now_s
        return said, early, others + [(fd, arrival) for fd in silent + none_yet]

    def first(self, fds: list[int]) -> list[Said]:
        """What those who come in have said already: nearly all of them have. The epoll tells of the others."""
        return _said(self._long, fds)[0]

    def one(self, fd: int, now_s: int) -> bytes | None:
        """What `fd` says, as `arrived`."""
        data = arrived(fd)
        if data is not None and self._phases[fd] == OPEN:
            self._heard_s[fd] = now_s
        return data


def _said(reads: many.Reads, fds: list[int]) -> tuple[list[Said], list[int]]:
    """What each of them said; and those of whom there is nothing after all, or a reset, as is told to whoever asks
    again."""
    heard = reads.each(fds)
    if None not in heard:
        return list(zip(fds, heard, strict=True)), []  # type: ignore[arg-type]
    said = [(fd, data) for fd, data in zip(fds, heard, strict=True) if data is not None]
    return said, [fd for fd, data in zip(fds, heard, strict=True) if data is None]


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
