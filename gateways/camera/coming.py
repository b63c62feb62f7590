"""RTP of one run of ffmpeg in, the packets of the bus out. Pure.

ffmpeg's own sender reports say which timestamp is 0 of the clock that picture and sound have in common, and no more.
How far that clock is from ours is taken from the pictures that were quickest, and followed as it drifts; so the sender
reports on the bus have the time of this gateway. The rest is as with a browser that publishes
(`gateways/video/upstream.py`): parameter sets before each keyframe, clocks that jump.
"""

from __future__ import annotations

from fusioncmd.errors import BadMessage
from fusioncmd.video import rtcp
from fusioncmd.video.bundle import is_rtcp
from fusioncmd.video.packet import Unrolled, ahead, read
from fusioncmd.video.source import AUDIO_RATE, AUDIO_TYPE, VIDEO_RATE, VIDEO_TYPE, Track
from gateways.camera.command import AUDIO_SSRC, BEGUN_US, VIDEO_SSRC
from gateways.video.media_bounds import REPORT_MS
from gateways.video.upstream import Agreed, Upstream

_RATES = {VIDEO_SSRC: VIDEO_RATE, AUDIO_SSRC: AUDIO_RATE}
_SET_MS = 1_000.0  # a clock that differs from itself by so much was set
_DRIFT = 1 / 16  # a second, of what the quickest picture of that second was slow
_FMTP = "packetization-mode=1;profile-level-id="


class Coming:
    """`ssrcs` are those of the bus: of the picture and, where there is one, of the sound."""

    def __init__(self, ssrcs: tuple[int, ...], now_ms: float) -> None:
        tracks = [Track("H264", ssrcs[0]), *(Track("opus", one) for one in ssrcs[1:])]
        types = (VIDEO_TYPE, AUDIO_TYPE)
        self._upstream = Upstream(
            [Agreed(track, kind) for track, kind in zip(tracks, types, strict=False)], ssrcs[0], now_ms
        )
        self._bases: dict[int, int] = {}  # by SSRC of ffmpeg: its timestamp of 0
        self._count = Unrolled(32)
        self._count.count(0)
        self._offset_ms: float | None = None  # from the clock of ffmpeg to ours
        self._slower_ms, self._second_ms, self._said_ms = _SET_MS, now_ms, now_ms
        self._stamp = self._latest = 0  # of the picture that comes, and the latest one
        self.disordered = 0  # pictures with a timestamp before that of an earlier one
        self.refused = 0  # packets that are none
        self.octets = 0

    def put(self, data: bytes, now_ms: float) -> tuple[list[bytes], bool]:
        """What goes to the bus for it, and whether a frame ended with it."""
        if len(data) < 12:
            self.refused += 1
            return [], False
        if is_rtcp(data):
            self._report(data)
            return [], False
        try:
            header = read(data)
        except BadMessage:
            self.refused += 1
            return [], False
        out = self._upstream.rtp(data, now_ms)
        self.octets += sum(map(len, out))
        if header.ssrc == VIDEO_SSRC and header.timestamp != self._stamp:
            self._stamp = header.timestamp
            step = ahead(header.timestamp, self._latest, 32)
            if -VIDEO_RATE < step < 0:
                self.disordered += 1
            else:
                self._latest = header.timestamp
        if header.marker and header.ssrc == VIDEO_SSRC and header.ssrc in self._bases:
            self._clock(header.timestamp, now_ms)
        return out, header.marker

    def _report(self, data: bytes) -> None:
        try:
            packets = rtcp.parse(data)
        except BadMessage:
            self.refused += 1
            return
        for packet in packets:
            if isinstance(packet, rtcp.SenderReport) and packet.ssrc in _RATES and packet.ssrc not in self._bases:
                passed_s = (rtcp.to_ms(packet.ntp) - BEGUN_US / 1_000) / 1_000
                self._bases[packet.ssrc] = (packet.timestamp - round(passed_s * _RATES[packet.ssrc])) & 0xFFFF_FFFF

    def _clock(self, timestamp: int, now_ms: float) -> None:
        """A picture of that timestamp is here."""
        passed = self._count.count((timestamp - self._bases[VIDEO_SSRC]) & 0xFFFF_FFFF)
        slower_ms = now_ms - passed * 1_000 / VIDEO_RATE - (self._offset_ms or 0.0)
        if self._offset_ms is None or abs(slower_ms) > _SET_MS:
            self._offset_ms, slower_ms = (self._offset_ms or 0.0) + slower_ms, 0.0
        elif slower_ms < 0:
            self._offset_ms, slower_ms = self._offset_ms + slower_ms, 0.0
        self._slower_ms = min(self._slower_ms, slower_ms)
        if now_ms - self._second_ms >= 1_000:
            self._offset_ms += self._slower_ms * _DRIFT
            self._slower_ms, self._second_ms = _SET_MS, now_ms

    def reports(self, now_ms: float, wall_ms: float) -> list[bytes]:
        """A sender report of each track, each `REPORT_MS`. `wall_ms`: since 1970, of this gateway."""
        if self._offset_ms is None or now_ms - self._said_ms < REPORT_MS:
            return []
        self._said_ms = now_ms
        made: list[bytes] = []
        for ssrc, track in zip(_RATES, self._upstream.tracks, strict=False):
            if ssrc in self._bases and track.came:
                passed_s = (now_ms - self._offset_ms) / 1_000
                stamp = track.bus_stamp(self._bases[ssrc] + round(passed_s * _RATES[ssrc]))
                report = rtcp.SenderReport(track.track.ssrc, rtcp.to_ntp(wall_ms), stamp, track.came, track.octets)
                made.append(rtcp.build([report]))
        return made

    @property
    def keyframe_ms(self) -> float:
        """When the last one came; long ago, where none did."""
        return self._upstream.tracks[0].keyframe_ms

    @property
    def size(self) -> tuple[int, int]:
        """In pixels; (0, 0) before it is known."""
        return self._upstream.tracks[0].width, self._upstream.tracks[0].height

    @property
    def tracks(self) -> tuple[Track, ...]:
        """As `Source` has them; none before it is known what the picture is."""
        picture, *sound = self._upstream.tracks
        if not picture.profile:
            return ()
        return (
            Track("H264", picture.track.ssrc, _FMTP + picture.profile),
            *(one.track for one in sound if one.came),
        )
