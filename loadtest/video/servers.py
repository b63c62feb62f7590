"""The servers of the video benchmark, each with the source published and a way to watch it: ours, and Janus."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import httpx

from fusioncmd import keys, passes, tickets
from fusioncmd.cli.video_way import Video
from fusioncmd.errors import Unavailable
from fusioncmd.passes import Pass
from loadtest.compare.processes import Worker
from loadtest.harness import free_ports, running
from loadtest.video import janus as janus_program

NODE = "44"
STAY_S = 3_600
FOUND_S_MAX = 20.0
ANYWHERE = ("198.51.100.1", 9)  # nothing is sent: it says which address of ours leads away from here


@dataclass(frozen=True, slots=True)
class Served:
    """The source is there. `pid` is the process that forwards, `beside` those that it needs for that; `watch` makes
    the words by which a process of viewers opens so many, told how many there were before."""

    pid: int
    beside: dict[str, int]
    watch: Callable[[int, int], str]
    page: tuple[str, Callable[[str], str]] | None = None  # where a browser watches, and a token for its name


Server = Callable[[Path, str, Worker], AbstractAsyncContextManager[Served]]


def own_address() -> str:
    """Janus takes no viewer by the loopback: all is between ports of this address, and stays in this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        with contextlib.suppress(OSError):
            probe.connect(ANYWHERE)
        found: str = probe.getsockname()[0]
    return "127.0.0.1" if found == "0.0.0.0" else found


async def told(worker: Worker, words: str) -> dict[str, object]:
    """Raises Unavailable for what it could not do."""
    said: dict[str, object] = await worker.ask(words)
    if "problem" in said:
        raise Unavailable(str(said["problem"]), str(said["problem"]))
    return said


@contextlib.asynccontextmanager
async def fusioncmd(folder: Path, address: str, source: Worker) -> AsyncIterator[Served]:
    """A province's tier; the source comes in by WHIP, and over the bus to the viewers, all by one gateway."""
    (port,) = free_ports(1)
    video = Video(address, port, f":{port}")
    async with running(folder / "tier", 1, video=video) as tier:
        key = keys.read_ticket_key(tier.tier.data)
        until = int(time.time()) + STAY_S

        def made(name: str) -> str:
            return tickets.to_text(passes.mint(Pass(name, NODE, until, until), key))

        publisher = made("publisher")
        await told(source, f"whip {video.url}whip/{NODE} {publisher}")
        await told(source, "go 1")
        name = await _found(f"{video.url}sources", publisher)

        def watch(many: int, before: int) -> str:
            file = folder / f"tokens-{before}"
            file.write_text("".join(f"{made(f'viewer {before + n}')}\n" for n in range(many)), "utf-8")
            return f"open {many} whep {video.url}whep/{NODE}.{name} {file}"

        pids = tier.pids()
        yield Served(pids["video"], {"nats": pids["nats"]}, watch, (f"{video.url}whep/{NODE}.{name}", made))


@contextlib.asynccontextmanager
async def janus(folder: Path, address: str, source: Worker, loops: int | None = 1) -> AsyncIterator[Served]:
    (port,) = free_ports(1)
    async with janus_program.running(folder, address, port, loops) as (pid, pipe):
        await told(source, f"plain {port}")
        await told(source, "go 1")
        yield Served(pid, {}, lambda many, before: f"open {many} janus {pipe}")


async def _found(url: str, token: str) -> str:
    """The name of the only source, once the gateway has heard of it."""
    give_up = time.monotonic() + FOUND_S_MAX
    async with httpx.AsyncClient() as http:
        while True:
            said = await http.get(url, headers={"authorization": f"Bearer {token}"})
            if said.status_code == 200 and (found := said.json()):
                return str(found[0]["name"])
            if time.monotonic() > give_up:
                raise Unavailable("The source does not appear.", "视频源没有出现。")
            await asyncio.sleep(0.1)
