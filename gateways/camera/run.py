"""One run of ffmpeg: begun in bounds, its packets by a socket that is only ours, its words line by line, its end.

A SEQPACKET socket loses nothing and holds ffmpeg back where the bus is slow; nobody else on the machine can send to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import resource
import shutil
import socket
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path

import structlog

from fusioncmd.cameras import Camera
from fusioncmd.supervisor import die_with_parent
from gateways.camera.bounds import END_S_MAX, FILES_MAX, LINE_CHARS_MAX, MEMORY_BYTES_MAX, NICE, PACKETS_PER_WAKE
from gateways.camera.command import command

log = structlog.get_logger("camera")
_URL = re.compile(r"[a-z]+://\S+")
_CONNECTIONS_MAX = 2  # the picture, and the sound
_LAST_LINES = 3
_FOLDERS = "fc-camera-"


class Run:
    """`line` is told each line that ffmpeg says, `packets` what came, `ended` that it is over, with its last words
    (without secrets)."""

    def __init__(
        self, camera: Camera, line: Callable[[str], None], packets: Callable[[list[bytes]], None],
        ended: Callable[[list[str]], None],
    ) -> None:  # fmt: skip
        self._camera, self._line, self._packets, self._ended = camera, line, packets, ended
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDERS}{os.getpid()}-"))
        self._listener: socket.socket | None = None
        self._connections: list[socket.socket] = []
        self._reading = self._listened = False
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def begin(self, host: str, sound: bool, probe_s: int) -> None:
        """`OSError` or `SubprocessError` when there is no ffmpeg, or no room for it; BadInput."""
        try:
            program = shutil.which("ffmpeg")
            if program is None:
                raise FileNotFoundError("ffmpeg")
            at = self._folder / "s"
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._listener.bind(str(at))
            self._listener.listen(_CONNECTIONS_MAX)
            self._listener.setblocking(False)
            asyncio.get_running_loop().add_reader(self._listener, self._accept)
            parent = os.getpid()
            self._process = await asyncio.create_subprocess_exec(
                *command(program, self._camera, str(at), host, sound, probe_s), stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, cwd=self._folder,
                env={"PATH": os.environ.get("PATH", ""), "LANG": "C"}, start_new_session=True,
                preexec_fn=lambda: _bound(parent),
            )  # fmt: skip
        except BaseException:
            self._close()
            raise
        self._task = asyncio.create_task(self._follow())

    def read(self) -> None:
        """From now on packets are taken; until then ffmpeg waits with them."""
        if not self._reading:
            self._reading = True
            for connection in self._connections:
                asyncio.get_running_loop().add_reader(connection, self._read, connection)

    def stop(self) -> None:
        """It ends soon, and `ended` is told."""
        if self._process is None or self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        asyncio.get_running_loop().call_later(END_S_MAX, self._kill)

    async def over(self) -> None:
        """Until it has ended."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def joined(self) -> bool:
        """Whether somebody came to where it listened: it takes one, and listens no more."""
        if not self._listened:
            self._listened = _listens(self._camera.port)
            return False
        return not _listens(self._camera.port)

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _follow(self) -> None:
        assert self._process is not None and self._process.stderr is not None
        try:
            rest = b""
            while data := await self._process.stderr.read(4_096):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._hear(line)
                rest = rest[-LINE_CHARS_MAX:]
            self._hear(rest)
            await self._process.wait()
        finally:
            self._kill()
            self._close()
            self._ended(list(self._last))

    def _hear(self, data: bytes) -> None:
        line = data[:LINE_CHARS_MAX].decode("utf-8", "replace").rstrip()
        if line and not line.startswith("[info]"):
            self._last.append(shown(line, self._camera))
        self._line(line)

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except OSError:  # it went away again
            return
        if len(self._connections) >= _CONNECTIONS_MAX:
            connection.close()
            return
        connection.setblocking(False)
        self._connections.append(connection)
        if self._reading:
            asyncio.get_running_loop().add_reader(connection, self._read, connection)

    def _read(self, connection: socket.socket) -> None:
        found: list[bytes] = []
        for _ in range(PACKETS_PER_WAKE):
            try:
                data = connection.recv(2_048)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                asyncio.get_running_loop().remove_reader(connection)
                break
            found.append(data)
        if found:
            self._packets(found)

    def _close(self) -> None:
        for one in (self._listener, *self._connections):
            if one is not None:
                asyncio.get_running_loop().remove_reader(one)
                one.close()
        self._listener, self._connections = None, []
        shutil.rmtree(self._folder, ignore_errors=True)


def clear_away() -> None:
    """The folders of gateways that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDERS}*-*"):
        process = folder.name.removeprefix(_FOLDERS).partition("-")[0]
        if not Path(f"/proc/{process}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def shown(line: str, camera: Camera) -> str:
    """What ffmpeg said, without what may be secret."""
    line = _URL.sub("…", line)
    return line.replace(camera.key, "…") if camera.key else line


def _bound(parent: int) -> None:
    """In ffmpeg's process, before it is that."""
    die_with_parent(parent)
    os.nice(NICE)
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES_MAX), (resource.RLIMIT_NOFILE, FILES_MAX), (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):  # fmt: skip
        hard = resource.getrlimit(what)[1]
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (bound, bound))


def _listens(port: int) -> bool:
    """Whether a program of this machine takes TCP connections there (proc(5), /proc/net/tcp)."""
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{name}").read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[1].endswith(f":{port:04X}"):
                    return True
    return False
