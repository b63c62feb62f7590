"""A set of positions among n, in the smallest of its forms: all, array, array of the rest, runs, or bits. Pure.

A set is n bytes of 0 or 1 here: slicing, translating and `itertools.compress` then work on whole sets at once. The
writer takes the shortest form, and of equally short ones the first, so the same set is always the same bytes.
"""

from __future__ import annotations

from itertools import compress

from fusioncmd.exchange.varints import Reader, malformed, put

ALL, ARRAY, REST, RUNS, BITS, TRIMMED = range(6)
_TO_DIGITS = bytes(48 + n if n < 2 else 0 for n in range(256))
_TO_FLAGS = bytes(n & 1 for n in range(256))
_INVERSE = bytes(1 - n if n < 2 else 0 for n in range(256))


def flags_of(bits: int, count: int) -> bytes:
    """The first `count` bits, lowest first, as bytes of 0 or 1."""
    return f"{bits:0{count}b}".encode()[::-1].translate(_TO_FLAGS) if count else b""


def bits_of(flags: bytes) -> int:
    return int(flags[::-1].translate(_TO_DIGITS), 2) if flags else 0


def inverse(flags: bytes) -> bytes:
    return flags.translate(_INVERSE)


def chosen(values: bytes, flags: bytes) -> bytes:
    return bytes(compress(values, flags))


def write(flags: bytes) -> bytes:
    """`flags` is not empty."""
    count, size = len(flags), flags.count(1)
    if size == count:
        return bytes((ALL,))
    whole = -(-count // 8)
    forms = []
    if size <= whole:
        forms.append(bytes((ARRAY,)) + _array(flags))
    if count - size <= whole:
        forms.append(bytes((REST,)) + _array(inverse(flags)))
    bits = bits_of(flags)
    if 2 * (bits & ~(bits << 1)).bit_count() <= whole:
        forms.append(bytes((RUNS,)) + _runs(bits))
    forms.append(bytes((BITS,)) + bits.to_bytes(whole, "little"))
    forms.append(bytes((TRIMMED,)) + _trimmed(bits))
    return min(forms, key=len)


def _array(flags: bytes) -> bytes:
    """How many, then the distance of each from the one before."""
    out, before = bytearray(), -1
    put(out, flags.count(1))
    for at in compress(range(len(flags)), flags):
        put(out, at - before - 1)
        before = at
    return bytes(out)


def _runs(bits: int) -> bytes:
    """How many, then of each the distance from the one before and the length."""
    out, runs = bytearray(), 0
    while bits:
        gap = (bits & -bits).bit_length() - 1
        bits >>= gap
        length = (~bits & (bits + 1)).bit_length() - 1
        bits >>= length
        put(out, gap)
        put(out, length - 1)
        runs += 1
    head = bytearray()
    put(head, runs)
    return bytes(head + out)


def _trimmed(bits: int) -> bytes:
    """The bytes from the first that is not zero to the last."""
    out = bytearray()
    low = ((bits & -bits).bit_length() - 1) // 8 if bits else 0
    packed = (bits >> low * 8).to_bytes((bits.bit_length() + 7) // 8 - low, "little") if bits else b""
    put(out, low)
    put(out, len(packed))
    return bytes(out) + packed


def read(reader: Reader, count: int) -> bytes:
    """`count` bytes of 0 or 1; `BadMessage` for what no writer writes beyond `count`."""
    form = reader.byte()
    if form == ALL:
        return b"\1" * count
    if form in (ARRAY, REST):
        found = _read_array(reader, count)
        return found if form == ARRAY else inverse(found)
    if form == RUNS:
        return _read_runs(reader, count)
    if form == BITS:
        bits = int.from_bytes(reader.take(-(-count // 8)), "little")
    elif form == TRIMMED:
        low, length = reader.varint(), reader.varint()
        if (low + length) * 8 > count + 7:
            raise malformed()
        bits = int.from_bytes(reader.take(length), "little") << low * 8
    else:
        raise malformed()
    if bits >> count:
        raise malformed()
    return flags_of(bits, count)


def _read_array(reader: Reader, count: int) -> bytes:
    found, at = bytearray(count), -1
    for _ in range(reader.varint()):
        at += 1 + reader.varint()
        if at >= count:
            raise malformed()
        found[at] = 1
    return bytes(found)


def _read_runs(reader: Reader, count: int) -> bytes:
    found, at = bytearray(count), 0
    for _ in range(reader.varint()):
        at += reader.varint()
        end = at + reader.varint() + 1
        if end > count:
            raise malformed()
        found[at:end] = b"\1" * (end - at)
        at = end
    return bytes(found)
