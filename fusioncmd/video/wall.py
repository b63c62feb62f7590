"""When a picture or sound was taken, in wall-clock time, by a source's sender reports. Pure.

Reports say which timestamp was when by the clock of the publishing gateway (RFC 3550, 6.4.1). A clock that is far from
the recorder's own is not believed: it still ties the tracks of a source to each other, but the time is the recorder's.
"""

from __future__ import annotations

from fusioncmd.voice.rtp import ahead

FAR_MS = 10_000.0  # from the recorder's clock; further off, that one's time is taken


class Wall:
    """All times in ms since 1970; `now_ms` by the recorder's clock, which does not jump."""

    def __init__(self) -> None:
        self._lines: dict[int, tuple[int, float]] = {}  # by SSRC: a timestamp, and when that was
        self._fix_ms = 0.0
        self.off_ms = 0  # how far the source's clock is ahead, where it is not believed

    def report(self, ssrc: int, timestamp: int, at_ms: float, now_ms: float) -> None:
        """A sender report came, which says that `timestamp` was at `at_ms`."""
        off_ms = at_ms - now_ms
        if abs(off_ms) <= FAR_MS:
            self._fix_ms, self.off_ms = 0.0, 0
        elif abs(off_ms + self._fix_ms) > FAR_MS:
            self._fix_ms, self.off_ms = -off_ms, round(off_ms)
        self._lines[ssrc] = (timestamp, at_ms + self._fix_ms)

    def at(self, ssrc: int, rate: int, timestamp: int, now_ms: float) -> float:
        """When `timestamp` (32 bits, or counted on) was. Before the first report: as it came."""
        found = self._lines.get(ssrc)
        if found is not None:
            at_ms = found[1] + ahead(timestamp & 0xFFFF_FFFF, found[0], 32) * 1_000 / rate
            if abs(at_ms - now_ms) <= FAR_MS:
                return at_ms
        self._lines[ssrc] = (timestamp & 0xFFFF_FFFF, now_ms)
        return now_ms

    def forget(self) -> None:
        """The source began anew."""
        self._lines.clear()
