"""WebSocket (RFC 6455) as far as nearly every terminal uses it, in a few operations per frame. Pure.

What is usual is done here: the opening handshake, and single masked binary frames in, single binary frames out.
What is unusual (control frames, fragments, text) is recognised and left to wsproto (`odd.py`).
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from hashlib import sha1

from fusioncmd import limits
from fusioncmd.errors import BadMessage

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
KEY_BYTES = 24
_is_key = re.compile(rb"[A-Za-z0-9+/]{22}==").fullmatch  # 16 bytes in base 64
HANDSHAKES_MAX = 256  # shed: what is not kept is judged each time
BINARY_FINAL = 0x82
_KEY_FIELD = b"\r\nSec-WebSocket-Key: "
_ZERO_MASK = bytes(4)


class Refusal(BadMessage):
    """The request gets `response`, an HTTP answer, and the connection is closed."""

    def __init__(self, status: str, why: str, headers: str = "") -> None:
        super().__init__(why, why)
        self.fault = "" if status == "200 OK" else f"{status}: {why}"
        body = why.encode()
        head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        self.response = (head + headers + "\r\n").encode() + body


def accept(request: bytes, path: str) -> bytes:
    """The 101 response to a whole request head (up to and with its blank line); `Refusal` otherwise (RFC 6455, 4.2)."""
    if len(request) > limits.HANDSHAKE_BYTES_MAX:
        raise Refusal("431 Request Header Fields Too Large", f"A request may have {limits.HANDSHAKE_BYTES_MAX} bytes.")
    try:
        head, *lines = request[:-4].decode("latin-1").split("\r\n")
        method, target, version = head.split(" ")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    except ValueError:
        raise Refusal("400 Bad Request", "Not an HTTP request.") from None
    if target == "/healthz":
        raise Refusal("200 OK", "ok")
    if target.partition("?")[0] != path:
        raise Refusal("404 Not Found", f"Terminals connect to {path}.")
    if method != "GET" or version != "HTTP/1.1":
        raise Refusal("405 Method Not Allowed", "A WebSocket opens with GET over HTTP/1.1.", "Allow: GET\r\n")
    upgrade, connection = fields.get("upgrade", "").lower(), fields.get("connection", "").lower()
    if upgrade != "websocket" or "upgrade" not in connection or "host" not in fields:
        raise Refusal("426 Upgrade Required", "This is a WebSocket.", "Upgrade: websocket\r\n")
    if fields.get("sec-websocket-version") != "13":
        raise Refusal("426 Upgrade Required", "Only version 13 is spoken.", "Sec-WebSocket-Version: 13\r\n")
    key = fields.get("sec-websocket-key", "").encode("latin-1")
    if not _is_key(key):
        raise Refusal("400 Bad Request", "Sec-WebSocket-Key is not 16 bytes in base 64.")
    return _switched(key)


class Handshakes:
    """Requests that thousands of terminals send alike, but for their key: each judged once, and kept without it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._good: set[bytes] = set()

    def accept(self, request: bytes) -> bytes:
        """As `accept`."""
        found = request.find(_KEY_FIELD)
        start = found + len(_KEY_FIELD)
        key, rest = request[start : start + KEY_BYTES], request[:start] + request[start + KEY_BYTES :]
        if found >= 0 and rest in self._good and _is_key(key):
            return _switched(key)
        response = accept(request, self._path)
        # With two keys the last one counts, and the one that was cut out is the first.
        if len(self._good) < HANDSHAKES_MAX and request.lower().count(b"sec-websocket-key") == 1:
            self._good.add(rest)
        return response


def _switched(key: bytes) -> bytes:
    proof = b2a_base64(sha1(key + GUID).digest(), newline=False)
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + proof
        + b"\r\n\r\n"
    )


def frame(payload: bytes) -> bytes:
    """One unmasked binary frame, as a server sends it."""
    size = len(payload)
    if size < 126:
        return bytes((BINARY_FINAL, size)) + payload
    if size < 1 << 16:
        return bytes((BINARY_FINAL, 126)) + size.to_bytes(2, "big") + payload
    return bytes((BINARY_FINAL, 127)) + size.to_bytes(8, "big") + payload


def close_frame(code: int, reason: str) -> bytes:
    """A close frame (5.5.1); the reason is cut to the 123 bytes that fit."""
    payload = code.to_bytes(2, "big") + reason.encode()[:123].decode("utf-8", "ignore").encode()
    return bytes((0x88, len(payload))) + payload


def extent(data: bytes, start: int) -> tuple[int, int] | None:
    """Where the payload and the end of the frame at `start` are; None while it is incomplete.

    `BadMessage` as soon as its length is known to exceed FRAME_BYTES_MAX.
    """
    have = len(data) - start
    if have < 2:
        return None
    size, body = data[start + 1] & 0x7F, start + 2
    if size == 126:
        if have < 4:
            return None
        size, body = int.from_bytes(data[body : body + 2], "big"), start + 4
    elif size == 127:
        if have < 10:
            return None
        size, body = int.from_bytes(data[body : body + 8], "big"), start + 10
    if size > limits.FRAME_BYTES_MAX:
        raise BadMessage(
            f"A frame of {size} bytes exceeds the bound of {limits.FRAME_BYTES_MAX}.",
            f"帧长 {size} 字节，超过上限 {limits.FRAME_BYTES_MAX}。",
        )
    body += 4 if data[start + 1] & 0x80 else 0
    end = body + size
    return (body, end) if end <= len(data) else None


def is_usual(data: bytes, start: int) -> bool:
    """A single, final, masked binary frame without extension bits."""
    return data[start] == BINARY_FINAL and data[start + 1] >= 0x80


def unmask(data: bytes, body: int, end: int) -> bytes:
    """The payload of a masked frame (5.3)."""
    mask = data[body - 4 : body]
    payload = data[body:end]
    if mask == _ZERO_MASK or not payload:
        return payload
    size = len(payload)
    stream = (mask * ((size + 3) // 4))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(stream, "little")).to_bytes(size, "little")


SHORT = 126  # a payload below this has its length in the second byte (5.2)
# For each such length: what spreads a mask of 4 bytes over the payload, and what cuts it off at its end.
SPREAD = [sum(1 << (32 * i) for i in range((size + 3) // 4)) for size in range(SHORT)]
CUT = [(1 << (8 * size)) - 1 for size in range(SHORT)]


def short(data: bytes, start: int) -> tuple[bytes, int] | None:
    """The payload and the end of the frame at `start`, if it is whole, usual and short, as nearly all are."""
    body = start + 6
    if len(data) < body or data[start] != BINARY_FINAL:
        return None
    size = data[start + 1] - 0x80
    end = body + size
    if not 0 <= size < SHORT or end > len(data):
        return None
    stream = int.from_bytes(data[start + 2 : body], "little") * SPREAD[size] & CUT[size]
    return (int.from_bytes(data[body:end], "little") ^ stream).to_bytes(size, "little"), end
