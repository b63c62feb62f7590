"""Which burst listeners of a talkgroup hear, where two are on the bus: after a cut, for up to five seconds. Pure."""

from __future__ import annotations

from fusioncmd.voice.bounds import SILENT_MS, STALE_MS
from fusioncmd.voice.frames import PER_MS, VoiceFrame


class Listening:
    """One burst at a time: until it ends or falls silent, or one comes that was granted by the node followed here while
    this one was not."""

    def __init__(self) -> None:
        self.now: VoiceFrame | None = None  # of the burst that is heard, the last frame
        self.aside = 0  # frames of others
        self.stale = 0  # frames that a link held back, and let go all at once
        self._fastest_ms = 0  # from what the burst's time says to when it came
        self._heard_ms = 0
        self._ended: tuple[str, int] | None = None

    def hear(self, frame: VoiceFrame, follows: str | None, now_ms: int) -> bool:
        """Whether it is played."""
        playing = self.now
        if frame.key == self._ended:
            return False  # overtaken by its last one
        if playing is not None and playing.key != frame.key and now_ms - self._heard_ms < SILENT_MS:
            better = frame.granted == follows and playing.granted != follows
            if not better and frame.priority <= playing.priority:
                self.aside += 1
                return False
        transit_ms = now_ms - frame.timestamp // PER_MS
        if playing is None or playing.key != frame.key:
            self._fastest_ms = transit_ms
        self._fastest_ms = min(self._fastest_ms, transit_ms)
        if transit_ms - self._fastest_ms > STALE_MS and not frame.last:
            self.stale += 1
            return False
        self._heard_ms = now_ms
        self.now = None if frame.last else frame
        self._ended = frame.key if frame.last else self._ended
        return True

    def silent(self, now_ms: int) -> bool:
        """The burst that was heard has fallen silent without a word."""
        if self.now is None or now_ms - self._heard_ms < SILENT_MS:
            return False
        self.now = None
        return True
