"""Voice on its way to the link: frames of the bus in, letters out. No socket and no clock.

Below THIN_BPS a burst is made smaller; below PAIRED_BPS two packets of 60 ms share a letter, for there the headers of
QUIC and IP cost as much as the sound: 15 kbit/s in place of 20, and 60 ms later. Above, frames are passed on as they
are, 60 ms to a letter. What a burst is carried as is decided when it begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fusioncmd.voice.frames import PER_MS, VoiceFrame, opus_samples
from gateways.satellite.voice_letter import Packet, Who, tag_of_who, who_of, write
from gateways.satellite.voice_thinned import THIN_MS, THIN_SAMPLES, Thinned, is_thin

PAIRED_BPS, THIN_BPS = 128_000, 256_000
# What a burst takes of the link, with QUIC and IP; and of the link, what all of them may take together.
PAIRED_COST_BPS, THIN_COST_BPS, PLAIN_COST_BPS = 17_000, 21_000, 44_000
VOICE_SHARE = 0.75
BURSTS_MAX = 8  # at once; beyond what these say a burst of lower priority is shed, or the one that comes
PLAIN_BYTES_MAX = 300  # of a packet that is passed on as it is; a longer one has its burst made smaller
LETTER_BYTES = 600  # a letter that has so many is said
WHOLE_FIRST, WHOLE_S = 3, 1.5  # letters of a burst that say whose it is, and after how long another one does
LAST_AGAIN_S = 0.15
SILENT_S = 2.0  # a burst of which nothing more comes is over


@dataclass(slots=True)
class _Burst:
    who: Who
    tag: bytes
    together: int  # samples in a letter
    thinned: Thinned | None
    cost_bps: int
    heard_s: float
    told: int = 0
    told_s: float = 0.0
    waiting: list[Packet] = field(default_factory=list)
    next: int = 0  # sequence
    ends: int = 0  # timestamp


class VoiceOut:
    def __init__(self, rate_bps: Callable[[], int]) -> None:
        self._rate_bps = rate_bps
        self._bursts: dict[tuple[str, str, int], _Burst] = {}
        self._again: list[tuple[float, bytes]] = []  # last words, and when they are said again
        self._ended: dict[tuple[str, str, int], float] = {}
        self.shed = self.bad = 0  # frames, for want of room; and that no decoder takes

    @property
    def bursts(self) -> int:
        return len(self._bursts)

    def hear(self, group: str, frame: VoiceFrame, now_s: float) -> list[bytes]:
        """Raises BadMessage."""
        key = (group, *frame.key)
        burst = self._bursts.get(key)
        if burst is None:
            if frame.last or key in self._ended:
                return []
            burst = self._begin(key, frame, now_s)
            if burst is None:
                self.shed += 1
                return []
        burst.heard_s = now_s
        if frame.last:
            return self._end(key, burst, now_s)
        packets = self._packets(group, burst, frame)
        out: list[bytes] = []
        for packet in packets:
            if burst.waiting and packet.sequence != burst.waiting[-1].sequence + 1:
                out.append(self._letter(burst, now_s))
            burst.waiting.append(packet)
            burst.next, burst.ends = max(burst.next, packet.sequence + 1), packet.timestamp + burst.who.samples
            bytes_now = sum(len(each.opus) for each in burst.waiting)
            if len(burst.waiting) * burst.who.samples >= burst.together or bytes_now >= LETTER_BYTES:
                out.append(self._letter(burst, now_s))
        return out

    def due(self, now_s: float) -> list[bytes]:
        out = [letter for due_s, letter in self._again if due_s <= now_s]
        self._again = [(due_s, letter) for due_s, letter in self._again if due_s > now_s]
        for key, burst in list(self._bursts.items()):
            if now_s - burst.heard_s >= SILENT_S:  # it ended without a word: listeners know by its silence
                out += self._rest(burst, now_s)
                self._forget(key, now_s)
        return out

    def clear(self) -> None:
        """The link is not there."""
        self._bursts.clear()
        self._again.clear()

    def _begin(self, key: tuple[str, str, int], frame: VoiceFrame, now_s: float) -> _Burst | None:
        rate_bps, lasts = self._rate_bps(), opus_samples(frame.opus)
        plain = rate_bps >= THIN_BPS and len(frame.opus) <= PLAIN_BYTES_MAX
        cost = PLAIN_COST_BPS if plain else PAIRED_COST_BPS if rate_bps < PAIRED_BPS else THIN_COST_BPS
        if not self._room(cost, rate_bps, frame.priority):
            return None
        if plain or is_thin(frame.opus):
            who = who_of(key[0], frame, lasts, frame.timestamp - frame.sequence * lasts)
            thinned = None
        else:
            who, thinned = who_of(key[0], frame, THIN_SAMPLES, frame.timestamp), Thinned()
        together = (2 if cost == PAIRED_COST_BPS else 1) * THIN_MS * PER_MS
        burst = self._bursts[key] = _Burst(who, tag_of_who(who), together, thinned, cost, now_s)
        return burst

    def _room(self, cost_bps: int, rate_bps: int, priority: int) -> bool:
        """At least one burst is carried, however thin the link."""
        while self._bursts:
            taken = sum(burst.cost_bps for burst in self._bursts.values())
            if len(self._bursts) < BURSTS_MAX and taken + cost_bps <= VOICE_SHARE * rate_bps:
                break
            key, least = min(self._bursts.items(), key=lambda each: each[1].who.priority)
            if least.who.priority >= priority:
                return False
            self.shed += 1
            del self._bursts[key]
        return True

    def _packets(self, group: str, burst: _Burst, frame: VoiceFrame) -> list[Packet]:
        if _changed(burst.who, frame):
            self._name(burst, who_of(group, frame, burst.who.samples, burst.who.base))
        if burst.thinned is None:
            if (burst.cost_bps == PLAIN_COST_BPS and len(frame.opus) <= PLAIN_BYTES_MAX) or is_thin(frame.opus):
                return [Packet(frame.sequence, frame.timestamp, frame.opus)]
            burst.thinned = Thinned(burst.next)
            base = frame.timestamp - burst.next * THIN_SAMPLES
            self._name(burst, who_of(group, frame, THIN_SAMPLES, base))
        before = burst.thinned.bad
        packets = burst.thinned.put(frame)
        self.bad += burst.thinned.bad - before
        return packets

    def _name(self, burst: _Burst, who: Who) -> None:
        """What waits goes under the new name: it is of the same burst."""
        burst.who, burst.tag, burst.told = who, tag_of_who(who), 0

    def _end(self, key: tuple[str, str, int], burst: _Burst, now_s: float) -> list[bytes]:
        if burst.thinned is not None:
            burst.waiting += burst.thinned.end()
        rest = burst.waiting
        if rest:
            burst.next, burst.ends = rest[-1].sequence + 1, rest[-1].timestamp + burst.who.samples
        last = Packet(burst.next, burst.ends, b"")
        self._forget(key, now_s)
        self._again.append((now_s + LAST_AGAIN_S, write(burst.who, burst.tag, [last], False, True)))
        return [write(burst.who, burst.tag, [*rest, last], burst.told < WHOLE_FIRST, True)]

    def _rest(self, burst: _Burst, now_s: float) -> list[bytes]:
        if burst.thinned is not None:
            burst.waiting += burst.thinned.end()
        return [self._letter(burst, now_s)] if burst.waiting else []

    def _forget(self, key: tuple[str, str, int], now_s: float) -> None:
        del self._bursts[key]
        self._ended = {other: s for other, s in self._ended.items() if now_s - s < SILENT_S}
        self._ended[key] = now_s

    def _letter(self, burst: _Burst, now_s: float) -> bytes:
        whole = burst.told < WHOLE_FIRST or now_s - burst.told_s >= WHOLE_S
        if whole:
            burst.told, burst.told_s = burst.told + 1, now_s
        packets, burst.waiting = burst.waiting, []
        return write(burst.who, burst.tag, packets, whole, False)


def _changed(who: Who, frame: VoiceFrame) -> bool:
    return (who.granted, who.priority, who.order) != (frame.granted, frame.priority, frame.order)
