"""One connection that tries to get in: what it says at once, and how that ends."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import cast

from fusioncmd import terminal
from fusioncmd.errors import BadMessage
from fusioncmd.terminal import FromTerminal, ToTerminal
from loadtest.swarm import wire
from loadtest.swarm.dialling import IP_BIND_ADDRESS_NO_PORT

CUT = "cut"  # the connection ended without a word
SILENT = "silent"  # nothing came for so long
Next = Callable[[ToTerminal], FromTerminal | None]  # what to say to a frame; None: that was the last


class Attempt(asyncio.Protocol):
    """`over` becomes the frame that was the last, the close code, CUT or SILENT."""

    def __init__(self, first: bytes, then: Next) -> None:
        self._first, self._then = first, then
        self._head, self._data = False, b""
        self.over: asyncio.Future[ToTerminal | int | str] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._first)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._head:
            head, blank, rest = self._data.partition(b"\r\n\r\n")
            if not blank:
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                self._end(int(head.split(b" ", 2)[1]))
                return
            self._head, self._data = True, rest
        found, self._data = wire.frames(self._data)
        for opcode, payload in found:
            if opcode == wire.CLOSE:
                self._end(int.from_bytes(payload[:2], "big"))
            elif opcode == wire.BINARY:
                said = terminal.decode_to_terminal(payload)
                answer = self._then(said)
                if answer is None:
                    self._end(said)
                else:
                    self._transport.write(masked(answer))

    def connection_lost(self, error: Exception | None) -> None:
        self._end(CUT)

    def _end(self, how: ToTerminal | int | str) -> None:
        if not self.over.done():
            self.over.set_result(how)


def masked(frame: FromTerminal) -> bytes:
    return wire.masked(terminal.encode(frame), os.urandom(4))


def opening(port: int) -> bytes:
    return wire.upgrade_request(f"127.0.0.1:{port}", terminal.PATH, os.urandom(16))


async def attempt(
    port: int, source: str, first: bytes, then: Next, wait_s: float, stay_s: float = 0.0
) -> ToTerminal | int | str:
    """How it ends; whoever is let in stays for `stay_s` and then leaves."""
    loop = asyncio.get_running_loop()
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    transport = None
    try:
        connection.bind((source, 0))
        async with asyncio.timeout(wait_s):
            await loop.sock_connect(connection, ("127.0.0.1", port))
            transport, protocol = await loop.create_connection(lambda: Attempt(first, then), sock=connection)
            how = await protocol.over
        if stay_s and not isinstance(how, int | str):
            await asyncio.sleep(stay_s)
        return how
    except TimeoutError:
        return SILENT
    except (OSError, BadMessage):
        return CUT
    finally:
        if transport is None:
            connection.close()
        else:
            transport.abort()
