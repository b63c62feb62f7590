"""One child that decodes what sources send, as `recode.py`: begun in bounds, given pieces, ends with its parent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sys
from collections.abc import Callable

import structlog

from fusioncmd.supervisor import die_with_parent
from gateways.satellite.pieces import HEAD, PIECE_BYTES_MAX, piece

log = structlog.get_logger("child")

WAITING_BYTES_MAX = 512 * 1024  # of packets that the child has not taken; shed
MEMORY_BYTES_MAX = 1024**3  # address space of one child: it ends, and is begun again
NICE = 10
ENVIRONMENT = ("PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV")


class Child:
    """`module` is what it runs; `made` is told each piece of it, `ended` that it is gone. `waiting_bytes_max`: of what
    the child has not taken; beyond, it is shed."""

    def __init__(
        self, module: str, made: Callable[[bytes, bytes], None], ended: Callable[[], None], *arguments: str,
        waiting_bytes_max: int = WAITING_BYTES_MAX, memory_bytes_max: int = MEMORY_BYTES_MAX,
    ) -> None:  # fmt: skip
        self._argv, self._made, self._ended = (module, *arguments), made, ended
        self._waiting_bytes_max, self._memory_bytes_max = waiting_bytes_max, memory_bytes_max
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.shed = 0  # pieces

    async def begin(self) -> None:
        parent, most = os.getpid(), self._memory_bytes_max
        env = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ} | {"SVT_LOG": "1"}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *self._argv, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, env=env, start_new_session=True, preexec_fn=lambda: _bound(parent, most),
        )  # fmt: skip
        self._task = asyncio.create_task(self._read())

    def give(self, kind: bytes, data: bytes, always: bool = False) -> bool:
        """Whether it was not shed."""
        writer = None if self._process is None else self._process.stdin
        if writer is None or writer.is_closing():
            return False
        if not always and writer.transport.get_write_buffer_size() > self._waiting_bytes_max:
            self.shed += 1
            return False
        writer.write(piece(kind, data))
        return True

    async def stop(self) -> None:
        self._stopping = True
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        reader = self._process.stdout
        try:
            while True:
                size, kind = HEAD.unpack(await reader.readexactly(HEAD.size))
                if size > PIECE_BYTES_MAX:
                    break
                self._made(kind, await reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it is gone; why is said below
        finally:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            status = await self._process.wait()
            if not self._stopping:
                log.warning("child.ended", module=self._argv[0], status=status)
            self._ended()


def _bound(parent: int, memory_bytes_max: int) -> None:
    """In the child, before it is that."""
    die_with_parent(parent)
    os.nice(NICE)
    for what, most in ((resource.RLIMIT_AS, memory_bytes_max), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        hard = resource.getrlimit(what)[1]
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (bound, bound))
