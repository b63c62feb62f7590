"""The processes of a comparison: programs of ours that take words, and servers of others; none outlives the block."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fusioncmd.errors import Unavailable
from fusioncmd.supervisor import die_with_parent

ASK_S_MAX = 60.0
START_S_MAX = 30.0
STOP_S_MAX = 10.0
LAST_WORDS_CHARS = 300
LINE_BYTES_MAX = 1 << 26  # of an answer


class Worker:
    """A program that answers each word on its standard input with a line of JSON."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self._name, self._process = name, process
        self.pid = process.pid

    async def ask(self, word: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())
        return await self.told()

    async def told(self) -> Any:
        """The next line that it says."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(ASK_S_MAX):
                line = await self._process.stdout.readline()
        except TimeoutError:
            line = b""
        if not line:
            raise Unavailable(
                f"{self._name} of the comparison does not answer.", f"对比测试的 {self._name} 进程没有应答。"
            )
        return json.loads(line)


@contextlib.asynccontextmanager
async def worker(module: str, *arguments: object) -> AsyncIterator[Worker]:
    """`python -m module arguments`, stopped when the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *map(str, arguments),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES_MAX,
        start_new_session=True, preexec_fn=partial(die_with_parent, os.getpid()),
    )  # fmt: skip
    try:
        yield Worker(module, process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def broker(argv: Sequence[str], port: int, log: Path) -> AsyncIterator[int]:
    """A server of others, once it takes connections: its process id. It is asked to end when the block or we do: a
    server that were killed could leave processes of its own behind.

    `Unavailable` with its last words when it ends by itself or is not there in time.
    """
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True, preexec_fn=partial(die_with_parent, os.getpid(), by=signal.SIGTERM),
        )  # fmt: skip
    try:
        await _until_open(process, port, Path(argv[0]).name, log)
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _until_open(process: asyncio.subprocess.Process, port: int, name: str, log: Path) -> None:
    loop = asyncio.get_running_loop()
    give_up = loop.time() + START_S_MAX
    while process.returncode is None and loop.time() < give_up:
        with contextlib.suppress(ConnectionRefusedError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()
            return
        await asyncio.sleep(0.05)
    said = _last_words(log)
    raise Unavailable(f"{name} does not start: {said}", f"{name} 无法启动：{said}")


def _last_words(log: Path) -> str:
    return log.read_text("utf-8", "replace").strip()[-LAST_WORDS_CHARS:]
