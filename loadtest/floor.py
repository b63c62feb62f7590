"""The floor of a call-down on this machine: bare sockets, as many and in as many processes as the real one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from fusioncmd.errors import Unavailable
from fusioncmd.supervisor import die_with_parent
from loadtest.harness import free_ports
from loadtest.swarm.dialling import SOURCES

CONNECT_S_MAX = 300.0
ROUND_S_MAX = 120.0
ASK_S_MAX = 30.0


class Floor(NamedTuple):
    """Of each round: seconds from the word to the last answer read; CPU of the servers per delivery and answer, µs."""

    answered_s: list[float]
    server_us: list[float]


async def measure_floor(
    connections: int, servers: int, clients: int, size: int, rounds: int, many: bool = False
) -> Floor:
    """`size` bytes to each of `connections` and 40 bytes back, in windows; each a system call, or `many` are one."""
    how = ["--many"] if many else []
    (port,) = free_ports(1)
    async with contextlib.AsyncExitStack() as stack:
        serving = [
            await stack.enter_async_context(_started("server", port, "--bytes", str(size), *how))
            for _ in range(servers)
        ]
        await asyncio.gather(*(_ask(process, "status") for process in serving))
        share = [connections // clients + (p < connections % clients) for p in range(clients)]
        for p, part in enumerate(share):
            source = f"127.1.{1 + p // 50}.{1 + SOURCES * (p % 50)}"
            arguments = ["--connections", str(part), "--source", source, *how]
            await stack.enter_async_context(_started("client", port, *arguments))
        await _until(serving, "connected", connections, CONNECT_S_MAX)
        times, costs = [], []
        for _ in range(rounds):
            before = sum(status["cpu_s"] for status in await _all(serving, "status"))
            started_s = time.monotonic()
            await _all(serving, "go")
            ended = await _until(serving, "answered", connections, ROUND_S_MAX)
            times.append(max(status["last_s"] for status in ended) - started_s)
            costs.append(1e6 * (sum(status["cpu_s"] for status in ended) - before) / connections)
    return Floor(times, costs)


async def _until(processes: list[asyncio.subprocess.Process], name: str, wanted: int, wait_s: float) -> list[Any]:
    give_up = time.monotonic() + wait_s
    while True:
        status = await _all(processes, "status")
        if sum(s[name] for s in status) >= wanted:
            return status
        if time.monotonic() > give_up:
            raise Unavailable(f"The floor came to no end: {name} of {wanted}.", f"基准未完成：{name} / {wanted}。")
        await asyncio.sleep(0.05)


async def _all(processes: list[asyncio.subprocess.Process], word: str) -> list[Any]:
    return await asyncio.gather(*(_ask(process, word) for process in processes))


async def _ask(process: asyncio.subprocess.Process, word: str) -> Any:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(f"{word}\n".encode())
    async with asyncio.timeout(ASK_S_MAX):
        return json.loads(await process.stdout.readline())


@contextlib.asynccontextmanager
async def _started(role: str, port: int, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "loadtest.floor_process", role, "--port", str(port), *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        start_new_session=True, preexec_fn=die_with_parent,
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
