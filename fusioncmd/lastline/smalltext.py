"""Text in as few bytes as GB 18030 or UTF-8 take, whichever is less; and as much of it as there is room for. Pure.

GB 18030 takes two bytes for a Chinese character, UTF-8 three; of Uyghur or Mongolian it is the other way round.
"""

from __future__ import annotations

from fusioncmd.lastline.bits import Reader, Writer, malformed
from fusioncmd.trust.form import UNPRINTABLE

LENGTH_BITS = 11  # bytes
HEAD_BITS = 1 + LENGTH_BITS
_CODECS = ("gb18030", "utf-8")


def packed(text: str) -> tuple[int, bytes]:
    """Which codec, and the bytes."""
    both = [text.encode(codec, "replace") for codec in _CODECS]
    shortest = min(both, key=len)
    return both.index(shortest), shortest


def size(text: str) -> int:
    return HEAD_BITS + 8 * len(packed(text)[1])


def fitted(text: str, room_bits: int) -> str:
    """As much of the beginning as fits, in whole characters."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(text[:middle]) <= room_bits else (low, middle - 1)
    return text[:low]


def write(out: Writer, text: str) -> None:
    codec, data = packed(text)
    out.put(codec, 1)
    out.put(len(data), LENGTH_BITS)
    out.raw(data)


def read(data: Reader) -> str:
    """`BadMessage` for bytes that are no text, or no text to show."""
    codec, length = data.take(1), data.take(LENGTH_BITS)
    try:
        text = data.raw(length).decode(_CODECS[codec])
    except UnicodeDecodeError:
        raise malformed() from None
    if UNPRINTABLE.search(text):
        raise malformed()
    return text
