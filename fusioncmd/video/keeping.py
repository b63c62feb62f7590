"""What the recorder does with a source, picture by picture: segments that follow each other, and what is missing. Pure.

A segment begins with a keyframe, and ends at the first one after `SEGMENT_MS`; where none comes, after
`SEGMENT_MS_MAX`, and the next goes on without. Whatever is not in a segment is said to be missing, and why.
"""

from __future__ import annotations

from typing import NamedTuple

from fusioncmd.video.keeping_bounds import (
    BACK_MS,
    HOLE_MS,
    PICTURE_MS_MAX,
    SEGMENT_BYTES_MAX,
    SEGMENT_MS,
    SEGMENT_MS_MAX,
    SLACK_MS,
    STATED_MS,
)
from fusioncmd.video.kept import Cause


class Begin(NamedTuple):
    at_ms: int
    key: bool


class Put(NamedTuple):
    """Of the segment that is open; `picture` False: sound."""

    picture: bool
    at_ms: float
    key: bool
    data: bytes


class End(NamedTuple):
    at_ms: int
    lost: int


class Gone(NamedTuple):
    """Missing from `begin_ms` until before `end_ms`."""

    begin_ms: int
    end_ms: int
    cause: Cause


Act = Begin | Put | End | Gone


class Keeping:
    """Of one source that is to be kept since `since_ms`. Times in ms since 1970."""

    def __init__(self, since_ms: int, cause: Cause = "silent") -> None:
        self.done_ms = since_ms  # up to here it is in a segment, or said to be missing
        self._cause: Cause = cause
        self._begin_ms: int | None = None
        self._last_ms = 0.0
        self._heard_ms = 0.0  # by the recorder's clock
        self._each_ms = 40.0  # how long the last picture lasted
        self._bytes = self._lost = 0
        self._shape: object = None
        self._goes_on = False  # what was kept last is of the same packets, so what is lost since is known

    @property
    def open(self) -> bool:
        return self._begin_ms is not None

    @property
    def wants_key(self) -> bool:
        """A new picture has to be asked for: nothing can be kept, or the segment is long enough."""
        return self._begin_ms is None or self._last_ms - self._begin_ms >= SEGMENT_MS

    def picture(self, at_ms: float, key: bool, data: bytes, lost: int, shape: object, now_ms: float) -> list[Act]:
        """`shape`: what makes a picture another kind, as far as it says so (of keyframes)."""
        acts: list[Act] = []
        self._heard_ms = now_ms
        if self._begin_ms is not None:
            step_ms = at_ms - self._last_ms
            if step_ms > HOLE_MS or step_ms < -BACK_MS:
                acts += self._close(self._end_ms, "clock" if step_ms < 0 or not lost else "gap")
            elif self._is_full(at_ms, key, shape):
                acts += self._close(round(at_ms), "gap")
                acts += self._open(at_ms, key, shape)
            else:
                self._each_ms = min(max(step_ms, 1.0), PICTURE_MS_MAX)
        if self._begin_ms is None:
            if lost and self._goes_on and self._cause == "silent":
                self._cause = "gap"  # it was not silent: it was not heard
            if not key:
                return [*acts, *self._wait(at_ms)]
            acts += self._open(at_ms, key, shape)
        self._last_ms = max(self._last_ms, at_ms)
        self._bytes += len(data)
        self._lost += lost
        acts.append(Put(True, at_ms, key, data))
        return acts

    def sound(self, at_ms: float, data: bytes, lost: int) -> list[Act]:
        if self._begin_ms is None or at_ms < self._begin_ms or at_ms > self._last_ms + HOLE_MS:
            return []
        self._bytes += len(data)
        self._lost += lost
        return [Put(False, at_ms, True, data)]

    def tick(self, now_ms: float) -> list[Act]:
        """Also without packets, at least each second."""
        if self._begin_ms is not None:
            return self._close(self._end_ms, "silent") if now_ms - self._heard_ms > HOLE_MS else []
        until_ms = round(now_ms) - SLACK_MS
        return self._missing(until_ms, self._cause) if until_ms - self.done_ms >= STATED_MS else []

    def end(self, now_ms: float) -> list[Act]:
        """It is not to be kept any more, or the recorder ends."""
        if self._begin_ms is not None:
            return self._close(self._end_ms, "silent")
        return self._missing(round(now_ms), self._cause)

    def resumed(self, now_ms: float) -> list[Act]:
        """From now on; until now it was missing for the cause that was given."""
        acts = self._missing(max(self.done_ms, round(now_ms)), self._cause)
        self._cause = "silent"
        return acts

    def begun_anew(self) -> None:
        """Its packets are others from now on, and tell nothing of those before."""
        self._goes_on = False

    def failed(self, kept_until_ms: int, cause: Cause) -> None:
        """The segment that was open could not be written any further than that."""
        self._begin_ms, self.done_ms, self._cause = None, kept_until_ms, cause

    def shed(self, now_ms: float) -> list[Act]:
        """Packets were shed on the way here: nothing is worth anything before the next keyframe."""
        acts = self._close(self._end_ms, "behind") if self._begin_ms is not None else []
        self._cause, self._heard_ms = "behind", now_ms
        return acts

    @property
    def _end_ms(self) -> int:
        return round(self._last_ms + self._each_ms)

    def _is_full(self, at_ms: float, key: bool, shape: object) -> bool:
        assert self._begin_ms is not None
        lasts_ms = at_ms - self._begin_ms
        full = lasts_ms >= SEGMENT_MS or self._bytes >= SEGMENT_BYTES_MAX or shape != self._shape
        return lasts_ms >= 1 and ((key and full) or lasts_ms >= SEGMENT_MS_MAX or self._bytes >= 2 * SEGMENT_BYTES_MAX)

    def _open(self, at_ms: float, key: bool, shape: object) -> list[Act]:
        begin_ms = round(at_ms)
        acts = self._missing(begin_ms, self._cause)
        self._begin_ms, self._last_ms, self._shape = begin_ms, at_ms, shape if key else self._shape
        self._bytes = self._lost = 0
        self._goes_on = True
        return [*acts, Begin(begin_ms, key)]

    def _close(self, at_ms: int, cause: Cause) -> list[Act]:
        assert self._begin_ms is not None
        end_ms = max(at_ms, self._begin_ms + 1)
        self._begin_ms, self.done_ms, self._cause = None, end_ms, cause
        return [End(end_ms, self._lost)]

    def _wait(self, at_ms: float) -> list[Act]:
        """Pictures come, and none that one can begin with."""
        if self._cause in ("keyframe", "room", "behind"):
            return []
        acts = self._missing(round(at_ms), self._cause)
        self._cause = "keyframe"
        return acts

    def _missing(self, until_ms: int, cause: Cause) -> list[Act]:
        """A clock that was set back makes some moments twice, none missing."""
        begin_ms, self.done_ms = self.done_ms, until_ms
        return [Gone(begin_ms, until_ms, cause)] if until_ms > begin_ms else []
