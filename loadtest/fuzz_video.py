"""What `fuzz` feeds of video: frames put together, and the whole way from a publisher over the bus to a viewer.

An input is a row of packets, each after a byte of what to do with it and its length in two bytes.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator

from fusioncmd.errors import BadMessage
from fusioncmd.video import bundle, h264, packet, rtcp
from fusioncmd.video.bounds import WAITING_MAX
from fusioncmd.video.rtcp import Block, Bye, Fir, Nack, Name, Pli, ReceiverReport, Remb, SenderReport
from fusioncmd.video.source import Track
from fusioncmd.video.units import Depacketiser
from gateways.video.media_bounds import MISSING_MAX, OPENING_PACKETS_MAX, PIECES_MAX
from gateways.video.outgoing import Outgoing
from gateways.video.stream import Stream
from gateways.video.upstream import Agreed, Upstream
from gateways.video.viewer import Viewer

Target = Callable[[bytes], None]
PICTURE, SOUND = 500, 501  # SSRCs of the publisher
_BLOCK = Block(PICTURE, 9, 3, 70_000, 5, 6, 7)
RTCP: list[rtcp.Packet] = [
    SenderReport(PICTURE, 5 << 40, 9, 1, 1, (_BLOCK,)), ReceiverReport(1, (_BLOCK,)), Name(PICTURE, b"c"),
    Bye((PICTURE,)), Nack(1, 7_000, (1, 2, 30)), Pli(1, 7_000), Fir(1, ((7_000, 1),)), Remb(1, 500_000, (7_000,)),
]  # fmt: skip
SPS, PPS = bytes.fromhex("6742c01f8c8d40501e900f08846a"), bytes.fromhex("68ce3c80")
_HEAD = struct.Struct(">BH")


def of_frames(name: str) -> Callable[[], Target]:
    def take(data: bytes) -> None:
        units, now_ms = Depacketiser(name), 0.0
        for what, piece in _pieces(data):
            now_ms += what
            with contextlib.suppress(BadMessage):
                units.put(piece, now_ms)
            assert len(units._waiting) <= WAITING_MAX, "more is waited for than may be"
        units.flush()
        with contextlib.suppress(BadMessage):
            h264.shape(data)
        h264.is_h265(data)

    return lambda: take


def forward() -> Target:
    """What to do: even, RTP of the publisher; by eights, 1: its RTCP, 3: the viewer's, 5: the viewer's way is full."""

    def take(data: bytes) -> None:
        tracks = [Track("VP8" if data[:1] > b"\x7f" else "H264", 70), Track("opus", 80)]
        up = Upstream([Agreed(tracks[0], 96, 97), Agreed(tracks[1], 111)], 1, 0.0)
        stream = Stream(tracks)
        one = Viewer(Outgoing(100, 7_000, 65_530), Outgoing(109, 8_000, 3), b"c")
        now_ms = 0.0
        for what, piece in _pieces(data[1:]):
            now_ms += what * 4
            out: list[bytes] = []
            if what % 2 == 0:
                out = up.rtp(piece, now_ms)
            elif what % 8 == 1:
                up.rtcp(piece, now_ms)
            elif what % 8 == 3:
                one.rtcp(piece, now_ms)
            elif what % 8 == 5:
                one.full()
            rtcp.parse(up.due(now_ms))
            for message in bundle.pack([*out, *up.reports(now_ms, 1.8e12 + now_ms)]):
                for batch in stream.put(bundle.unpack(message), now_ms):
                    _check(one.take(batch))
            _check(one.tick(stream, now_ms))
            if one.asks(now_ms):
                stream.want(now_ms)
            if stream.due(now_ms):
                up.want_picture(now_ms)
            rtcp.parse(one.reports(now_ms))
            up.trouble(now_ms)
            assert stream.refused == 0, "what goes to the bus is not what the bus has"
            assert all(len(track.missing) <= MISSING_MAX for track in up.tracks)
            assert one.picture is not None and len(one.picture._pieces) <= PIECES_MAX
            flow = stream.picture
            assert flow is None or len(flow.opening or ()) <= OPENING_PACKETS_MAX + 1

    return take


def _check(out: list[bytes]) -> None:
    for data in out:
        assert packet.read(data).ssrc in (7_000, 8_000) and data[0] == packet.PLAIN


TARGETS: dict[str, Callable[[], Target]] = {"h264": of_frames("H264"), "vp8": of_frames("VP8"), "forward": forward}


def _pieces(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEAD.size <= len(data):
        what, size = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield what, data[at : at + size]
        at += size


def seeds(what: str) -> Iterator[bytes]:
    payloads = {
        "h264": [h264.staple([SPS, PPS]), b"\x7c\x85\x88rest", b"\x7c\x45rest", SPS, PPS, b"\x65\x88x", b"\x61\x9ax"],
        "vp8": [b"\x90\x80\x81\x02\x10\x00\x00\x9d\x01\x2a\x40\x01\xb4\x00", b"\x00rest", b"\x10\x01more"],
    }
    for kind, rows in payloads.items():
        if what not in (kind, "forward"):
            continue
        made = [
            packet.build(96, 65_533 + i & 0xFFFF, i // 2, PICTURE, row, i % 2 == 1) for i, row in enumerate(rows * 2)
        ]
        made += [packet.build(111, 5, 9, SOUND, b"opus"), packet.build(97, 1, 2, 502, b"\xff\xfe" + rows[-1])]
        said = [rtcp.build([ReceiverReport(1), one]) for one in RTCP]
        begun = (b"\xff" if kind == "vp8" else b"\0") if what == "forward" else b""
        yield begun + b"".join(_HEAD.pack(2, len(data)) + data for data in made)
        mixed = zip(made, said, strict=False)
        yield begun + b"".join(
            _HEAD.pack(8, len(data)) + data + _HEAD.pack(1 + 2 * (i % 3), len(other)) + other
            for i, (data, other) in enumerate(mixed)
        )
