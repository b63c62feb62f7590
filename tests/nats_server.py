"""A real nats-server for tests: on a free port of the loopback, with the configuration that a tier node writes.

`RealServer` is the server alone, to be killed and started again on the same store and port; `until` waits for what
another process does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import nats
from nats.js.errors import NotFoundError

from fusioncmd.bus.nats import NatsBus, open_bus
from fusioncmd.bus.port import STREAMS
from fusioncmd.errors import BusDown
from tiers.nats_config import NatsSettings, listening
from tiers.nats_server import server_binary

READY_S_MAX = 20.0
FREE_PORTS = range(10_240, 20_000)
POLL_S = 0.01
T = TypeVar("T")


def free_port() -> int:
    """One that no connection and no sound is given meanwhile: below those of the kernel and of RTP. Who tests beside us
    draws, too, from so many that two rarely draw the same."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", secrets.choice(FREE_PORTS)))
            return int(probe.getsockname()[1])


def wait_for_jetstream(port: int) -> None:
    """Until the server's greeting says that it has JetStream."""
    give_up = time.monotonic() + READY_S_MAX
    while time.monotonic() < give_up:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as peer:
            greeting = peer.makefile("rb").readline()
            if greeting.startswith(b"INFO") and json.loads(greeting[5:]).get("jetstream"):
                return
        time.sleep(POLL_S)
    raise AssertionError(f"no nats-server on port {port}")


class RealServer:
    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        config = self.folder / "nats-server.conf"
        config.write_text(listening(NatsSettings("44", self.port, self.folder / "store")), "utf-8")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([server_binary(None), "--config", str(config)], stdout=log, stderr=log)
        wait_for_jetstream(self.port)

    def signal(self, number: int) -> None:
        """One that stops it has done so for each of its threads: some may run on until another heeds it."""
        assert self._process is not None
        self._process.send_signal(number)
        while number == signal.SIGSTOP and not self._stands_still():
            time.sleep(POLL_S)

    def _stands_still(self) -> bool:
        assert self._process is not None
        stats = Path(f"/proc/{self._process.pid}/task").glob("*/stat")  # proc_pid_stat(5)
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread has just ended
            return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in stats)
        return False

    def kill(self) -> None:
        """As a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wipe(self) -> None:
        shutil.rmtree(self.folder / "store")

    @contextlib.asynccontextmanager
    async def bus(self) -> AsyncIterator[NatsBus]:
        """A connection to streams that are new."""
        client = await nats.connect(self.url)
        for spec in STREAMS:
            with contextlib.suppress(NotFoundError):
                await client.jsm().delete_stream(spec.name)
        await client.close()
        bus = await open_bus(self.url, "test")
        await insist(bus.ensure_streams, (BusDown,))
        try:
            yield bus
        finally:
            await bus.close()


async def until(condition: Callable[[], object], wait_s: float = 15.0) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(wait_s):
        while True:
            if condition():
                return
            await asyncio.sleep(POLL_S)


async def insist(act: Callable[[], Awaitable[T]], kinds: tuple[type[Exception], ...], wait_s: float = 20.0) -> T:
    """Do `act` again until it raises none of `kinds`."""
    async with asyncio.timeout(wait_s):
        while True:
            try:
                return await act()
            except kinds:
                await asyncio.sleep(POLL_S)
