"""A source as a gateway has it that watches: read once, and kept a little for its viewers. Pure.

Each track keeps what came last, to be sent again to a viewer that lost it, and a picture all since its last keyframe: a
viewer that comes late begins with that at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from fusioncmd.errors import BadMessage
from fusioncmd.video import rtcp
from fusioncmd.video.bounds import KEYFRAME_S
from fusioncmd.video.bundle import is_rtcp
from fusioncmd.video.codecs import BEGINS_KEYFRAME
from fusioncmd.video.packet import HEADER, HEADER_BYTES, PLAIN
from fusioncmd.video.source import Track
from gateways.video.media_bounds import (
    HISTORY_MS,
    HISTORY_PACKETS,
    OPENING_BYTES_MAX,
    OPENING_MS_MAX,
    OPENING_PACKETS_MAX,
    REPORT_MS,
    STALE_PACKETS,
)

Entry = tuple[int, int, int, bytes]  # sequence number counted on, marker bit, timestamp, payload
_NEVER = -(1 << 60)
_MASK = HISTORY_PACKETS - 1


class Flow:
    """One track of a source, under one SSRC."""

    def __init__(self, track: Track) -> None:
        self.track = track
        self.picture = track.codec != "opus"
        self.highest = 0  # sequence number, counted on
        self.stamp = 0  # timestamp of the last packet in order
        self.opening: list[Entry] | None = (
            None  # as they came since the last keyframe; None: there is none, or too much
        )
        self.report: tuple[int, int] | None = None  # NTP and timestamp of the same moment
        self.packets = self.octets = 0
        self.doubled = 0
        self.bits_per_s = 0
        self._begins = BEGINS_KEYFRAME[track.codec]
        self._history: list[Entry | None] = [None] * HISTORY_PACKETS
        self._times = [0.0] * HISTORY_PACKETS
        self._key_stamp = -1
        self._opening_octets = 0
        self.keyframe_ms = float(_NEVER)  # when the last one began
        self._rated_ms = 0.0
        self._rated_octets = 0
        self._stale = 0

    @property
    def stale(self) -> bool:
        """Nothing of it is new any more: it has begun anew under the same SSRC."""
        return self._stale > STALE_PACKETS

    @property
    def whole(self) -> bool:
        """Whether the opening has no hole."""
        opening = self.opening
        return opening is not None and len(opening) == self.highest - opening[0][0] + 1

    def put(self, data: bytes, now_ms: float) -> Entry | None:
        """A packet of it, in the form of the bus; None for one that is there, or too old."""
        _, second, short, stamp, _ = HEADER.unpack_from(data)
        if self.packets == 0:
            self.highest = short + 0xFFFF
        step = ((short - self.highest + 0x8000) & 0xFFFF) - 0x8000
        sequence = self.highest + step
        at = sequence & _MASK
        known = self._history[at]
        self._stale = 0 if step > 0 else self._stale + 1
        if step <= -HISTORY_PACKETS or (known is not None and known[0] >= sequence):
            self.doubled += 1
            return None
        entry = (sequence, second & 0x80, stamp, data[HEADER_BYTES:])
        self._history[at], self._times[at] = entry, now_ms
        self.packets += 1
        self.octets += len(data)
        if step > 0:
            self.highest, self.stamp = sequence, stamp
        if self.picture:
            self._open(entry, data, step > 0, now_ms)
        if now_ms - self._rated_ms >= REPORT_MS:
            passed_ms = now_ms - self._rated_ms
            self.bits_per_s = int((self.octets - self._rated_octets) * 8_000 / passed_ms) if self._rated_ms else 0
            self._rated_ms, self._rated_octets = now_ms, self.octets
        return entry

    def _open(self, entry: Entry, data: bytes, ahead: bool, now_ms: float) -> None:
        opening = self.opening
        if entry[2] != self._key_stamp and self._begins(data, HEADER_BYTES, len(data)):
            self._key_stamp, self.keyframe_ms = entry[2], now_ms
            after = [] if ahead or opening is None else [one for one in opening if one[0] > entry[0]]
            self.opening = [entry, *after]
            self._opening_octets = sum(len(one[3]) for one in self.opening)
        elif opening is not None:
            opening.append(entry)
            self._opening_octets += len(entry[3])
            if (
                len(opening) > OPENING_PACKETS_MAX
                or self._opening_octets > OPENING_BYTES_MAX
                or now_ms - self.keyframe_ms > OPENING_MS_MAX
            ):
                self.opening = None

    def again(self, sequence: int, now_ms: float) -> Entry | None:
        """A packet that came in the last `HISTORY_MS`."""
        at = sequence & _MASK
        entry = self._history[at]
        if entry is None or entry[0] != sequence or now_ms - self._times[at] > HISTORY_MS:
            return None
        return entry


class Batch:
    """Packets of one track that came together. `straight`: each is further on than all before."""

    __slots__ = ("at_ms", "entries", "flow", "highest", "octets", "stamp", "straight")

    def __init__(self, flow: Flow, at_ms: float) -> None:
        self.flow, self.at_ms = flow, at_ms
        self.entries: list[Entry] = []
        self.octets = 0  # of payload
        self.straight = True
        self.highest = self.stamp = 0


class Stream:
    """`tracks`: as the source says what it is."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self.refused = 0  # packets that are none, or of no track
        self.flows: dict[int, Flow] = {}
        self._wanted_ms: float | None = None
        self._asked_ms = float(_NEVER)
        self.become(tracks)

    def become(self, tracks: Sequence[Track]) -> None:
        """The source says so now. A track with another SSRC begins anew; viewers go on with it where they are."""
        self.flows = {track.ssrc: self._flow(track) for track in tracks}
        self._sort()

    def _flow(self, track: Track) -> Flow:
        known = self.flows.get(track.ssrc)
        return known if known is not None and known.track == track else Flow(track)

    def _sort(self) -> None:
        self.picture = next((flow for flow in self.flows.values() if flow.picture), None)
        self.sound = next((flow for flow in self.flows.values() if not flow.picture), None)

    def want(self, now_ms: float) -> None:
        """A viewer needs a keyframe, a later one than came so far."""
        if self._wanted_ms is None:
            self._wanted_ms = now_ms

    def due(self, now_ms: float) -> bool:
        """Whether to ask the source for it now: at most each `KEYFRAME_S`, until it comes."""
        flow = self.picture
        if flow is None or (self._wanted_ms is not None and flow.keyframe_ms >= self._wanted_ms):
            self._wanted_ms = None
        if self._wanted_ms is None or now_ms - self._asked_ms < KEYFRAME_S * 1_000:
            return False
        self._asked_ms = now_ms
        return True

    def put(self, packets: Sequence[bytes], now_ms: float) -> list[Batch]:
        """What came in one bundle, for each track that it has something of, in their order of coming."""
        made: list[Batch] = []
        batches: dict[int, Batch] = {}
        for data in packets:
            if is_rtcp(data):
                self._reported(data)
                continue
            ssrc = int.from_bytes(data[8:12], "big")
            flow = self.flows.get(ssrc)
            if flow is None or data[0] != PLAIN or len(data) < HEADER_BYTES:
                self.refused += 1
                continue
            if flow.stale:
                flow = self.flows[ssrc] = Flow(flow.track)
                self._sort()
                batches.pop(ssrc, None)
            highest, first = flow.highest, flow.packets == 0
            entry = flow.put(data, now_ms)
            if entry is None:
                continue
            if (batch := batches.get(ssrc)) is None:
                batch = batches[ssrc] = Batch(flow, now_ms)
                made.append(batch)
            batch.entries.append(entry)
            batch.octets += len(entry[3])
            if entry[0] <= highest and not first:
                batch.straight = False
            batch.highest, batch.stamp = flow.highest, flow.stamp
        return made

    def _reported(self, data: bytes) -> None:
        try:
            packets = rtcp.parse(data)
        except BadMessage:
            self.refused += 1
            return
        for packet in packets:
            if isinstance(packet, rtcp.SenderReport) and (flow := self.flows.get(packet.ssrc)) is not None:
                flow.report = (packet.ntp, packet.timestamp)
