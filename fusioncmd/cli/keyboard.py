"""Key presses, and lines, from the terminal that standard input is; no keys where it is not one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import AsyncIterator

from fusioncmd.cli.browse import keys_in

READ_BYTES_MAX = 64
LINE_BYTES_MAX = 4_096  # a terminal gives no longer line
KEYS_WAITING_MAX = 64  # shed: who leans on a key is not waited for

Keys = asyncio.Queue[str]


@contextlib.asynccontextmanager
async def pressed(wanted: bool) -> AsyncIterator[Keys]:
    """A queue of keys while the block runs. The terminal is given back as it was, whatever happens."""
    queue: Keys = asyncio.Queue(KEYS_WAITING_MAX)
    if not wanted or not sys.stdin.isatty():
        yield queue
        return
    fd = sys.stdin.fileno()
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            data = os.read(fd, READ_BYTES_MAX)
        except OSError:
            data = b""
        if not data:  # the terminal is gone
            loop.remove_reader(fd)
        for key in keys_in(data):
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(key)

    before = termios.tcgetattr(fd)
    tty.setcbreak(fd)
    loop.add_reader(fd, read)
    try:
        yield queue
    finally:
        loop.remove_reader(fd)
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


async def typed_line() -> str:
    """The next line that is typed at the terminal that standard input is; empty where it ends."""
    loop, fd = asyncio.get_running_loop(), sys.stdin.fileno()
    typed: asyncio.Future[bytes] = loop.create_future()

    def read() -> None:
        loop.remove_reader(fd)
        try:
            typed.set_result(os.read(fd, LINE_BYTES_MAX))
        except OSError:  # the terminal is gone
            typed.set_result(b"")

    loop.add_reader(fd, read)
    try:
        return (await typed).decode(errors="replace").strip()
    finally:
        loop.remove_reader(fd)


async def next_key(queue: Keys, wait_s: float) -> str | None:
    """The next key, or None when none is pressed within `wait_s`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            return await queue.get()
    return None
