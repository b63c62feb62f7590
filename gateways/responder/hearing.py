"""What terminals say, from their sockets: of one, or of all who said something in a round.

At most READ_BYTES from each: the rest is for the next round.
"""

from __future__ import annotations

import os
import select
from array import array

from fusioncmd import limits
from gateways.responder.reader import FrameReader

SHORT_BYTES = 133  # what thousands say alike is shorter
Event = tuple[int, int]  # descriptor, what happened there
Said = tuple[int, bytes]  # descriptor, what came from there


class Hearing:
    """Listens to those in the phase `usual`; `heard_s` is when each was heard last."""

    def __init__(self, phases: bytearray, usual: int, heard_s: array[int], reader: FrameReader) -> None:
        self._phases, self._usual, self._heard_s, self._reader = phases, usual, heard_s, reader

    def hear(self, events: list[Event], now_s: int) -> tuple[list[Said], list[Event]]:
        """What was said by those who are midway in nothing, at most SHORT_BYTES of it, which is nearly all that ever
        happens; and the events that are something else. A tight loop, with one call for a terminal."""
        said: list[Said] = []
        others: list[Event] = []
        phases, usual, heard_s, read = self._phases, self._usual, self._heard_s, os.read
        arrival, busy, is_between = select.EPOLLIN, self._reader.busy, self._reader.is_between
        for both in events:
            fd, event = both
            if event != arrival or phases[fd] != usual or (busy and not is_between(fd)):
                others.append(both)
                continue
            try:
                said.append((fd, read(fd, SHORT_BYTES)))
            except OSError:  # nothing after all, or a reset: as it is told to whoever asks again
                others.append(both)
                continue
            heard_s[fd] = now_s
        return said, others


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
