"""A terminal's side of WebSocket (RFC 6455), for thousands of terminals in one process. Pure.

Written apart from the gateway's side, so that a mistake in one of them shows.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha1

BINARY, CLOSE, PING, PONG = 2, 8, 9, 10
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class NotWebSocket(Exception):
    """The server's bytes are not what RFC 6455 has it send."""


def upgrade_request(host: str, path: str, key: bytes) -> bytes:
    """The opening handshake (4.1) with a nonce of 16 bytes."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {b64encode(key).decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def proof(key: bytes) -> bytes:
    """What the server has to answer in Sec-WebSocket-Accept to a nonce."""
    return b64encode(sha1(b64encode(key) + _GUID).digest())


def masked(payload: bytes, mask: bytes, opcode: int = BINARY) -> bytes:
    """One final frame with `payload` under a mask of 4 bytes (5.3)."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big")
    stream = (mask * (size // 4 + 1))[:size]
    hidden = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return head + mask + hidden.to_bytes(size, "big")


def frames(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The whole frames at the start of `data` as opcode and payload, and the bytes after them.

    `NotWebSocket` for a masked, fragmented or extended frame: no gateway sends any.
    """
    found: list[tuple[int, bytes]] = []
    at, end = 0, len(data)
    while end - at >= 2:
        first, size = data[at], data[at + 1]
        if first & 0xF0 != 0x80 or size > 127:
            raise NotWebSocket(f"a frame begins with {data[at : at + 2].hex()}")
        body = at + 2
        if size == 126:
            body = at + 4
            size = int.from_bytes(data[at + 2 : body], "big")
        elif size == 127:
            body = at + 10
            size = int.from_bytes(data[at + 2 : body], "big")
        if body + size > end:
            break
        found.append((first & 0x0F, data[body : body + size]))
        at = body + size
    return found, data[at:]
