"""What stands behind a link when it is measured: a socket that notes arrivals, an echo, a counter of bytes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from typing import Self

from loadtest.link.sockets import Address


class Arrivals:
    """A UDP socket, and when (monotonic nanoseconds) what came to it."""

    def __init__(self) -> None:
        self.came: list[tuple[int, bytes]] = []
        self.froms: list[Address] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    @property
    def address(self) -> Address:
        host, port = self._socket.getsockname()
        return str(host), int(port)

    def send(self, payload: bytes, to: Address) -> None:
        self._socket.sendto(payload, to)

    async def __aenter__(self) -> Self:
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def _read(self) -> None:
        while True:
            try:
                payload, address = self._socket.recvfrom(65_535)
            except BlockingIOError:
                return
            self.came.append((time.monotonic_ns(), payload))
            self.froms.append(address)


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[Address]:
    """A TCP server that says back what it hears, and ends when the other does."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):  # a link that is closed resets what is open
            while piece := await reader.read(65_536):
                writer.write(piece)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield ("127.0.0.1", int(server.sockets[0].getsockname()[1]))
    finally:
        server.close()


@contextlib.asynccontextmanager
async def counted() -> AsyncIterator[tuple[Address, list[tuple[int, int]]]]:
    """A TCP server, and when how many bytes came to it."""
    came: list[tuple[int, int]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(65_536):
                came.append((time.monotonic_ns(), len(piece)))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield ("127.0.0.1", int(server.sockets[0].getsockname()[1])), came
    finally:
        server.close()
