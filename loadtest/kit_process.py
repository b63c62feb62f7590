"""A kit as a person runs it, in a process tree of its own: started, killed in parts or all at once, started again; and
the drone that pushes its picture there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from fusioncmd.cli.kit_plan import PORTS
from fusioncmd.cli.kit_screen import DRONE_FILE
from fusioncmd.errors import NotFound, Unavailable
from fusioncmd.supervisor import die_with_parent

PROGRAM = Path(sys.executable).parent / "fusioncmd"
READY_S_MAX = 60.0
GONE_S_MAX = 10.0
TRIES = 200
CLIP_S, CLIP_RATE = 20, 15


class Kit:
    """Of the town `node`, under nobody, with its files in `data`; `env` is added to its environment."""

    def __init__(self, data: Path, node: str, env: Mapping[str, str], random: Random) -> None:
        self.data, self.node, self._env = data, node, dict(env)
        first, self.nats_port = free_block(PORTS, random), free_block(1, random)
        self._argv = [
            str(PROGRAM), "kit", "--alone", "--node", node, "--data", str(data), "--first-port", str(first),
            "--nats-port", str(self.nats_port), "--json",
        ]  # fmt: skip
        self.port, self.nats = first + 1, f"nats://127.0.0.1:{self.nats_port}"
        self._process: asyncio.subprocess.Process | None = None
        self.said: dict[str, Any] = {}

    async def start(self) -> float:
        """Seconds from its `exec` until it says that it is ready."""
        began_s = time.monotonic()
        with (self.data.parent / "kit.log").open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *self._argv, env=os.environ | self._env, stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE, stderr=errors, start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(READY_S_MAX):
                line = await self._process.stdout.readline()
        except TimeoutError:
            line = b""
        self.said = json.loads(line or b"{}")
        if not self.said.get("ready"):
            raise Unavailable(f"The kit does not start: {self.said}.", f"装备无法启动：{self.said}。")
        return time.monotonic() - began_s

    async def drone(self) -> str:
        """Where the drone pushes to, once that is known."""
        file = self.data / DRONE_FILE
        async with asyncio.timeout(READY_S_MAX):
            while not file.exists():
                await asyncio.sleep(0.1)
        return file.read_text("utf-8")

    def parts(self) -> dict[str, int]:
        """Its processes, by what they are; those that one of them started, too."""
        assert self._process is not None
        return {_name(pid): pid for pid in descendants(self._process.pid)} | {"supervisor": self._process.pid}

    async def power_off(self, all_at_once: bool = True) -> None:
        """Every process of it at once, as when its battery is taken out; or its first one, and the kernel ends the
        others. Returns when none is left."""
        assert self._process is not None
        pids = [self._process.pid, *descendants(self._process.pid)]
        for pid in pids if all_at_once else pids[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self._process.wait()
        give_up = time.monotonic() + GONE_S_MAX
        while any(_runs(pid) for pid in pids):
            if time.monotonic() > give_up:
                raise Unavailable("The kit was killed and still runs.", "装备进程被强制结束后仍在运行。")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()


class Drone:
    """ffmpeg that pushes a clip to where the kit says, and tries again whenever it is cut. As a context."""

    def __init__(self, folder: Path, url: str) -> None:
        self._clip, self._url = folder / "clip.flv", url

    async def __aenter__(self) -> Drone:
        if shutil.which("ffmpeg") is None:
            raise NotFound("ffmpeg is not here (apt: ffmpeg).", "缺少 ffmpeg（apt：ffmpeg）。")
        pattern = f"testsrc2=size=320x240:rate={CLIP_RATE}:duration={CLIP_S}"
        coded = ["-c:v", "libx264", "-preset", "ultrafast", "-g", str(CLIP_RATE), "-pix_fmt", "yuv420p"]
        argv = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", pattern, *coded, str(self._clip)]
        await asyncio.to_thread(subprocess.run, argv, check=True)
        self._task = asyncio.create_task(self._push())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _push(self) -> None:
        argv = ["-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", str(self._clip), "-c", "copy"]
        while True:
            process = await asyncio.create_subprocess_exec(
                "ffmpeg", *argv, "-f", "flv", self._url, stdin=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL, preexec_fn=die_with_parent,
            )  # fmt: skip
            try:
                await process.wait()
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            await asyncio.sleep(0.2)


def free_block(count: int, random: Random) -> int:
    """The first of so many ports of 127.0.0.1, one after the other, that nobody listens on now."""
    for _ in range(TRIES):
        first = random.randrange(20_000, 32_000)
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
    raise Unavailable("There are no free ports.", "没有空闲端口。")


def descendants(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found += [int(entry.name), *descendants(int(entry.name))]
    return found


def _name(pid: int) -> str:
    """`tiers`, `gateways.camera`, `nats-server`, `ffmpeg` …"""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return str(pid)
    return words[words.index("-m") + 1] if "-m" in words[:3] else Path(words[0]).name


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
