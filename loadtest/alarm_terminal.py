"""One connected terminal that notes when each order came, and asks its owner nothing."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fusioncmd import terminal
from fusioncmd.messages import Order
from fusioncmd.trust import seals
from loadtest.swarm import wire


class Terminal:
    """`orders`: what came, with the seconds of the monotonic clock at which its bytes were read."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.orders: list[tuple[float, Order]] = []
        self._came = asyncio.Event()
        self.welcome = asyncio.Event()

    def say(self, frame: terminal.FromTerminal) -> None:
        self._writer.write(wire.masked(terminal.encode(frame), os.urandom(4)))

    async def first(self, words: str, wait_s: float) -> float | None:
        """When the first order came whose text has `words` in it; None: none did within so long."""
        try:
            async with asyncio.timeout(wait_s):
                while True:
                    for at_s, order in self.orders:
                        if words in order.text:
                            return at_s
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            return None

    async def read(self, reader: asyncio.StreamReader) -> None:
        left = b""
        while data := await reader.read(1 << 16):
            now_s = time.monotonic()
            found, left = wire.frames(left + data)
            for opcode, payload in found:
                if opcode == wire.BINARY:
                    self._heard(terminal.decode_to_terminal(payload), now_s)

    def _heard(self, frame: terminal.ToTerminal, now_s: float) -> None:
        if isinstance(frame, terminal.Welcome):
            self.welcome.set()
        elif isinstance(frame, terminal.Deliver):
            order, _ = seals.claimed(frame.sealed)
            self.say(terminal.Received(order.id))
            self.orders.append((now_s, order))
            self._came.set()


@asynccontextmanager
async def holding(port: int, ticket: bytes, wait_s: float = 10.0) -> AsyncIterator[Terminal]:
    """Welcome while the block runs."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(wire.upgrade_request(f"127.0.0.1:{port}", terminal.PATH, os.urandom(16)))
    await reader.readuntil(b"\r\n\r\n")
    held = Terminal(writer)
    held.say(terminal.Hello(terminal.VERSION, ticket))
    reading = asyncio.create_task(held.read(reader))
    try:
        async with asyncio.timeout(wait_s):
            await held.welcome.wait()
        yield held
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        writer.close()
