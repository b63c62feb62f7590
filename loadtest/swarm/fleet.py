"""The swarm as its parent sees it: processes to start, to ask, and to stop."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from array import array
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgpack

from fusioncmd.errors import Unavailable
from fusioncmd.supervisor import die_with_parent
from fusioncmd.trust import ring
from loadtest.swarm.dialling import SOURCES
from loadtest.swarm.record import Record, unpack

TERMINALS_PER_PROCESS_MAX = 19_000
REPLY_S_MAX = 60.0
POLL_S_PER_PROCESS = 0.02


@dataclass(frozen=True, slots=True)
class Status:
    """All processes together; times are those of the monotonic clock."""

    terminals: int
    welcomed: int
    stopped: int
    deaf: int
    waiting: int
    shown: dict[bytes, int]
    confirmed: dict[bytes, int]
    last_shown_s: float
    last_confirmed_s: float
    cpu_s: float


class Times(NamedTuple):
    """Seconds on the monotonic clock, one for each terminal."""

    shown_s: array[float]
    confirmed_s: array[float]


class Fleet:
    def __init__(self, processes: list[asyncio.subprocess.Process]) -> None:
        self._processes = processes
        self._asking = asyncio.Lock()

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    @property
    def poll_s(self) -> float:
        """How often to ask: it costs the asked, so the more there are, the less often."""
        return POLL_S_PER_PROCESS * len(self._processes)

    async def status(self) -> Status:
        replies: list[dict[str, Any]] = await self._ask("status")
        shown: dict[bytes, int] = {}
        confirmed: dict[bytes, int] = {}
        for reply in replies:
            for name, total in (("shown", shown), ("confirmed", confirmed)):
                for ident, counted in reply[name].items():
                    total[ident] = total.get(ident, 0) + counted
        sums = {name: sum(r[name] for r in replies) for name in ("terminals", "welcomed", "stopped", "deaf", "waiting")}
        return Status(
            **sums,
            shown=shown,
            confirmed=confirmed,
            last_shown_s=max(r["last_shown_s"] for r in replies),
            last_confirmed_s=max(r["last_confirmed_s"] for r in replies),
            cpu_s=sum(r["cpu_s"] for r in replies),
        )

    async def record(self) -> Record:
        """What all terminals did and were told so far."""
        whole = Record()
        for packed in await self._ask("record"):
            whole.merge(unpack(packed))
        return whole

    async def times(self, order: bytes) -> Times:
        """When the terminals with a steady link were shown `order`, and told that their answer counts."""
        replies: list[list[bytes]] = await self._ask(f"times {order.hex()}")
        shown_s, confirmed_s = (array("d", b"".join(parts)) for parts in zip(*replies, strict=True))
        return Times(shown_s, confirmed_s)

    async def trouble(self) -> None:
        """Slow terminals stop reading, flapping ones begin to come and go."""
        await self._ask("trouble")

    async def calm(self) -> None:
        """Everyone reads and stays."""
        await self._ask("calm")

    async def until_welcomed(self, wait_s: float) -> Status:
        """Until every terminal is connected, or so long."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + wait_s
        while True:
            status = await self.status()
            if status.welcomed == status.terminals or loop.time() > give_up:
                return status
            await asyncio.sleep(self.poll_s)

    async def stop(self) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await asyncio.gather(*(process.wait() for process in self._processes))

    async def _ask(self, word: str) -> list[Any]:
        async with self._asking:
            return await asyncio.gather(*(_ask(process, word) for process in self._processes))


@contextlib.asynccontextmanager
async def launched(
    tickets: Sequence[tuple[int, bytes]],
    port: int,
    behaviour: str,
    seed: int,
    folder: Path,
    processes: int = 0,
    link: str = "steady",
    share: float = 0.0,
) -> AsyncIterator[Fleet]:
    """A fleet that holds one terminal per ticket, from as many processes as that takes; stopped when the block ends.

    `folder` is the tier's: terminals believe the roots that stand there, and their tickets are written there.
    `share` of the terminals has a `link` that is not steady, once there is `trouble`.
    """
    count = max(processes, -(-len(tickets) // TERMINALS_PER_PROCESS_MAX))
    started: list[asyncio.subprocess.Process] = []
    fleet = Fleet(started)
    try:
        for p in range(count):
            file = folder / f"tickets-{p}.msgpack"
            file.write_bytes(msgpack.packb(list(tickets[p * len(tickets) // count : (p + 1) * len(tickets) // count])))
            argv = ["--tickets", str(file), "--port", str(port), "--behaviour", behaviour, "--seed", str(seed)]
            argv += ["--link", link, "--share", str(share), "--keys", str(ring.folder_of(folder))]
            source = f"127.0.{1 + p // 50}.{1 + SOURCES * (p % 50)}"
            started.append(
                await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "loadtest.swarm", *argv, "--source", source,
                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                    start_new_session=True, preexec_fn=die_with_parent,
                )
            )  # fmt: skip
        yield fleet
    finally:
        await fleet.stop()


async def _ask(process: asyncio.subprocess.Process, word: str) -> Any:
    assert process.stdin is not None and process.stdout is not None
    try:
        async with asyncio.timeout(REPLY_S_MAX):
            process.stdin.write(f"{word}\n".encode())
            await process.stdin.drain()
            size = int.from_bytes(await process.stdout.readexactly(4), "big")
            return msgpack.unpackb(await process.stdout.readexactly(size), strict_map_key=False)
    except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
        raise Unavailable(
            f"Process {process.pid} of the swarm does not answer.", f"终端群进程 {process.pid} 没有应答。"
        ) from None
