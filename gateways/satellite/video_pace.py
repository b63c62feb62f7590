"""What live video may take of a thin link: at most three fifths of it, less where what goes before needs it. Pure.

What waits to be sent says what is left: the classes above go first, so video waits where they take the link. Then no
frame is made until it is gone (frames are left out, never queued), and after it at a lower rate; the rate rises again
slowly.
"""

from __future__ import annotations

from typing import NamedTuple

SHARE = 0.6  # of the link, at most
FIRST = 0.4  # of it, at the beginning
BITS_MIN = 12_000  # a second, of all that is live; what affords less affords stills
BITS_MAX = 600_000
HELD_S, GOES_ON_S = 0.8, 0.25  # what waits would take so long: no further frame; from so little on, again
LOWER_S, HIGHER_S = 1.0, 2.0  # between changes
LOWER, HIGHER = 0.7, 1.1
STARVED_S = 10.0  # held for so long: stills instead,
AGAIN_S = 30.0  # for so long at least
UP_S = 5.0  # a larger picture is afforded for so long before it is taken


class Shape(NamedTuple):
    """A box for the picture, in pixels, and pictures a second."""

    width: int
    height: int
    frames_per_s: int


# From so many bits a second on; measured with libx264, baseline, a moving picture (ARCHITECTURE.md).
SHAPES = (
    (0, Shape(160, 90, 4)), (18_000, Shape(240, 136, 5)), (26_000, Shape(320, 180, 5)), (40_000, Shape(320, 180, 8)),
    (80_000, Shape(480, 270, 8)), (150_000, Shape(640, 360, 10)), (280_000, Shape(640, 360, 15)),
)  # fmt: skip
_MARGIN = 1.15  # a larger picture is taken from so much more on


class VideoPace:
    def __init__(self) -> None:
        self.bits_per_s = 0
        self.held = False
        self._held_since_s = 0.0
        self._changed_s = 0.0
        self._starved_s: float | None = None

    @property
    def affords(self) -> bool:
        """A live picture at all."""
        return self.bits_per_s >= BITS_MIN and self._starved_s is None

    def tick(self, rate_bps: int, waiting_bytes: int, live: int, now_s: float) -> None:
        """`waiting_bytes`: of live video; `live`: sources that are sent now."""
        most = min(BITS_MAX, int(rate_bps * SHARE))
        if self.bits_per_s == 0:
            self.bits_per_s = min(most, int(rate_bps * FIRST)) if most >= BITS_MIN else 0
            self._changed_s = now_s
        self.bits_per_s = min(self.bits_per_s, most)
        delay_s = waiting_bytes * 8 / max(self.bits_per_s, BITS_MIN)
        if not self.held and delay_s > HELD_S:
            self.held, self._held_since_s = True, now_s
            if now_s - self._changed_s >= LOWER_S:
                self._change(max(min(BITS_MIN, most), int(self.bits_per_s * LOWER)), now_s)
        elif self.held and delay_s < GOES_ON_S:
            self.held = False
            self._changed_s = now_s
        if self._starved_s is not None:
            if not self.held and now_s - self._starved_s >= AGAIN_S:
                self._starved_s = None
        elif self.held:
            self._starved_s = now_s if now_s - self._held_since_s > STARVED_S else None
        elif self.bits_per_s < most and now_s - self._changed_s >= HIGHER_S and (live or self.bits_per_s < BITS_MIN):
            self._change(min(most, max(int(self.bits_per_s * HIGHER), min(BITS_MIN, most))), now_s)

    def _change(self, bits_per_s: int, now_s: float) -> None:
        self.bits_per_s, self._changed_s = bits_per_s, now_s


class Shaping:
    """Which shape a source has: a smaller one at once, a larger one when it has been afforded for a while."""

    def __init__(self) -> None:
        self._at: int | None = None
        self._more_s: float | None = None

    def shape(self, bits_per_s: int, now_s: float) -> Shape:
        fits = max(i for i, (least, _) in enumerate(SHAPES) if bits_per_s >= least)
        if self._at is None or fits < self._at:
            self._at, self._more_s = fits, None
        elif fits > self._at and bits_per_s >= SHAPES[self._at + 1][0] * _MARGIN:
            if self._more_s is None:
                self._more_s = now_s
            elif now_s - self._more_s >= UP_S:
                self._at, self._more_s = self._at + 1, None
        else:
            self._more_s = None
        return SHAPES[self._at][1]
