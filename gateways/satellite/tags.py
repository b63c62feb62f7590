"""What stays the same in many letters is said whole now and then, and else by its tag. Pure.

A tag is made of what it stands for: no end counts or agrees on anything, and after a restart no tag stands for
something else. Letters are lost: whoever hears a tag that it was not told passes that letter over.
"""

from __future__ import annotations

import zlib
from typing import Generic, TypeVar

from fusioncmd.errors import BadMessage

TAG_BYTES = 3  # of a thousand known ones, two are alike in three cases of a hundred; of those alive at once, never
KNOWN_MAX = 256  # shed, what was not heard for longest
T = TypeVar("T")


def tag_of(whole: bytes) -> bytes:
    return zlib.crc32(whole).to_bytes(4, "big")[-TAG_BYTES:]


def bad() -> BadMessage:
    return BadMessage("Not a letter about a talkgroup.", "不是有效的通话组链路报文。")


def zigzag(value: int) -> int:
    """A signed number as one that is not, small where it is near 0."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def unzigzag(value: int) -> int:
    return value >> 1 if not value & 1 else -((value + 1) >> 1)


class Known(Generic[T]):
    """What was told whole, by its tag."""

    def __init__(self, known_max: int = KNOWN_MAX) -> None:
        self._known: dict[bytes, T] = {}
        self._max = known_max
        self.unknown = 0  # letters with a tag that was not told

    def tell(self, tag: bytes, whole: T) -> T:
        self._known.pop(tag, None)
        self._known[tag] = whole
        if len(self._known) > self._max:
            del self._known[next(iter(self._known))]
        return whole

    def find(self, tag: bytes) -> T | None:
        found = self._known.pop(tag, None)
        if found is None:
            self.unknown += 1
        else:
            self._known[tag] = found
        return found
