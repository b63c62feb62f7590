"""What a socket has for us, by one system call where it is short, as nearly always."""

from __future__ import annotations

import os

from fusioncmd import limits


def arrived(fd: int, bytes_first: int) -> bytes | None:
    """At most READ_BYTES: the rest is for the next round. None: nothing yet; empty: nothing any more.

    So many are asked for first: memory for READ_BYTES costs more than to ask again now and then.
    """
    try:
        data = os.read(fd, bytes_first)
    except BlockingIOError:
        return None
    except OSError:
        return b""
    if len(data) < bytes_first or len(data) == limits.READ_BYTES:
        return data
    try:
        return data + os.read(fd, limits.READ_BYTES - len(data))
    except OSError:  # there is no more, or the end has come: the next read tells
        return data
