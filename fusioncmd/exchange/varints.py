"""Integers of 7 bits a byte (LEB128), and lists of keys that share beginnings: what compact forms are made of. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from fusioncmd.errors import BadMessage

VARINT_BYTES_MAX = 5


def put(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


class Reader:
    """Reads from `data`; `BadMessage` as soon as something is missing or too long."""

    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0

    @property
    def left(self) -> int:
        return len(self._data) - self.at

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise malformed()
        self.at += count
        return self._data[self.at - count : self.at]

    def varint(self) -> int:
        value = 0
        for shift in range(0, 7 * VARINT_BYTES_MAX, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise malformed()


def malformed() -> BadMessage:
    return BadMessage("Malformed state in an exchange between tiers.", "层级间交换的状态数据格式错误。")


def shared(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    end = min(len(one), len(other))
    for at in range(end):
        if one[at] != other[at]:
            return at
    return end


def pack_keys(keys: Iterable[bytes]) -> bytes:
    """Each key as the length that it shares with the one before, the length of the rest, and the rest."""
    out, before = bytearray(), b""
    for key in keys:
        same = shared(before, key)
        out += bytes((same, len(key) - same)) + key[same:]
        before = key
    return bytes(out)


def unpack_keys(data: bytes, bytes_max: int) -> list[bytes]:
    reader, keys, before = Reader(data), [], b""
    while reader.left:
        same = reader.byte()
        if same > len(before):
            raise malformed()
        before = before[:same] + reader.take(reader.byte())
        if len(before) > bytes_max:
            raise malformed()
        keys.append(before)
    return keys
