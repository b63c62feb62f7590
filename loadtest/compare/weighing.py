"""What a server's connections weigh: the memory that its processes have for themselves, from /proc."""

from __future__ import annotations

from pathlib import Path

KINDS = ("Pss_Anon:", "Pss_Shmem:")


def memory_of(pid: int) -> int:
    """Bytes of a process and those that it started.

    Anonymous and shared memory, of pages that several have each its share (proc(5), smaps_rollup). Without pages of
    files: their share falls when another Python starts, and that is no memory that a connection gave back.
    """
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    own = sum(1024 * int(line.split()[1]) for line in lines if line.startswith(KINDS))
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(memory_of(int(child)) for child in below)
