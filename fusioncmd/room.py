"""Whether a disk has room, asked before something is written that must not be there by half.

A NATS server whose disk is full does not refuse: it says nothing. Who asks first gets a sentence at once.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from fusioncmd.errors import StorageFull

DISK_ROOM_BYTES_MIN = 8 * 1024**2  # below, orders (but cancels) and rosters are refused: the rest is for answers
NO_REPORTS = "no-reports"


def check_room(folder: Path, bytes_min: int = DISK_ROOM_BYTES_MIN) -> None:
    """`StorageFull` when fewer than `bytes_min` are left for whoever writes in `folder`."""
    if is_full(folder, bytes_min):
        free_kib = shutil.disk_usage(folder).free // 1024
        raise StorageFull(
            f"The disk of {folder} is full ({free_kib:,} KiB left): nothing was written. Make room and try again.",
            f"{folder} 所在磁盘已满（剩余 {free_kib:,} KiB），未写入任何内容；请清出空间后重试。",
        )


def is_full(folder: Path, bytes_min: int = DISK_ROOM_BYTES_MIN) -> bool:
    return folder.exists() and shutil.disk_usage(folder).free < bytes_min


def refusing(folder: Path, full: bool) -> None:
    """Says to the gateways of this machine whether reports are refused, by a file in `folder`; raises OSError."""
    file = folder / NO_REPORTS
    if full:
        file.touch()
    else:
        file.unlink(missing_ok=True)


def refuses_reports(folder: Path) -> bool:
    return (folder / NO_REPORTS).exists()
