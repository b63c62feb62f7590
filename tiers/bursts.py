"""Bursts as a node hears them, put together from their frames until they end. Pure.

A frame that came late is put in its place; what never came is a packet without content, and time in which the speaker
sent nothing is as long in the recording as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fusioncmd.errors import BadMessage
from fusioncmd.voice.bounds import BURST_S_MAX, RECORDING_MAX
from fusioncmd.voice.frames import CLOCK_HZ, PER_MS, VoiceFrame, opus_samples, silence_like
from fusioncmd.voice.recorded import Recorded, id_of

ENDED_MS = 2_000  # a burst of which nothing more comes is over
SAMPLES_MAX = BURST_S_MAX * CLOCK_HZ


@dataclass(slots=True)
class _Burst:
    place: str
    group: str
    first: VoiceFrame
    at_ms: int
    heard_ms: int
    packets: dict[int, tuple[int, bytes]] = field(default_factory=dict)  # by sequence: timestamp, packet


@dataclass(frozen=True, slots=True)
class Ended:
    recorded: Recorded
    packets: list[bytes]


class Bursts:
    def __init__(self) -> None:
        self._bursts: dict[tuple[str, str, str, int], _Burst] = {}
        self.shed = 0  # bursts beyond the bound

    def hear(self, place: str, group: str, frame: VoiceFrame, now_ms: int) -> list[Ended]:
        key = (place, group, *frame.key)
        burst = self._bursts.get(key)
        if burst is None:
            if frame.last:
                return []
            if len(self._bursts) >= RECORDING_MAX:
                self.shed += 1
                return []
            burst = self._bursts[key] = _Burst(place, group, frame, now_ms, now_ms)
        burst.heard_ms = now_ms
        if not frame.last:
            burst.packets[frame.sequence] = frame.timestamp, frame.opus
        if frame.last or abs(frame.timestamp - burst.first.timestamp) >= SAMPLES_MAX:
            return [_ended(self._bursts.pop(key))]
        return []

    def over(self, now_ms: int, all_of_them: bool = False) -> list[Ended]:
        """Those that ended without a word."""
        keys = [key for key, one in self._bursts.items() if all_of_them or now_ms - one.heard_ms >= ENDED_MS]
        return [_ended(self._bursts.pop(key)) for key in keys]


def _ended(burst: _Burst) -> Ended:
    packets: list[bytes] = []
    lost = samples = after = 0
    due: int | None = None  # the timestamp that would follow
    for sequence in sorted(burst.packets):
        timestamp, packet = burst.packets[sequence]
        try:
            lasts = opus_samples(packet)
        except BadMessage:
            lost += 1
            continue
        if due is not None and timestamp > due:
            missing = min(timestamp - due, SAMPLES_MAX - samples) // lasts
            lost += min(missing, sequence - after)
            packets += [silence_like(packet)] * missing
            samples += missing * lasts
        packets.append(packet)
        samples += lasts
        due, after = timestamp + lasts, sequence + 1
    first, name = burst.first, f"{burst.place}.{burst.group}/{burst.first.gateway}/{burst.first.burst}"
    recorded = Recorded(
        id_of(burst.at_ms, name), burst.at_ms, samples // PER_MS, burst.place, burst.group, first.speaker.number,
        first.speaker.node, first.speaker.name, first.gateway, first.granted, first.priority, len(burst.packets), lost,
    )  # fmt: skip
    return Ended(recorded, packets)
