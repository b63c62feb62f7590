"""What `fusioncmd up` has looked at for smoke and fire: named sources, or all cameras."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from fusioncmd.errors import BadInput
from fusioncmd.video.heard import parsed
from fusioncmd.words import say

ALL = "all"
NAMED_MAX = 64  # as many as one gateway watches; reject


@dataclass(frozen=True, slots=True)
class Seen:
    """`sources`: addresses; none: all cameras."""

    sources: tuple[str, ...]

    def options(self) -> list[str]:
        return [f"--source={address}" for address in self.sources]


def seen_of(sources: str | None) -> Seen | None:
    """`all`, or `440106001.gate-1,44.01.06.001.gate-2`; None for none. BadInput, also where OpenCV is not there."""
    if sources is None:
        return None
    named = tuple(".".join(parsed(one.strip())) for one in sources.split(",")) if sources != ALL else ()
    if len(named) > NAMED_MAX:
        raise BadInput(f"--seen takes {NAMED_MAX} sources at most.", f"--seen 至多 {NAMED_MAX} 路视频源。")
    if find_spec("cv2") is None:
        raise BadInput(
            "--seen needs OpenCV, which is not installed: pip install 'fusioncmd[seeing]'.",
            "--seen 需要 OpenCV，尚未安装：pip install 'fusioncmd[seeing]'。",
        )
    return Seen(named)


def seen_line(seen: Seen) -> str:
    words = ", ".join(seen.sources) or say("all cameras that are pulled", "全部拉流摄像头")
    return say(f"  seen       {words} (smoke, fire)", f"  识别  {words}（烟雾、明火）")
