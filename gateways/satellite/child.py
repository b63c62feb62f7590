"""One child that encodes a source (`recode.py`): begun in bounds, given what it takes, ends with its parent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sys
from collections.abc import Callable

import structlog

from fusioncmd.supervisor import die_with_parent
from gateways.satellite.pieces import DO, HEAD, KEY, MADE, PACKETS, PIECE_BYTES_MAX, piece

log = structlog.get_logger("thin")

WAITING_BYTES_MAX = 512 * 1024  # of packets that the child has not taken; shed, and it waits for a keyframe
MEMORY_BYTES_MAX = 1024**3  # address space of one child: it ends, and is begun again
NICE = 10
ENVIRONMENT = ("PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV")


class Child:
    """`made` is told each message for the bus, `wants_key` that a keyframe is wanted, `ended` that it is gone."""

    def __init__(self, made: Callable[[bytes], None], wants_key: Callable[[], None], ended: Callable[[], None]) -> None:
        self._made, self._wants_key, self._ended = made, wants_key, ended
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.shed = 0  # messages of packets

    async def begin(self) -> None:
        parent = os.getpid()
        env = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ} | {"SVT_LOG": "1"}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateways.satellite.recode", stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, env=env, start_new_session=True, preexec_fn=lambda: _bound(parent),
        )  # fmt: skip
        self._task = asyncio.create_task(self._read())

    def do(self, data: bytes) -> None:
        self._write(piece(DO, data))

    def packets(self, bundle: bytes) -> None:
        writer = None if self._process is None else self._process.stdin
        if writer is None or writer.transport.get_write_buffer_size() > WAITING_BYTES_MAX:
            self.shed += 1
            return
        self._write(piece(PACKETS, bundle))

    async def stop(self) -> None:
        self._stopping = True
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def _write(self, data: bytes) -> None:
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(data)

    async def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        reader = self._process.stdout
        try:
            while True:
                size, kind = HEAD.unpack(await reader.readexactly(HEAD.size))
                if size > PIECE_BYTES_MAX:
                    break
                data = await reader.readexactly(size)
                if kind == MADE:
                    self._made(data)
                elif kind == KEY:
                    self._wants_key()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it is gone; why is said below
        finally:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            status = await self._process.wait()
            if not self._stopping:
                log.warning("thin.encoder_ended", status=status)
            self._ended()


def _bound(parent: int) -> None:
    """In the child, before it is that."""
    die_with_parent(parent)
    os.nice(NICE)
    for what, most in ((resource.RLIMIT_AS, MEMORY_BYTES_MAX), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        hard = resource.getrlimit(what)[1]
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (bound, bound))
