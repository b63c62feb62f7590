"""How much of a fragmented MP4 is whole: what was being written when the machine went is cut off. Pure.

ISO/IEC 14496-12, 4.2 (boxes) and 8.8 (movie fragments): a fragment is a `moof` and the `mdat` after it.
"""

from __future__ import annotations

from collections.abc import Callable

_HEAD = 8  # bytes: size, type
_LARGE = 16  # where the size needs 64 bits


def whole(read: Callable[[int, int], bytes], size: int) -> int:
    """How many of the `size` bytes of a file are whole fragments, with what is before them; 0 without any. `read`
    gives so many bytes from an offset."""
    at = good = 0
    begun = False
    while at + _HEAD <= size:
        head = read(at, _LARGE)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1 and len(head) == _LARGE:
            length = int.from_bytes(head[8:], "big")
        if length < _HEAD or at + length > size:
            break
        at += length
        if kind == b"moof":
            begun = True
        elif kind == b"mdat" and begun:
            good, begun = at, False
    return good
