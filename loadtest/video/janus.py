"""Janus, as Debian has it: its streaming plug-in fed with plain RTP, and its API, by a Unix socket.

It is run with the plug-in and the transport that it needs and no others; all else is as it comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from fusioncmd.errors import Unavailable
from fusioncmd.supervisor import die_with_parent
from fusioncmd.words import say
from loadtest.compare.servers import program_path

FOLDERS = ("/usr/lib/x86_64-linux-gnu/janus", "/usr/lib/aarch64-linux-gnu/janus", "/usr/local/lib/janus")
PLUGIN, TRANSPORT = "libjanus_streaming.so", "libjanus_pfunix.so"
MOUNT = 1
FRAME_BYTES_MAX = 1 << 16
STARTS = 8  # its Unix socket's thread ends at once when it is faster than a flag that it reads (1.1.2)
START_S_MAX, ANSWER_S_MAX, STOP_S_MAX = 15.0, 20.0, 5.0

_GENERAL = """general: {{
  configs_folder = "{folder}"
  plugins_folder = "{folder}/plugins"
  transports_folder = "{folder}/transports"
  events_folder = "{folder}/none"
  loggers_folder = "{folder}/none"
  session_timeout = 0
  debug_level = 3
  {loops}
}}
nat: {{ ice_enforce_list = "{address}" }}
"""
_PIPE = """general: {{ enabled = true, json = "compact", path = "{folder}/janus.sock", type = "SOCK_SEQPACKET" }}
"""
_STREAM = """clip: {{
  type = "rtp", id = {mount}, audio = false, video = true, videoport = {port}, videoiface = "127.0.0.1",
  videopt = 96, videocodec = "h264", videofmtp = "profile-level-id=42e01f;packetization-mode=1", videobufferkf = true
}}
"""


def absent() -> str | None:
    if program_path("janus") and _modules() is not None:
        return None
    return say("not installed: apt-get install janus", "未安装：apt-get install janus")


def version() -> str:
    found = program_path("janus")
    said = "" if found is None else subprocess.run([found, "--version"], capture_output=True, text=True).stdout
    number = re.search(r"\d+\.\d+\.\d+", said)
    return number.group() if number else ""


@contextlib.asynccontextmanager
async def running(folder: Path, address: str, rtp_port: int, loops: int | None) -> AsyncIterator[tuple[int, Path]]:
    """Its process id and its socket. `loops`: event loops; by default it has a thread for each viewer."""
    modules = _modules()
    assert modules is not None
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240
    for name, module in (("plugins", PLUGIN), ("transports", TRANSPORT)):
        (folder / name).mkdir()
        (folder / name / module).symlink_to(modules / name / module)
    (folder / "none").mkdir()
    event_loops = "" if loops is None else f"event_loops = {loops}"
    (folder / "janus.jcfg").write_text(_GENERAL.format(folder=folder, loops=event_loops, address=address), "utf-8")
    (folder / "janus.transport.pfunix.jcfg").write_text(_PIPE.format(folder=folder), "utf-8")
    (folder / "janus.plugin.streaming.jcfg").write_text(_STREAM.format(mount=MOUNT, port=rtp_port), "utf-8")
    for left in range(STARTS - 1, -1, -1):
        process = await _started(folder)
        try:
            await _until_there(process, folder)
        except Unavailable:
            if not left:
                raise
        else:
            break
    try:
        yield process.pid, folder / "janus.sock"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


class Janus:
    """One connection to its API, with one session; each viewer is a handle of it."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.connect(path)
        self._socket.setblocking(False)
        self._numbers = count(1)
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())
        self._session = 0

    async def begin(self) -> None:
        self._session = (await self._ask({"janus": "create"}))["data"]["id"]

    async def watch(self) -> tuple[int, str]:
        """A new viewer: its handle, and the offer."""
        attach = {"janus": "attach", "plugin": "janus.plugin.streaming", "session_id": self._session}
        handle: int = (await self._ask(attach))["data"]["id"]
        return handle, (await self._message(handle, {"request": "watch", "id": MOUNT}))["jsep"]["sdp"]

    async def start(self, handle: int, answer: str) -> None:
        await self._message(handle, {"request": "start"}, {"type": "answer", "sdp": answer})

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._socket.close()

    async def _message(self, handle: int, body: dict[str, Any], jsep: dict[str, str] | None = None) -> dict[str, Any]:
        said = {"janus": "message", "session_id": self._session, "handle_id": handle, "body": body}
        return await self._ask(said if jsep is None else said | {"jsep": jsep})

    async def _ask(self, words: dict[str, Any]) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        name = str(next(self._numbers))
        future = self._waiting[name] = loop.create_future()
        await loop.sock_sendall(self._socket, json.dumps(words | {"transaction": name}).encode())
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                said: dict[str, Any] = await future
        except TimeoutError:
            raise Unavailable("Janus does not answer.", "Janus 没有应答。") from None
        finally:
            del self._waiting[name]
        trouble = said.get("error") or said.get("plugindata", {}).get("data", {}).get("error")
        if trouble:
            raise Unavailable(f"Janus refuses: {trouble}.", f"Janus 拒绝：{trouble}。")
        return said

    async def _read(self) -> None:
        """To a message, `ack` comes first, and the answer as an event of the same transaction."""
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(self._socket, FRAME_BYTES_MAX):
            said = json.loads(data)
            future = self._waiting.get(said.get("transaction", ""))
            if future is not None and said["janus"] != "ack" and not future.done():
                future.set_result(said)


def _modules() -> Path | None:
    return next((there for folder in FOLDERS if (there := Path(folder)).is_dir()), None)


async def _started(folder: Path) -> asyncio.subprocess.Process:
    argv = [program_path("janus") or "janus", "-F", str(folder), "-C", str(folder / "janus.jcfg"), "-o"]
    with (folder / "log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            *argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            preexec_fn=partial(die_with_parent, os.getpid(), by=signal.SIGTERM),
        )  # fmt: skip


async def _until_there(process: asyncio.subprocess.Process, folder: Path) -> None:
    """It answers. Raises Unavailable with its last words."""
    async with asyncio.timeout(START_S_MAX):
        while process.returncode is None:
            if await asyncio.to_thread(_answers, str(folder / "janus.sock")):
                return
            await asyncio.sleep(0.05)
    said = (await asyncio.to_thread((folder / "log").read_text, "utf-8", "replace")).strip()[-300:]
    raise Unavailable(f"Janus does not start: {said}", f"Janus 无法启动：{said}")


def _answers(pipe: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(pipe)
            probe.send(b'{"janus": "ping", "transaction": "first"}')
            return bool(probe.recv(FRAME_BYTES_MAX))
        except OSError:
            return False
