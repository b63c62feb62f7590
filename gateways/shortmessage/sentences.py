"""Sentences of a BeiDou terminal on its serial line: `$BDTXR,…*hh`, in a stream that holds anything else as well. Pure.

    $ talker and kind , field , field … * checksum CR LF

The checksum is the exclusive or of all bytes between `$` and `*`, in two hexadecimal digits (BD 410004-2015). A reader
begins again at each `$`, so noise, half sentences and those of the positioning chip cost nothing but themselves.
"""

from __future__ import annotations

from functools import reduce
from operator import xor
from typing import NamedTuple

SENTENCE_BYTES_MAX = 4_096  # 14,000 bits are 3,500 digits; shed: a longer one is none


class Sentence(NamedTuple):
    kind: str  # without `$`
    fields: tuple[str, ...]

    def field(self, at: int) -> str:
        """Empty where it is missing."""
        return self.fields[at] if at < len(self.fields) else ""

    def number(self, at: int, otherwise: int = 0) -> int:
        text = self.field(at).strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def written(kind: str, *fields: object) -> bytes:
    body = ",".join((kind, *map(str, fields))).encode("ascii")
    return b"$" + body + b"*%02X\r\n" % checksum(body)


def checksum(body: bytes) -> int:
    return reduce(xor, body, 0)


class Splitter:
    """Bytes in, sentences out; `spoilt` counts those whose checksum is wrong."""

    def __init__(self) -> None:
        self._held = bytearray()
        self.spoilt = 0

    def feed(self, data: bytes) -> list[Sentence]:
        found = []
        for piece in data.splitlines(keepends=True):
            self._held += piece
            if piece.endswith((b"\n", b"\r")):
                if (sentence := self._read()) is not None:
                    found.append(sentence)
                self._held.clear()
        if len(self._held) > SENTENCE_BYTES_MAX:
            self._held.clear()
        return found

    def _read(self) -> Sentence | None:
        begin = self._held.rfind(b"$")
        body, star, given = bytes(self._held[begin + 1 :]).rstrip().rpartition(b"*")
        if begin < 0 or not star or not body.isascii() or len(body) > SENTENCE_BYTES_MAX:
            return None
        try:
            right = int(given, 16) == checksum(body)
        except ValueError:
            right = False
        if not right or len(given) != 2:
            self.spoilt += 1
            return None
        kind, *fields = body.decode("ascii").split(",")
        return Sentence(kind, tuple(fields))
