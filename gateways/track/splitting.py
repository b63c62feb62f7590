"""Where one CoT event ends in a stream of them: XML by its end tag, version 1 by its length. Pure.

TAK Protocol, "Streaming": a client begins in XML, and after both agreed each message is 0xBF, a varint, and that many
bytes. What is longer than `EVENT_BYTES_MAX` is BadMessage, and the stream cannot be followed any further.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from fusioncmd.errors import BadMessage
from gateways.track.bounds import EVENT_BYTES_MAX

_END = b"</event>"
_HEADER = 0xBF


class Piece(NamedTuple):
    form: Literal["xml", "proto"]
    data: bytes


class Splitter:
    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Whole events, as far as they are there."""
        self._buffer += data
        while self._buffer:
            piece = self._proto() if self._buffer[0] == _HEADER else self._xml()
            if piece is None:
                break
            yield piece
        if len(self._buffer) > EVENT_BYTES_MAX:
            raise _long()

    def _xml(self) -> Piece | None:
        end = self._buffer.find(_END)
        if end < 0:
            return None
        end += len(_END)
        if end > EVENT_BYTES_MAX:
            raise _long()
        piece = Piece("xml", bytes(self._buffer[:end]).lstrip(b"\r\n\t \x00"))
        del self._buffer[:end]
        while self._buffer and self._buffer[0] in b"\r\n\t \x00":
            del self._buffer[0]
        return piece

    def _proto(self) -> Piece | None:
        length = shift = 0
        for at in range(1, min(len(self._buffer), 5)):
            byte = self._buffer[at]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                if length > EVENT_BYTES_MAX:
                    raise _long()
                if len(self._buffer) < at + 1 + length:
                    return None
                piece = Piece("proto", bytes(self._buffer[at + 1 : at + 1 + length]))
                del self._buffer[: at + 1 + length]
                return piece
        if len(self._buffer) >= 5:
            raise _long()
        return None


def _long() -> BadMessage:
    return BadMessage(f"A CoT event is longer than {EVENT_BYTES_MAX} bytes.", f"CoT 事件超过 {EVENT_BYTES_MAX} 字节。")
