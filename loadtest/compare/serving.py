"""What the two Python servers of a comparison have in common: words on standard input, and who is connected."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from fusioncmd.descriptors import raise_descriptors
from loadtest.compare.payloads import Count

BACKLOG = 4096
Serve = Callable[[int, Count, asyncio.Queue[None]], Coroutine[Any, Any, None]]


def served(serve: Serve, doc: str | None) -> None:
    """Run `serve(port, count, go)` on uvloop, as either library's users do, until standard input ends.

    Each `go` that is read begins a round and puts one item into the queue.
    """
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--terminals", type=int, required=True, help="of all processes together")
    given = parser.parse_args()
    raise_descriptors()
    uvloop.run(_serve(serve, given.port, Count(given.terminals)))


async def _serve(serve: Serve, port: int, count: Count) -> None:
    go: asyncio.Queue[None] = asyncio.Queue()
    ended = asyncio.Event()

    def read() -> None:
        words = os.read(sys.stdin.fileno(), 4096).decode().split()
        if not words:
            ended.set()
        for word in words:
            if word == "go":
                count.begin()
                go.put_nowait(None)
            print(json.dumps(count.figures()), flush=True)

    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), read)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(serve(port, count, go))
        await ended.wait()
        serving.cancel()
