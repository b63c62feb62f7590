"""When the pictures and the sound of a source were taken, by the clock of this gateway. Pure.

A source's sender reports put its tracks on one clock, which is nobody's: how far it is from ours is taken from the
report that was quickest on its way, and followed as it drifts. Without reports, arrival is what there is.
"""

from __future__ import annotations

from fusioncmd.video.packet import ahead
from fusioncmd.video.rtcp import SenderReport, to_ms

_SET_MS = 1_000.0  # a clock that differs from itself by so much was set
_DRIFT = 1 / 64  # of what a report is slower than the quickest one


class SourceClock:
    """All times in ms of a clock of this gateway that nobody sets (`now_ms`)."""

    def __init__(self) -> None:
        self._offset_ms: float | None = None  # from the source's clock to ours
        self._lines: dict[int, tuple[int, float, bool]] = {}  # by track: a timestamp, when that was, whether reported

    def report(self, track: int, report: SenderReport, now_ms: float) -> None:
        if report.ntp == 0:  # it has no clock (RFC 3550, 6.4.1)
            return
        at_ms = to_ms(report.ntp)
        offset_ms = now_ms - at_ms
        if self._offset_ms is None or abs(offset_ms - self._offset_ms) > _SET_MS:
            self._offset_ms = offset_ms
        else:
            slower_ms = offset_ms - self._offset_ms
            self._offset_ms += slower_ms if slower_ms < 0 else slower_ms * _DRIFT
        self._lines[track] = (report.timestamp, at_ms + self._offset_ms, True)

    def came(self, track: int, rate: int, timestamp: int, now_ms: float) -> None:
        """Of a track without reports."""
        line = self._lines.get(track)
        if line is None:
            self._lines[track] = (timestamp, now_ms, False)
        elif not line[2]:
            slower_ms = now_ms - (line[1] + ahead(timestamp, line[0], 32) * 1_000 / rate)
            self._lines[track] = (timestamp, now_ms - max(0.0, slower_ms * (1 - _DRIFT)), False)

    def forget(self, track: int) -> None:
        """Its timestamps begin elsewhere."""
        self._lines.pop(track, None)

    def timestamp(self, track: int, rate: int, now_ms: float) -> int | None:
        """Which timestamp of the source is now; None where nothing is known yet."""
        if (line := self._lines.get(track)) is None:
            return None
        return (line[0] + round((now_ms - line[1]) * rate / 1_000)) & 0xFFFF_FFFF
