"""Voice as it comes from the link: letters in, frames for the bus out. Pure.

Each frame is as any gateway says it: a packet of 60 ms where it was made smaller. Bursts that came this way are known
for a while, so that what is said on this end's bus is not sent back.
"""

from __future__ import annotations

from collections.abc import Callable

from fusioncmd.voice.frames import VoiceFrame
from gateways.satellite.tags import Known, bad
from gateways.satellite.voice_letter import Who, frames_of, read

BURSTS_MAX = 64  # known at once; shed, the oldest
CAME_S = 10.0
GAP_MAX = 50  # packets: a longer gap is a pause, and not lost


class VoiceIn:
    """`carries`: a talkgroup that may come here."""

    def __init__(self, carries: Callable[[str], bool]) -> None:
        self._carries = carries
        self._known = Known[Who](BURSTS_MAX)
        self._came: dict[tuple[str, int], float] = {}  # when bursts were heard last
        self._ended: dict[tuple[str, int], float] = {}
        self._next: dict[tuple[str, int], int] = {}
        self.frames = self.lost = 0  # packets that came, and that did not

    @property
    def unknown(self) -> int:
        return self._known.unknown

    def hear(self, body: bytes, now_s: float) -> tuple[str, list[VoiceFrame]] | None:
        """The talkgroup, and what to say in it. Raises BadMessage."""
        letter = read(body)
        who = letter.who
        if who is not None:
            if not self._carries(who.group):
                raise bad()
            self._known.tell(letter.tag, who)
        else:
            who = self._known.find(letter.tag)
        if who is None:
            return None
        self._forget(now_s)
        self._came[who.key] = now_s
        if who.key in self._ended:  # overtaken by its end, or told of that again
            return None
        frames = frames_of(letter, who)
        self._count(who, letter.sequence, len(frames) - letter.last)
        if letter.last:
            self._ended[who.key] = now_s
        return who.group, frames

    def came(self, key: tuple[str, int], now_s: float) -> bool:
        """That burst comes from the link."""
        return now_s - self._came.get(key, -CAME_S) < CAME_S

    def _count(self, who: Who, sequence: int, packets: int) -> None:
        self.frames += packets
        missing = sequence - self._next.get(who.key, sequence)
        if 0 < missing <= GAP_MAX:
            self.lost += missing
        self._next[who.key] = max(self._next.get(who.key, 0), sequence + packets)

    def _forget(self, now_s: float) -> None:
        if len(self._came) >= BURSTS_MAX or any(now_s - s >= CAME_S for s in self._came.values()):
            newest = sorted(self._came.items(), key=lambda each: -each[1])[: BURSTS_MAX - 1]
            self._came = {key: s for key, s in newest if now_s - s < CAME_S}
            self._ended = {key: s for key, s in self._ended.items() if key in self._came}
            self._next = {key: n for key, n in self._next.items() if key in self._came}
