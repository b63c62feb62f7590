"""`python -m loadtest.compare.serve_websockets`: one process of a call-down server with the library `websockets`.

As its documentation has it: a set of connections, `broadcast()` to all of them, `async for` over each. Several
processes share the port by SO_REUSEPORT.
"""

from __future__ import annotations

import asyncio
import time

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from loadtest.compare.payloads import ORDER, Count
from loadtest.compare.serving import BACKLOG, served


async def websockets_server(port: int, count: Count, go: asyncio.Queue[None]) -> None:
    connections: set[ServerConnection] = set()

    async def terminal(connection: ServerConnection) -> None:
        connections.add(connection)
        try:
            async for message in connection:
                count.take(message if isinstance(message, bytes) else message.encode(), time.monotonic())
        except ConnectionClosed:  # without a closing handshake
            return
        finally:
            connections.discard(connection)

    # No compression: it costs tens of KB a connection and an order is short. No pings of the library's: heartbeats are
    # kept out of what is measured, for every server.
    async with serve(
        terminal, "127.0.0.1", port, reuse_port=True, backlog=BACKLOG, compression=None, ping_interval=None
    ):
        while True:
            await go.get()
            broadcast(connections, ORDER)


if __name__ == "__main__":
    served(websockets_server, __doc__)
