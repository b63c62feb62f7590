"""What is believed of a position that comes in: its time, and that the unit could be there. Pure; time is given.

A wrong clock costs a unit its time and not its place. A jump costs the fix; three that agree with each other make a
new place, so that one wrong fix at the beginning does not shut the unit out.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import structs

from fusioncmd.errors import BadInput
from fusioncmd.track.bounds import (
    AHEAD_MS_MAX,
    BEHIND_MS_MAX,
    FAST_M_S,
    JUMP_M,
    JUMPS_BELIEVED,
    NULL_DEG,
)
from fusioncmd.track.position import Track, metres, place


class Doubt(NamedTuple):
    """The last fix that was a jump, and how many in a row agreed with each other."""

    track: Track
    times: int


class OldPosition(BadInput):
    """Older than what is known: it came late, or twice."""


class Jump(BadInput):
    """Refused; `doubt` is to be remembered for the next one."""

    def __init__(self, en: str, zh: str, doubt: Doubt) -> None:
        super().__init__(en, zh)
        self.doubt = doubt


def timed(track: Track, now_ms: int) -> Track:
    """With a time that can be believed: where the unit's clock is off, it is now, and marked."""
    if -BEHIND_MS_MAX <= track.at_ms - now_ms <= AHEAD_MS_MAX:
        return track
    return structs.replace(track, at_ms=now_ms, mark="clock")


def judged(track: Track, before: Track | None, doubt: Doubt | None, now_ms: int, jumps: bool = True) -> Track:
    """The position as it is believed; BadInput with the sentence why it is not, `Jump` and `OldPosition` of its kinds.
    `before`: the unit's last one; `doubt`: what the last `Jump` gave. Not `jumps`: who passed it on looked for them."""
    if abs(track.lat_e7) < NULL_DEG * 1e7 and abs(track.lon_e7) < NULL_DEG * 1e7:
        raise BadInput("At 0° 0′ is a receiver without a fix.", "0° 0′ 表示接收机尚未定位。")
    track = timed(track, now_ms)
    if before is None:
        return track
    if track.at_ms < before.at_ms or (track.at_ms == before.at_ms and track.over == before.over):
        raise OldPosition("A newer position of this unit is known.", "已有该单位更新的位置。")
    if not jumps or track.source == "manual" or before.source != track.source or _reachable(before, track):
        return track
    times = 1 + (doubt.times if doubt is not None and _reachable(doubt.track, track) else 0)
    if times >= JUMPS_BELIEVED:
        return track
    far_km = metres(place(before), place(track)) / 1_000
    raise Jump(
        f"{far_km:.1f} km in {(track.at_ms - before.at_ms) / 1_000:.1f} s is faster than sound.",
        f"{(track.at_ms - before.at_ms) / 1_000:.1f} 秒移动 {far_km:.1f} 公里，超过音速。",
        Doubt(track, times),
    )


def _reachable(a: Track, b: Track) -> bool:
    may_be_off = JUMP_M + (a.accuracy_m or 0) + (b.accuracy_m or 0)
    return metres(place(a), place(b)) <= may_be_off + FAST_M_S * abs(b.at_ms - a.at_ms) / 1_000
