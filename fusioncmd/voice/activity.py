"""Push by voice: when somebody speaks into a plain box that has no button for us, and what was said before. Pure.

A burst begins ONSET_MS after sound stands out of the noise, and ends HANG_MS after it does so no more. The delay line
keeps what was said meanwhile, and until the floor is granted: the first syllable goes out with the rest, so much later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import log10
from typing import Generic, TypeVar

from fusioncmd.voice.bounds import BEFORE_MS_MAX, HANG_MS

ABOVE_NOISE_DB = 12.0
LOUD_DB = -48.0  # below full scale: softer than this is nobody's voice
ONSET_MS = 40
LOOKBACK_MS = 200  # of sound before it was taken for a voice
NOISE_RISES_DB_PER_S = 3.0
SILENCE_DB = -96.0
T = TypeVar("T")


def level_db(samples: Iterable[int]) -> float:
    """Of 16-bit samples, against full scale (a square wave of full scale is 0)."""
    count = total = 0
    for sample in samples:
        total += sample * sample
        count += 1
    return SILENCE_DB if not total else max(SILENCE_DB, 10 * log10(total / count / (1 << 30)))


class VoiceActivity:
    def __init__(self) -> None:
        self.speaking = False
        self._noise_db = LOUD_DB - ABOVE_NOISE_DB
        self._loud_ms = 0.0  # when sound was loud last
        self._since_ms: float | None = None  # loud without a gap
        self._heard_ms: float | None = None

    def hear(self, db: float, now_ms: float) -> bool:
        """The level of a frame; whether somebody speaks."""
        passed_s = 0.0 if self._heard_ms is None else (now_ms - self._heard_ms) / 1_000
        self._heard_ms = now_ms
        loud = db > max(LOUD_DB, self._noise_db + ABOVE_NOISE_DB)
        rises = 0.0 if self.speaking else NOISE_RISES_DB_PER_S * passed_s  # a long speech is no noise
        self._noise_db = max(SILENCE_DB, min(db, self._noise_db + rises))
        if not loud:
            self._since_ms = None
            self.speaking = self.speaking and now_ms - self._loud_ms < HANG_MS
            return self.speaking
        self._loud_ms = now_ms
        self._since_ms = now_ms if self._since_ms is None else self._since_ms
        self.speaking = self.speaking or now_ms - self._since_ms >= ONSET_MS
        return self.speaking


class DelayLine(Generic[T]):
    """Frames in the order in which they were said, of so many milliseconds each."""

    def __init__(self) -> None:
        self._frames: deque[tuple[T, float]] = deque()
        self.kept_ms = 0.0
        self.shed = 0

    def push(self, frame: T, lasts_ms: float, keep_ms: float = BEFORE_MS_MAX) -> None:
        """What is older than `keep_ms` goes; that is no loss while nobody speaks."""
        self._frames.append((frame, lasts_ms))
        self.kept_ms += lasts_ms
        while self.kept_ms > keep_ms and len(self._frames) > 1:
            self.kept_ms -= self._frames.popleft()[1]
            self.shed += keep_ms >= BEFORE_MS_MAX

    def pull(self) -> T | None:
        """The oldest one."""
        if not self._frames:
            return None
        frame, lasts_ms = self._frames.popleft()
        self.kept_ms -= lasts_ms
        return frame

    def clear(self) -> None:
        self._frames.clear()
        self.kept_ms = 0.0
