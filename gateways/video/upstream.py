"""A publisher's media: its raw RTP in, the packets of the bus out, and what it is told and asked. Pure.

It is asked again for what is missing (generic NACK), for a new picture where that does not help or a viewer begins
(PLI, at most each `KEYFRAME_S`), and for no more than the viewers can carry (REMB). It hears what really arrived (RR).
Retransmissions of their own format (RTX, RFC 4588) are taken apart where that was agreed; else they come as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fusioncmd.errors import BadMessage
from fusioncmd.video import rtcp
from fusioncmd.video.bounds import KEYFRAME_S
from fusioncmd.video.packet import original, read
from fusioncmd.video.source import Track
from gateways.video.asked import Asked
from gateways.video.incoming import Incoming
from gateways.video.media_bounds import (
    NO_KEYFRAME_MS,
    NO_PACKETS_MS,
    REPORT_MS,
    SOURCE_BITS_PER_S_MAX,
    SOURCE_BITS_PER_S_MIN,
)
from gateways.video.source_clock import SourceClock

FINE = ("", "")
SILENT = ("Nothing comes from this source.", "该视频源没有数据。")
NO_PICTURE = (
    "No keyframe comes from this source: set its keyframe interval to 2 s.",
    "该视频源没有关键帧：请将其关键帧间隔设为 2 秒。",
)


class Agreed(NamedTuple):
    """`payload_type` in the session with the publisher, and that of its retransmissions, if any was agreed."""

    track: Track
    payload_type: int
    repair: int | None = None


class Upstream:
    """`own`: the SSRC by which the publisher is told something."""

    def __init__(self, agreed: Sequence[Agreed], own: int, now_ms: float) -> None:
        self.tracks = [Incoming(one.track) for one in agreed]
        self.asked = Asked()
        self.refused = 0  # packets that are none, or of a type that was not agreed
        self.asked_pictures = 0
        self.ended = False  # it said so
        self._own = own
        self._by_type = {one.payload_type: i for i, one in enumerate(agreed)}
        self._repairs = {one.repair: one.payload_type for one in agreed if one.repair is not None}
        self._clock = SourceClock()
        self._epochs = [0] * len(agreed)
        self._since_ms = now_ms
        self._wanted_ms: float | None = None  # since when a new picture is wanted
        self._pictured_ms = self._reported_ms = self._said_ms = -REPORT_MS
        self._last: dict[int, tuple[int, float]] = {}  # by SSRC: of the last sender report, its name and when it came

    @property
    def picture(self) -> Incoming | None:
        return next((track for track in self.tracks if track.track.codec != "opus"), None)

    # --- what comes

    def rtp(self, data: bytes, now_ms: float) -> list[bytes]:
        """What goes to the bus for it: usually one packet."""
        try:
            header = read(data)
        except BadMessage:
            self.refused += 1
            return []
        at = self._by_type.get(header.payload_type)
        if at is None:
            if (kind := self._repairs.get(header.payload_type)) is None:
                self.refused += 1
                return []
            at = self._by_type[kind]
            repaired = original(data, header, kind, self.tracks[at].ssrc)
            if repaired is None or not self.tracks[at].ssrc:
                return []
            data, header = repaired, read(repaired)
        track = self.tracks[at]
        out = track.put(data, header, now_ms)
        if self._epochs[at] != track.epoch:
            self._epochs[at] = track.epoch
            self._clock.forget(at)
        if out and track.last_ms == now_ms:
            self._clock.came(at, track.track.rate, header.timestamp, now_ms)
        return out

    def rtcp(self, compound: bytes, now_ms: float) -> None:
        try:
            packets = rtcp.parse(compound)
        except BadMessage:
            self.refused += 1
            return
        for packet in packets:
            if isinstance(packet, rtcp.SenderReport):
                for at, track in enumerate(self.tracks):
                    if track.ssrc == packet.ssrc != 0:
                        self._clock.report(at, packet, now_ms)
                        self._last[packet.ssrc] = (rtcp.middle(packet.ntp), now_ms)
            elif isinstance(packet, rtcp.Bye):
                self.ended |= all(track.ssrc in (0, *packet.ssrcs) for track in self.tracks)

    def want_picture(self, now_ms: float) -> None:
        """Somebody needs a keyframe, a later one than came so far."""
        if self._wanted_ms is None:
            self._wanted_ms = now_ms

    # --- what it is told: to be called after packets came, and each few tens of ms

    def due(self, now_ms: float) -> bytes:
        """RTCP to the publisher; empty, when there is nothing to say."""
        said: list[rtcp.Packet] = []
        for track in self.tracks:
            lost, gone = track.missing.to_ask(now_ms)
            track.broken |= gone
            if lost:
                said.append(rtcp.Nack(self._own, track.ssrc, tuple(one & 0xFFFF for one in lost)))
        picture = self.picture
        if picture is not None and picture.ssrc and self._due_picture(picture, now_ms):
            said.append(rtcp.Pli(self._own, picture.ssrc))
        heard = [track for track in self.tracks if track.ssrc]
        if heard and now_ms - self._reported_ms >= REPORT_MS:
            self._reported_ms = now_ms
            blocks = tuple(track.block(*self._since_last(track.ssrc, now_ms)) for track in heard)
            bits = rtcp.Remb(self._own, self.bits_per_s(now_ms), tuple(track.ssrc for track in heard))
            return rtcp.build([rtcp.ReceiverReport(self._own, blocks), bits, *said])
        return rtcp.build([rtcp.ReceiverReport(self._own), *said]) if said else b""

    def bits_per_s(self, now_ms: float) -> int:
        """What it may send."""
        asked = self.asked.bits_per_s(now_ms) or SOURCE_BITS_PER_S_MAX
        return max(SOURCE_BITS_PER_S_MIN, min(asked, SOURCE_BITS_PER_S_MAX))

    def _due_picture(self, picture: Incoming, now_ms: float) -> bool:
        if self._wanted_ms is not None and picture.keyframe_ms >= self._wanted_ms:
            self._wanted_ms = None
        if not (self._wanted_ms is not None or picture.broken or picture.keyframe_ms < self._since_ms):
            return False
        if now_ms - self._pictured_ms < KEYFRAME_S * 1_000:
            return False
        self._pictured_ms = now_ms
        self.asked_pictures += 1
        return True

    def _since_last(self, ssrc: int, now_ms: float) -> tuple[int, int]:
        if (last := self._last.get(ssrc)) is None:
            return 0, 0
        return last[0], int((now_ms - last[1]) * 65.536)

    # --- what the bus is told

    def reports(self, now_ms: float, wall_ms: float) -> list[bytes]:
        """A sender report of each track, each `REPORT_MS`. `wall_ms`: since 1970, of this gateway."""
        if now_ms - self._said_ms < REPORT_MS:
            return []
        self._said_ms = now_ms
        made: list[bytes] = []
        for at, track in enumerate(self.tracks):
            stamp = self._clock.timestamp(at, track.track.rate, now_ms)
            if stamp is None or now_ms - track.last_ms > NO_PACKETS_MS:
                continue
            stamp = track.bus_stamp(stamp)
            report = rtcp.SenderReport(track.track.ssrc, rtcp.to_ntp(wall_ms), stamp, track.came, track.octets)
            made.append(rtcp.build([report]))
        return made

    def trouble(self, now_ms: float) -> tuple[str, str]:
        """Why nothing is seen of it, as `Source.trouble` has it."""
        latest = max((track.last_ms for track in self.tracks), default=self._since_ms)
        if now_ms - max(latest, self._since_ms) > NO_PACKETS_MS:
            return SILENT
        picture = self.picture
        if picture is not None and picture.ssrc:
            known = max(picture.keyframe_ms, self._since_ms)
            asked = picture.keyframe_ms < self._since_ms or self._pictured_ms > picture.keyframe_ms
            if asked and now_ms - known > NO_KEYFRAME_MS:
                return NO_PICTURE
        return FINE
