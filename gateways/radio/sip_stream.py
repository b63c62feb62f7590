"""SIP over a stream (RFC 3261 §18.3): pieces of bytes in, whole messages out; keep-alives (RFC 5626 §3.5.1). Pure."""

from __future__ import annotations

import re

from gateways.radio import bounds
from gateways.radio.sip_syntax import BadSyntax

_LENGTH = re.compile(rb"\r\n(?:Content-Length|l)[ \t]*+:[ \t]*+([0-9]{1,9})[ \t]*+(?=\r\n|\Z)", re.I)
PING, PONG = b"\r\n\r\n", b"\r\n"


class Framing:
    """`BadSyntax` when the stream cannot be followed any more: then it is to be closed. `pings`: to be answered."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._seen = 0  # bytes in which no end of a head was found
        self.pings = 0

    def feed(self, data: bytes) -> list[bytes]:
        self._held += data
        found: list[bytes] = []
        while (message := self._next()) is not None:
            found.append(message)
        return found

    def _next(self) -> bytes | None:
        self._keep_alive()
        end = self._held.find(b"\r\n\r\n", max(0, self._seen - 3))
        if end < 0:
            self._seen = len(self._held)
            if self._seen > bounds.HEAD_BYTES_MAX:
                raise BadSyntax("header fields that are too long")
            return None
        head = bytes(self._held[:end])
        lengths = _LENGTH.findall(head)
        if len(lengths) != 1:
            raise BadSyntax("not one Content-Length")  # §18.3: where a stream has none, nobody knows where it ends
        size = end + 4 + int(lengths[0])
        if len(head) > bounds.HEAD_BYTES_MAX or size > bounds.MESSAGE_BYTES_MAX:
            raise BadSyntax("too long")
        if len(self._held) < size:
            return None
        message = bytes(self._held[:size])
        del self._held[:size]
        self._seen = 0
        return message

    def _keep_alive(self) -> None:
        """Line ends between messages: two are a ping."""
        while self._held.startswith(PING):
            del self._held[:4]
            self._seen = 0
            self.pings += 1
        if self._held.startswith(b"\r\n") and len(self._held) > 2 and self._held[2:3] != b"\r":
            del self._held[:2]
            self._seen = 0
