"""What a heartbeat costs a gateway: `Alive` and its echo on some hundred connections, a few at a time.

A gateway that has little to do looks at its sockets every few milliseconds. So one connection at a time takes for ever,
and all of them at once cost each less than they would.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from fusioncmd import terminal
from fusioncmd.terminal import Alive, Hello
from loadtest import measure
from loadtest.attempts import masked, opening
from loadtest.harness import Running
from loadtest.output import Result
from loadtest.people import People

HEARTBEATS, CONNECTIONS = 3_600, 600
AT_ONCE = 16  # eight a process: at 840,000 on 46 of them, as many come in the 100 ms for which a round gathers
ECHO_S_MAX = 10.0
ECHO_BYTES = 4
REST_S, IDLE_S = 2.0, 6.0


async def add_heartbeats(tier: Running, people: People, held: Sequence[bytes], result: Result) -> None:
    """`held` are all orders that are open: nothing is delivered. What gateways spend idle is not the heartbeats'."""
    tickets = [ticket for _, ticket in tier.tickets(people, CONNECTIONS)]
    streams = await asyncio.gather(*(_connected(tier.tier.port, ticket, tuple(held)) for ticket in tickets))
    await asyncio.sleep(REST_S)
    before_s = _cpu_s(tier)
    await asyncio.sleep(IDLE_S)
    idle = (_cpu_s(tier) - before_s) / IDLE_S
    before_s, began_s = _cpu_s(tier), time.monotonic()
    alive = masked(Alive())
    for start in range(0, HEARTBEATS, AT_ONCE):
        some = [streams[i % len(streams)] for i in range(start, start + AT_ONCE)]
        for _, writer in some:
            writer.write(alive)
        async with asyncio.timeout(ECHO_S_MAX):
            for reader, _ in some:
                await reader.readexactly(ECHO_BYTES)
    spent_s = _cpu_s(tier) - before_s - idle * (time.monotonic() - began_s)
    result.add("gateway CPU per heartbeat", 1e6 * spent_s / HEARTBEATS, "µs")
    for _, writer in streams:
        writer.close()


async def _connected(
    port: int, ticket: bytes, held: tuple[bytes, ...]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Welcomed, with nothing left to read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(opening(port))
    await reader.readuntil(b"\r\n\r\n")
    writer.write(masked(Hello(terminal.VERSION, ticket, held)))
    await reader.read(65_536)
    return reader, writer


def _cpu_s(tier: Running) -> float:
    """Of all gateways so far."""
    return sum(cost.cpu_s for name, cost in measure.costs(tier.pids()).items() if name.startswith("responder"))
