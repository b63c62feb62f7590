"""Frames in their order again: one that comes late is waited for, and after one that is lost, a keyframe. Pure."""

from __future__ import annotations

from gateways.satellite.video_words import Frame

LATE_S = 1.5  # a frame that was lost on the way is said again within it; then it is not waited for
HELD_MAX = 32  # frames that wait for an earlier one


class InOrder:
    """Of one source."""

    def __init__(self) -> None:
        self._next: int | None = None  # None: whatever keyframe comes
        self._held: dict[int, tuple[Frame, float]] = {}
        self.broken = 0  # frames that could not be shown

    @property
    def wants_key(self) -> bool:
        return self._next is None

    def begin_anew(self) -> None:
        self._next = None
        self._held.clear()

    def put(self, frame: Frame, now_s: float) -> list[Frame]:
        """What can be shown now."""
        if self._next is None:
            if not frame.key:
                self.broken += 1
                return []
            self._next = frame.number
        ahead = (frame.number - self._next) & 0xFFFF
        if ahead >= 0x8000:
            return []  # too late, or a second time
        self._held[frame.number] = (frame, now_s)
        return self.tick(now_s)

    def tick(self, now_s: float) -> list[Frame]:
        out: list[Frame] = []
        while self._held and self._next is not None:
            if self._next in self._held:
                out.append(self._held.pop(self._next)[0])
                self._next = (self._next + 1) & 0xFFFF
                continue
            oldest_s = min(at_s for _, at_s in self._held.values())
            if now_s - oldest_s < LATE_S and len(self._held) <= HELD_MAX:
                break
            self._skip(self._next)
        return out

    def _skip(self, after: int) -> None:
        """To the first keyframe that is here, or to whichever comes."""
        order = sorted(self._held, key=lambda number: (number - after) & 0xFFFF)
        first = next((number for number in order if self._held[number][0].key), None)
        for number in order:
            if number == first:
                break
            del self._held[number]
            self.broken += 1
        self._next = first
