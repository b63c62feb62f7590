"""The time that a kit goes by where its machine has lost it: small computers have no battery for their clock.

A clock that shows a time from before the kit's own key was granted is wrong for certain. Then the kit goes on from when
it last knew the time, or from that grant, whichever is later, and its health says that the clock has to be set. A clock
that shows any later time is believed: once it is set right, nothing here holds it back.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, MutableMapping
from pathlib import Path

from fusioncmd.errors import Problem
from fusioncmd.limits import CLOCK_SKEW_MS_MAX
from fusioncmd.machine_clock import machine_clock
from fusioncmd.steady import VARIABLE
from fusioncmd.trust import ring
from fusioncmd.words import say

FILE = "time"
KEPT_EVERY_S = 30.0


def begin(
    data: Path, env: MutableMapping[str, str] = os.environ, wall: Callable[[], float] = time.time,
    since_boot: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
) -> str:  # fmt: skip
    """Before anything asks for the time: what is wrong with the machine's, for a person; empty: nothing that is known.
    In `env` is what all processes of the kit go by."""
    granted_s = _granted_s(data)
    if wall() * 1_000 >= granted_s * 1_000 - CLOCK_SKEW_MS_MAX:
        return ""
    now_s = max(granted_s, _kept_s(data))
    env[VARIABLE] = repr(now_s - since_boot())
    shown = time.strftime("%Y-%m-%d %H:%M", time.localtime(now_s))
    return say(
        f"This machine's clock is wrong: it shows a time before this kit was made. It goes on from {shown}; set the "
        "clock, and start the kit anew.",
        f"本机时钟有误（早于本装备启用时间）。装备暂从 {shown} 继续计时；请校正时钟后重新启动。",
    )


async def keep(data: Path) -> None:
    """Writes the time down, now and then, until cancelled."""
    clock = machine_clock()
    while True:
        await asyncio.to_thread(_write, data / FILE, str(round(clock())))
        await asyncio.sleep(KEPT_EVERY_S)


def _write(file: Path, text: str) -> None:
    partial = file.with_suffix(".partial")
    try:
        partial.write_text(text, "ascii")
        os.replace(partial, file)
    except OSError:
        return  # a full disk; the time that stands there is older, and no worse than that


def _kept_s(data: Path) -> float:
    try:
        return float((data / FILE).read_text("ascii"))
    except (OSError, ValueError):
        return 0.0


def _granted_s(data: Path) -> float:
    """When the kit's own key begins; 0 where it has none yet."""
    try:
        return ring.node_key(ring.folder_of(data)).grant.not_before_ms / 1_000
    except (Problem, OSError):
        return 0.0
