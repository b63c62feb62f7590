"""Bits of any number, one behind the other, highest first: what short messages are made of. Pure."""

from __future__ import annotations

from fusioncmd.errors import BadMessage

LENGTH_BITS = 5  # of how long a number is


class Writer:
    def __init__(self) -> None:
        self._value, self.count = 0, 0

    def put(self, value: int, bits: int) -> None:
        assert 0 <= value < 1 << bits or (not bits and not value)
        self._value = self._value << bits | value
        self.count += bits

    def number(self, value: int) -> None:
        """Any number below 2^31: its length in 5 bits, and then it, without its first bit, which is 1."""
        length = value.bit_length()
        self.put(length, LENGTH_BITS)
        if length > 1:
            self.put(value ^ 1 << length - 1, length - 1)

    def raw(self, data: bytes) -> None:
        self.put(int.from_bytes(data, "big"), 8 * len(data))

    def add(self, other: Writer) -> None:
        self.put(other._value, other.count)

    def packed(self) -> bytes:
        """Whole bytes; what the last has too many is 0."""
        size = -(-self.count // 8)
        return (self._value << 8 * size - self.count).to_bytes(size, "big")


class Reader:
    """`BadMessage` as soon as something is missing."""

    def __init__(self, data: bytes) -> None:
        self._value, self.left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, bits: int) -> int:
        if bits > self.left:
            raise malformed()
        self.left -= bits
        return self._value >> self.left & (1 << bits) - 1

    def number(self) -> int:
        length = self.take(LENGTH_BITS)
        return self.take(length - 1) | 1 << length - 1 if length else 0

    def raw(self, count: int) -> bytes:
        return self.take(8 * count).to_bytes(count, "big")

    def end(self) -> None:
        """`BadMessage` unless all was read: fewer than 8 bits are left, and all of them 0."""
        if self.left >= 8 or self.take(self.left):
            raise malformed()


def malformed() -> BadMessage:
    return BadMessage("Malformed short message.", "短报文格式错误。")
