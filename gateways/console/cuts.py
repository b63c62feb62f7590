"""Files of video that browsers fetch: made once from the node's segments, kept for a while, and read in ranges.

Who asks is asked of the node each time; only the making is spared.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusioncmd.api.kept import FootageCut, FootageSegments
from fusioncmd.errors import BadInput, Unavailable
from gateways.console import bounds

if TYPE_CHECKING:
    from fusioncmd.video.fetching import Ask, Made

Key = tuple[FootageCut, tuple[str, ...]]


class Cuts:
    """Each file lies in a temporary folder of its own, made when it is asked for: a console without room for any serves
    all the rest. They go when `close` is called."""

    def __init__(self) -> None:
        self._made: OrderedDict[Key, tuple[Path, Made]] = OrderedDict()
        self._making: dict[Key, asyncio.Task[tuple[Path, Made]]] = {}

    async def file(self, ask: Ask, question: FootageCut) -> tuple[Path, Made]:
        """Raises the node's Problem; Unavailable where too many are being made, or the disk has no room."""
        found: FootageSegments = await ask(question)
        if sum(one.bytes for one in found.segments) > bounds.CUT_BYTES_MAX:
            raise BadInput(
                "That is too much for a browser: take less time, or `fusioncmd video get`.",
                "时段过长，浏览器无法取出：请缩短时段，或使用 fusioncmd video get。",
            )
        key = question, tuple(one.id for one in found.segments)
        if key in self._made:
            self._made.move_to_end(key)
            return self._made[key]
        if key not in self._making:
            if len(self._making) >= bounds.CUTS_MADE_MAX:
                raise Unavailable("Other videos are being fetched; try again.", "正在取出其他录像，请稍后重试。")
            self._making[key] = asyncio.create_task(self._make(key, ask, question))
        return await asyncio.shield(self._making[key])

    async def _make(self, key: Key, ask: Ask, question: FootageCut) -> tuple[Path, Made]:
        from fusioncmd.video.fetching import fetch  # PyAV is heavy, and few consoles fetch videos

        try:
            with contextlib.ExitStack() as unless_made:
                folder = Path(tempfile.mkdtemp(prefix="fusioncmd-video-"))
                unless_made.callback(shutil.rmtree, folder, ignore_errors=True)
                with tempfile.TemporaryDirectory(dir=folder) as parts:
                    made = await fetch(ask, question, Path(parts), folder / "made")
                unless_made.pop_all()
        except OSError as error:
            raise Unavailable(f"The console has no room for it: {error}.", f"指挥台无空间存放：{error}。") from None
        finally:
            del self._making[key]
        self._made[key] = folder / "made", made
        while len(self._made) > bounds.CUTS_MAX:
            shutil.rmtree(self._made.popitem(last=False)[1][0].parent)
        return self._made[key]

    def close(self) -> None:
        for task in self._making.values():
            task.cancel()
        for path, _ in self._made.values():
            shutil.rmtree(path.parent, ignore_errors=True)


def range_of(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte of what `Range` asks for (RFC 9110, 14.1.2): one range; None: the whole. Raises BadInput for
    one that is beyond the file."""
    unit, _, spec = header.partition("=")
    first, dash, last = spec.partition("-")
    if (
        unit.strip() != "bytes"
        or not dash
        or "," in spec
        or not all(x.strip().isdigit() or not x for x in (first, last))
    ):
        return None
    if not first and not last:
        return None
    begin, end = (int(first), min(int(last or size - 1), size - 1)) if first else (max(0, size - int(last)), size - 1)
    if begin > end or begin >= size:
        raise BadInput("The range lies beyond the file.", "请求的范围超出文件。")
    return begin, end


def said_of(made: Made) -> dict[str, Any]:
    """The gaps of a file, as its headers have them: `<begin>-<end>;<cause>`, in ms since 1970."""
    gaps = ", ".join(f"{one.begin_ms}-{one.end_ms};{one.cause}" for one in made.missing[: bounds.GAPS_SAID_MAX])
    return {"Fusioncmd-Begins": str(made.begins_ms), "Fusioncmd-Missing": gaps}
