"""Keeps a handful of processes alive: starts them, restarts what ends, and leaves nothing running.

Each child is in a session of its own, so that Ctrl-C reaches only the supervisor, which stops them in reverse order;
and each is killed by the kernel should the supervisor itself be killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

log = structlog.get_logger("supervisor")

RESTART_S_MIN = 0.2
RESTART_S_MAX = 5.0
STEADY_S = 10.0  # up for so long: the next restart is quick again
STOP_S_MAX = 10.0
LOG_BYTES_MAX = 16 * 1024 * 1024
_PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None)


def die_with_parent(parent: int | None = None, by: int = signal.SIGKILL) -> None:
    """For `preexec_fn`: the kernel kills this process when its parent ends, however that happens.

    With the `parent`'s process id, also when it had ended before this was said.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, by)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


@dataclass(slots=True)
class Child:
    name: str
    argv: list[str]
    process: asyncio.subprocess.Process | None = None
    starts: int = 0
    env: dict[str, str] | None = None


@dataclass
class Supervisor:
    """`on_exit(child, returncode)` is told of every end that was not asked for."""

    logs: Path
    on_exit: Callable[[Child, int], None]
    children: dict[str, Child] = field(default_factory=dict)
    _keepers: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _stopping: bool = False

    async def start(self, name: str, argv: list[str], env: dict[str, str] | None = None) -> Child:
        """Start one child and keep it running from now on."""
        self.logs.mkdir(parents=True, exist_ok=True)
        child = self.children[name] = Child(name, argv, env=env)
        await self._spawn(child)
        self._keepers[name] = asyncio.create_task(self._keep(child), name=f"keep {name}")
        return child

    def last_words(self, name: str) -> str:
        """The last line that the child wrote, for a person who wonders why it ended."""
        with contextlib.suppress(OSError):
            lines = self.log_file(name).read_text("utf-8", "replace").strip().splitlines()
            return lines[-1] if lines else ""
        return ""

    async def stop(self) -> None:
        """Stop all, the last started first. Safe to call twice."""
        self._stopping = True
        for keeper in self._keepers.values():
            keeper.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        for child in reversed(self.children.values()):
            await self._end(child)

    async def _keep(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        wait_s, runs = RESTART_S_MIN, True
        while True:
            if runs:
                assert child.process is not None
                since = loop.time()
                returncode = await child.process.wait()
                if self._stopping:
                    return
                self.on_exit(child, returncode)
                if loop.time() - since > STEADY_S:
                    wait_s = RESTART_S_MIN
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, RESTART_S_MAX)
            runs = await self._spawned(child)

    async def _spawned(self, child: Child) -> bool:
        """False when the system has no room for a process or its log now."""
        try:
            await self._spawn(child)
        except OSError as error:
            log.error("supervisor.cannot_start", name=child.name, error=str(error))
            return False
        return True

    async def _spawn(self, child: Child) -> None:
        file = self.log_file(child.name)
        if file.exists() and file.stat().st_size > LOG_BYTES_MAX:
            file.rename(file.with_suffix(".old.log"))
        with file.open("ab") as out:
            child.process = await asyncio.create_subprocess_exec(
                *child.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=partial(die_with_parent, os.getpid()),
                env=child.env,
            )
        child.starts += 1

    async def _end(self, child: Child) -> None:
        process = child.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await process.wait()
        except TimeoutError:
            log.error("supervisor.kills", name=child.name)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def log_file(self, name: str) -> Path:
        return self.logs / f"{name}.log"
