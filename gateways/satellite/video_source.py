"""One source of a kit as its link has it: what was said of it, what is wanted of it, and what is being made. Pure."""

from __future__ import annotations

from fusioncmd.codes import Path
from fusioncmd.video.source import Source
from gateways.satellite.video_pace import Shaping
from gateways.satellite.video_words import Do, MadeStill, Wanted

DO_S = 1.0  # the encoder is told again so often what is to be done
WANT_LIVES_S = 35.0  # what the hub did not say again: nobody wants it any more
SMALL_WIDTH = 320  # of a still that goes at once; a larger one waits for an idle link


class KitSource:
    """`path`: whose it is; `handle`: its number on the link."""

    def __init__(self, handle: int, path: Path, source: Source) -> None:
        self.handle, self.path, self.source = handle, path, source
        self.heard_s = 0.0
        self.listed = b""  # as it was said last; empty: not yet
        self._listed_s = 0.0
        self._want: Wanted | None = None
        self._want_s = self.wanted_since_s = 0.0
        self.live = False
        self._keyframe = self._number = 0  # asked for so far; of the next frame
        self._broken = True  # until a keyframe comes
        self._shaping = Shaping()
        self._still = 0  # the number of the last still that was ordered
        self.ordered = False
        self.ordered_s, self._still_made_s = -1e9, -1e9
        self._once = False  # a still is wanted at once, whenever the last one was
        self.large: tuple[MadeStill, float] | None = None  # and when it was seen
        self._done: Do | None = None
        self._done_s = 0.0

    def is_stale(self, said: Source) -> bool:
        """Of a session that a later one has followed."""
        if (said.gateway, said.since_ms) == (self.source.gateway, self.source.since_ms):
            return False
        return said.over or said.since_ms < self.source.since_ms

    def become(self, said: Source, now_s: float) -> None:
        self.source, self.heard_s = said, now_s

    # --- the list

    def unlisted(self) -> None:
        """The link is another one: nothing that was said over it is known."""
        self.listed, self._want, self.ordered, self.large = b"", None, False, None

    def is_news(self, data: bytes, now_s: float, every_s: float, again_s: float) -> bool:
        since_s = now_s - self._listed_s
        if self.listed and (since_s < every_s or (data == self.listed and since_s < again_s)):
            return False
        self.listed, self._listed_s = data, now_s
        return True

    # --- what is wanted

    def wanted(self, said: Wanted, now_s: float) -> None:
        was = self._want
        if said.live and not self.wants_live(now_s):
            self.wanted_since_s = now_s
        if said.still_s and (was is None or not was.still_s):
            self._once = True
        if said.keyframe:
            self._keyframe += 1
        self._want, self._want_s = said, now_s

    def wants_live(self, now_s: float) -> bool:
        return self._want is not None and self._want.live and now_s - self._want_s <= WANT_LIVES_S

    def still_due(self, now_s: float, least_s: float) -> bool:
        want = self._want
        if want is None or not want.still_s or now_s - self._want_s > WANT_LIVES_S or self.ordered:
            return False
        since_s = now_s - max(self._still_made_s, self.ordered_s)
        return since_s >= (least_s if self._once else max(least_s, want.still_s))

    def order(self, now_s: float) -> None:
        self._still += 1
        self.ordered, self.ordered_s, self._once = True, now_s, False

    # --- what is made

    def do(self, bits_per_s: int, live: bool, now_s: float) -> Do | None:
        """What to say to the encoder now; None: nothing. `bits_per_s`: 0 where no frame may be made now."""
        if live and not self.live:
            self._keyframe, self._broken = self._keyframe + 1, True
        self.live = live
        track = next((each for each in self.source.tracks if each.codec != "opus"), None)
        if track is None or track.codec == "opus" or not (live or self.ordered):
            self._done = None
            return None
        width, height, frames = self._shaping.shape(bits_per_s, now_s) if bits_per_s else (320, 180, 5)
        if not bits_per_s and self._done is not None:
            width, height, frames = self._done.width, self._done.height, self._done.frames_per_s
        still = self._still if self.ordered else 0
        made = Do(track.codec, track.ssrc, bits_per_s, frames, width, height, self._keyframe, still)
        was = self._done
        if was is not None and now_s - self._done_s < DO_S and not _urgent(was, made):
            return None
        self._done, self._done_s = made, now_s
        return made

    def numbered(self, key: bool) -> int | None:
        """The number of a frame that goes; None for one that cannot be shown."""
        if not self.live or (self._broken and not key):
            return None
        self._broken = False
        self._number = (self._number + 1) & 0xFFFF
        return self._number

    def take_still(self, made: MadeStill, now_s: float) -> bool:
        """Whether it goes at once."""
        if made.number != self._still:
            return False
        if made.width > SMALL_WIDTH or made.height > SMALL_WIDTH:
            self.large = (made, now_s)
            return False
        self.ordered, self._still_made_s = False, now_s
        return True


def _urgent(was: Do, now: Do) -> bool:
    """Not only another rate that is about the same."""
    same = (was.codec, was.ssrc, was.width, was.height, was.frames_per_s, was.keyframe, was.still)
    if same != (now.codec, now.ssrc, now.width, now.height, now.frames_per_s, now.keyframe, now.still):
        return True
    return (was.bits_per_s == 0) != (now.bits_per_s == 0) or now.bits_per_s < was.bits_per_s
