"""A set of k positions among n in as few bits as there are such sets: its number among all of them. Pure.

Enumerative coding (T. Cover, 1973): k, and then the rank, which takes ceil(log2 C(n, k)) bits. For 300 people of whom
half answered that is 305 bits, for 270 of them 149; and nobody or everybody takes nothing but k.
"""

from __future__ import annotations

from math import comb

from fusioncmd.lastline.bits import Reader, Writer, malformed


def size(n: int, k: int) -> int:
    """Bits of a set of k among n; n is known to both sides."""
    return n.bit_length() + (comb(n, k) - 1).bit_length()


def write(out: Writer, flags: bytes) -> None:
    """`flags`: n bytes of 0 or 1."""
    n, k = len(flags), flags.count(1)
    out.put(k, n.bit_length())
    whole = comb(n, k)
    # The sets in order: first those without the first position. `ways`: how many have k more among the rest.
    rank, left, ways = 0, n, whole
    for flag in flags:
        without = ways * (left - k) // left
        if flag:
            rank += without
            ways -= without
            k -= 1
        else:
            ways = without
        left -= 1
    out.put(rank, (whole - 1).bit_length())


def read(data: Reader, n: int) -> bytes:
    """`n` bytes of 0 or 1; `BadMessage` for what no writer writes."""
    k = data.take(n.bit_length())
    if k > n:
        raise malformed()
    whole = comb(n, k)
    rank = data.take((whole - 1).bit_length())
    if rank >= whole:
        raise malformed()
    found, left, ways = bytearray(n), n, whole
    for at in range(n):
        without = ways * (left - k) // left
        if rank >= without:
            rank -= without
            ways -= without
            found[at] = 1
            k -= 1
        else:
            ways = without
        left -= 1
    return bytes(found)
