"""Sensors of MQTT 3.1.1 (OASIS, 2014): as much of it as one needs that reports, for a thousand in one process.

Written apart from the server's side. A sensor connects with a clean session and publishes with QoS 0 or 1; what it was
promised (PUBACK, 3.4) is counted.
"""

from __future__ import annotations

import asyncio
import struct
from typing import cast

from fusioncmd.errors import Unavailable

CONNECT, CONNACK, PUBLISH, PUBACK = 0x10, 0x20, 0x30, 0x40
KEEP_ALIVE_S = 300
CONNECT_S_MAX = 30.0
IDS = 1 << 16


def _text(text: str) -> bytes:
    """A string with its length (1.5.3)."""
    data = text.encode()
    return struct.pack("!H", len(data)) + data


def packet(kind: int, body: bytes) -> bytes:
    """With its remaining length, seven bits a byte (2.2.3)."""
    size, length = len(body), b""
    while True:
        size, low = size >> 7, size & 127
        length += bytes((low | (128 if size else 0),))
        if not size:
            return bytes((kind,)) + length + body


def connect(name: str, password: str) -> bytes:
    """A clean session of that user, called as the user is (3.1)."""
    head = _text("MQTT") + bytes((4, 0b1100_0010)) + struct.pack("!H", KEEP_ALIVE_S)
    return packet(CONNECT, head + _text(name) + _text(name) + _text(password))


def publish(topic: str, payload: bytes, ident: int = 0) -> bytes:
    """QoS 1 with a packet identifier, QoS 0 without (3.3)."""
    return packet(PUBLISH | (2 if ident else 0), _text(topic) + (struct.pack("!H", ident) if ident else b"") + payload)


def packets(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The whole packets at the start of `data`, as kind and body, and the bytes after them."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while True:
        body, size, shift = at + 1, 0, 0
        while body < len(data):
            size |= (data[body] & 127) << shift
            shift, body = shift + 7, body + 1
            if not data[body - 1] & 128:
                break
        else:
            return found, data[at:]
        if body + size > len(data):
            return found, data[at:]
        found.append((data[at] & 0xF0, data[body : body + size]))
        at = body + size


class Sensor(asyncio.Protocol):
    """`sent` with QoS 1, `confirmed` of them; `lost`: the connection ended."""

    def __init__(self, name: str, password: str) -> None:
        self.name, self._password = name, password
        self.sent = self.confirmed = 0
        self.lost = False
        self._left = b""
        self._transport: asyncio.Transport
        self._let_in: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is of no class of asyncio
        self._transport.write(connect(self.name, self._password))

    def data_received(self, data: bytes) -> None:
        found, self._left = packets(self._left + data)
        for kind, body in found:
            if kind == PUBACK:
                self.confirmed += 1
            elif kind == CONNACK and not self._let_in.done():
                self._let_in.set_result(body[1])

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if not self._let_in.done():
            self._let_in.set_result(-1)

    async def let_in(self) -> None:
        """Unavailable, with the server's code (3.2.2.3)."""
        async with asyncio.timeout(CONNECT_S_MAX):
            code = await self._let_in
        if code:
            raise Unavailable(f"{self.name} was not let in: {code}.", f"{self.name} 未获准接入：{code}。")

    def say(self, series: str, value: float, qos: int) -> None:
        """Not waited for; nothing where the connection was lost."""
        if self.lost:
            return
        ident = 0
        if qos:
            self.sent += 1
            ident = self.sent % (IDS - 1) + 1
        self._transport.write(publish(f"sensor/{self.name}/{series}", f"{value:g}".encode(), ident))

    def close(self) -> None:
        self._transport.close()


async def connected(name: str, password: str, port: int) -> Sensor:
    """A sensor that was let in. Unavailable."""
    loop = asyncio.get_running_loop()
    _, sensor = await loop.create_connection(lambda: Sensor(name, password), "127.0.0.1", port)
    await sensor.let_in()
    return sensor
