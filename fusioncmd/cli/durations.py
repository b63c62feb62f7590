"""Lengths of time as people write and read them. Pure: text in, seconds out, and back."""

from __future__ import annotations

import re

from fusioncmd.errors import BadInput
from fusioncmd.words import say

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "秒": 1, "分": 60, "分钟": 60, "小时": 3600, "天": 86_400}
_DAYS_FROM_S = 48 * 3600


def seconds(text: str) -> int:
    """`90s`, `10m`, `2h`, `1d`, or a plain number of seconds; at least one second."""
    found = re.fullmatch(r"\s*(\d{1,9})\s*(\D*?)\s*", text)
    unit = (found[2] or "s").lower() if found else ""
    if found is None or unit not in _UNITS or int(found[1]) == 0:
        raise BadInput(
            f"{text[:40]!r} is not a length of time; write 90s, 10m, 2h or 1d.",
            f"“{text[:40]}”不是时长，应写作 90s、10m、2h 或 1d。",
        )
    return int(found[1]) * _UNITS[unit]


def within(text: str, name: str, seconds_max: int) -> int:
    """As `seconds`, for the option `name`, and at most `seconds_max`."""
    given = seconds(text)
    if given > seconds_max:
        raise BadInput(
            f"{name} may be {seconds_max // 86_400} days at most.", f"{name} 最长为 {seconds_max // 86_400} 天。"
        )
    return given


def clock(total_s: int) -> str:
    """`3:07`, `2:03:07`, and from two days on `2d 3h`."""
    hours, rest = divmod(total_s, 3600)
    if total_s >= _DAYS_FROM_S:
        return say(f"{hours // 24}d {hours % 24}h", f"{hours // 24}天{hours % 24}小时")
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
