"""`python -m loadtest.compare.serve_aiohttp`: one process of a call-down server with the library `aiohttp`.

As its documentation has it: a handler with a `WebSocketResponse` per connection, kept in a set, and a loop that sends
to each. Several processes share the port by SO_REUSEPORT.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from aiohttp import WSMsgType, web

from loadtest.compare.payloads import ORDER, Count
from loadtest.compare.serving import BACKLOG, served


async def aiohttp_server(port: int, count: Count, go: asyncio.Queue[None]) -> None:
    connections: set[web.WebSocketResponse] = set()

    async def terminal(request: web.Request) -> web.WebSocketResponse:
        # Neither compression nor heartbeats: see serve_websockets.
        connection = web.WebSocketResponse(compress=False, heartbeat=None)
        await connection.prepare(request)
        connections.add(connection)
        try:
            async for message in connection:
                if message.type == WSMsgType.BINARY:
                    count.take(message.data, time.monotonic())
        finally:
            connections.discard(connection)
        return connection

    application = web.Application()
    application.router.add_get("/", terminal)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, reuse_port=True, backlog=BACKLOG).start()
        while True:
            await go.get()
            for connection in list(connections):
                with contextlib.suppress(ConnectionResetError):  # it is gone: its handler takes it out of the set
                    await connection.send_bytes(ORDER)
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    served(aiohttp_server, __doc__)
