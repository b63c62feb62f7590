"""One viewer of one source: what goes out to it, and what it says of what came. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fusioncmd.errors import BadMessage
from fusioncmd.video import rtcp
from fusioncmd.video.rtcp import Block
from gateways.video.media_bounds import NARROW_MS, PATIENT_MS, PICTURES_BURST, PICTURES_PER_S, REPORT_MS, TOLD_MS
from gateways.video.outgoing import Outgoing
from gateways.video.stream import Batch, Stream

_NEVER = -(1 << 60)


class Viewer:
    """`picture` and `sound` as its session agreed; None: it did not. `cname` binds the two (RFC 3550, 6.5.1)."""

    __slots__ = (
        "_asked_ms", "_cname", "_narrow_ms", "_patient_ms", "_pictures", "_reported", "_said_ms", "_told_ms",
        "bits_per_s", "ended", "lost", "picture", "refused", "rtt_ms", "sound", "stopped",
    )  # fmt: skip

    def __init__(self, picture: Outgoing | None, sound: Outgoing | None, cname: bytes) -> None:
        self.picture, self.sound = picture, sound
        self.bits_per_s = 0  # that it can receive, as it said; 0: it did not
        self.lost = 0.0  # share of the picture's packets, in its last report
        self.rtt_ms = 0.0  # 0: not known
        self.ended = False  # it said so
        self.refused = 0  # RTCP compounds that are none
        self.stopped = 0  # how often its way was full
        self._cname = cname
        self._told_ms = self._narrow_ms = self._patient_ms = self._said_ms = float(_NEVER)
        self._pictures, self._asked_ms = float(PICTURES_BURST), 0.0
        self._reported: tuple[tuple[int, float], ...] = ()  # the last sender reports: their name, and when they went

    def begin(self, stream: Stream, now_ms: float) -> list[bytes]:
        """What is there for it already: the beginning of the picture."""
        if self.picture is None or (flow := stream.picture) is None or flow.packets == 0:
            return []
        return self.picture.begin(flow, now_ms)

    def take(self, batch: Batch) -> list[bytes]:
        """What goes out for it: each one a packet to be sealed and sent."""
        if batch.flow.picture:
            return self.picture.take(batch) if self.picture is not None else []
        out = self.sound.take(batch) if self.sound is not None else []
        if self.picture is not None and self.picture.behind:
            out += self.picture.catch_up(batch.at_ms)
        return out

    def full(self) -> None:
        """Its way took no more: no picture until the next keyframe."""
        if self.picture is not None:
            self.picture.stop()
            self.stopped += 1

    def asks(self, now_ms: float) -> bool:
        """Whether it needs a new keyframe (`Stream.want`). Whose way is narrow does not trouble the rest with that."""
        picture = self.picture
        if picture is None or not picture.wants or now_ms < self._patient_ms:
            return False
        picture.wants = picture.waits  # who goes on has asked now
        return True

    def rtcp(self, compound: bytes, now_ms: float) -> list[bytes]:
        """What it says; the packets that are sent again for it."""
        out: list[bytes] = []
        try:
            packets = rtcp.parse(compound)
        except BadMessage:
            self.refused += 1
            return out
        for packet in packets:
            match packet:
                case rtcp.Nack(_, media, lost):
                    for one in (self.picture, self.sound):
                        if one is not None and one.ssrc == media:
                            out += one.again(lost, now_ms)
                case rtcp.Pli(_, media):
                    self._ask(media, now_ms)
                case rtcp.Fir(_, asked):
                    for media, _ in asked:
                        self._ask(media, now_ms)
                case rtcp.Remb(_, bits, _):
                    self.bits_per_s, self._told_ms = min(bits, 1 << 39), now_ms
                case rtcp.ReceiverReport(_, blocks) | rtcp.SenderReport(blocks=blocks):
                    self._heard(blocks, now_ms)
                case rtcp.Bye():
                    self.ended = True
                case _:
                    pass
        return out

    def _ask(self, media: int, now_ms: float) -> None:
        picture = self.picture
        if picture is None or picture.ssrc != media:
            return
        self._pictures = min(PICTURES_BURST, self._pictures + (now_ms - self._asked_ms) * PICTURES_PER_S / 1_000)
        self._asked_ms = now_ms
        if self._pictures >= 1:
            self._pictures -= 1
            picture.wants = True

    def _heard(self, blocks: Sequence[Block], now_ms: float) -> None:
        for block in blocks:
            if self.picture is not None and block.ssrc == self.picture.ssrc:
                self.lost = block.fraction / 256
            for name, sent_ms in self._reported:
                if block.last == name:
                    self.rtt_ms = max(1.0, now_ms - sent_ms - block.since / 65.536)

    def tick(self, stream: Stream, now_ms: float) -> list[bytes]:
        """A little more of what it catches up with; and whether its way is too narrow. Each few tens of ms."""
        picture, flow = self.picture, stream.picture
        if picture is None or flow is None:
            return []
        if now_ms - self._told_ms > TOLD_MS:
            self.bits_per_s = 0
        if not 0 < self.bits_per_s < flow.bits_per_s / 2:
            self._narrow_ms = now_ms
        elif now_ms - self._narrow_ms > NARROW_MS:
            self._narrow_ms = now_ms
            self._patient_ms = now_ms + PATIENT_MS
            self.full()
        return picture.catch_up(now_ms) if picture.behind else []

    def reports(self, now_ms: float) -> bytes:
        """RTCP to it, each `REPORT_MS`; else empty."""
        if now_ms - self._said_ms < REPORT_MS:
            return b""
        self._said_ms = now_ms
        said: list[rtcp.Packet] = []
        for one in (self.picture, self.sound):
            if one is not None and (report := one.report()) is not None:
                said += (report, rtcp.Name(one.ssrc, self._cname))
                self._reported = (*self._reported[-3:], (rtcp.middle(report.ntp), now_ms))
        return rtcp.build(said)


def carried(viewers: Iterable[Viewer]) -> int:
    """What three of four viewers can carry (`Ask.bits_per_s`): all do not follow the slowest. 0: not known."""
    told = sorted(viewer.bits_per_s for viewer in viewers if viewer.bits_per_s)
    return told[len(told) // 4] if told else 0
