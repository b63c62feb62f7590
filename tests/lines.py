"""A line between two programs that can be cut and mended: TCP on the loopback, bytes counted."""

from __future__ import annotations

import asyncio
import contextlib


class Line:
    """Whoever connects to `port` is connected to `target` of this machine, while it is whole."""

    def __init__(self, target: int) -> None:
        self._target, self.port, self.carried = target, 0, 0
        self._whole = True
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        self._whole = False
        for writer in list(self._writers):
            writer.transport.abort()

    def mend(self) -> None:
        self._whole = True

    async def stop(self) -> None:
        self.cut()
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        for each in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._carry(*each))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                self.carried += len(data)
                writer.write(data)
        writer.transport.abort()
        self._writers.discard(writer)
