"""A tier's NATS server on a disk with little room."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
from pathlib import Path

from fusioncmd.bus import users
from fusioncmd.bus.nats import NatsBus, open_bus
from tests.nats_server import wait_for_jetstream

ROOT = Path(__file__).parent.parent
DISK_BYTES = 4 * 1024 * 1024


class SmallDisk:
    """A folder with little room: a small tmpfs, or, where none may be mounted, a bound on the size of each file."""

    def __init__(self, folder: Path, mount: bool) -> None:
        self.folder = folder
        self.mounted = mount and self._mount(f"size={DISK_BYTES}")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, port: int) -> None:
        """The server as a tier runs it, with a node and a gateway that may use it."""
        users.ensure(users.folder_of(self.folder), "node", "node", "44")
        users.ensure(users.folder_of(self.folder), "gw-1", "gateway", "44")
        argv = [
            sys.executable,
            "-m",
            "tiers.nats_server",
            "--node",
            "44",
            "--port",
            str(port),
            "--data",
            str(self.folder),
        ]
        bound = (DISK_BYTES, resource.RLIM_INFINITY)
        self._process = subprocess.Popen(
            argv,
            cwd=ROOT,
            preexec_fn=None if self.mounted else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, bound),
        )
        wait_for_jetstream(port)

    async def bus(self, port: int, name: str) -> NatsBus:
        key = users.seed_file(users.folder_of(self.folder), name)
        return await open_bus(f"nats://127.0.0.1:{port}", "test", key=key)

    def grow(self) -> None:
        if self.mounted:
            assert self._mount("remount,size=64m")
            return
        assert self._process is not None
        keeper = self._process.pid
        children = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
        for pid in (keeper, *map(int, children)):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        if self.mounted:
            subprocess.run(["umount", self.folder], check=True)

    def _mount(self, options: str) -> bool:
        argv = ["mount", "-t", "tmpfs", "-o", options, "none", self.folder]
        with contextlib.suppress(OSError):
            return subprocess.run(argv, capture_output=True).returncode == 0
        return False
