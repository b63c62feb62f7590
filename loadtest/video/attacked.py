"""Many sessions attacked at their ports: none is lost, and all go on receiving."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import AsyncExitStack

from loadtest import harness, measure
from loadtest.compare.processes import worker
from loadtest.output import Result, note
from loadtest.video import servers
from loadtest.video.servers import told

SPEED = 0.1  # of the source: that each session goes on is what counts here
CLIENTS = 4
SEEN_S = 8.0  # in which each session has to receive something afterwards


async def run(given: argparse.Namespace, sessions: int) -> Result:
    address = servers.own_address()
    result = Result("video --attack", measure.conditions() | {"network": "this machine", "sessions": sessions})
    with harness.scratch() as folder:
        async with AsyncExitStack() as stack:
            source = await stack.enter_async_context(worker("loadtest.video.source", "--address", address))
            served = await stack.enter_async_context(servers.fusioncmd(folder, address, source))
            clients = [
                await stack.enter_async_context(worker("loadtest.video.viewers", "--address", address))
                for _ in range(min(CLIENTS, sessions))
            ]
            await told(source, f"go {SPEED}")
            note(f"{sessions:,} sessions open, each attacked before it is connected …")
            words = []
            here = 0
            for i in range(len(clients)):
                share = (sessions + i) // len(clients)
                words.append(served.watch(share, here).replace(" whep ", " attacked "))
                here += share
            await asyncio.gather(*(told(client, said) for client, said in zip(clients, words, strict=True)))
            await asyncio.sleep(2.0)
            note(f"attacked for {given.seconds:.0f} s …")
            before = measure.cost(served.pid).cpu_s
            sent = await asyncio.gather(*(client.ask(f"attack {given.seconds}") for client in clients))
            cpu_s = measure.cost(served.pid).cpu_s - before
            await asyncio.gather(*(client.ask("clear") for client in clients))
            await asyncio.sleep(SEEN_S)
            found = await asyncio.gather(*(client.ask("status") for client in clients))
    live, silent = sum(one["live"] for one in found), sum(one["silent"] for one in found)
    hostile = sum(one["hostile"] for one in sent)
    result.add("sessions", sessions)
    result.add("sessions lost", sessions - live + silent)
    result.add("hostile datagrams", hostile)
    result.add("CPU of the gateway, of a core, meanwhile", 100 * cpu_s / given.seconds, "%")
    result.add("packets lost afterwards", sum(one["lost"] for one in found))
    if live < sessions or silent:
        result.failures.append(f"Of {sessions:,} sessions {live:,} are live, and {silent:,} receive nothing.")
    if hostile < 20 * sessions:
        result.failures.append(f"Only {hostile:,} datagrams went out: that is no attack.")
    return result
