"""The source of the video benchmark: two seconds of H.264 in RTP, 1 Mbit/s in 110 packets a second of 1,150 bytes.

A real picture, encoded once: a bar that moves. Each frame has four slices, each in a packet of its own, stapled to
filler (RFC 6184, 5.7.1) up to 1,150 bytes; a keyframe has 24 packets, its first with SPS and PPS. The end of the filler
says which packet it is and when it was sent: decoders pass it over, and who measures reads it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import av
from av.video.codeccontext import VideoCodecContext

from fusioncmd.video import h264
from fusioncmd.video.packet import HEADER, HEADER_BYTES, MARKER, PLAIN

RATE_PER_S, FRAMES = 25, 50
SLICES, KEYFRAME_PACKETS = 4, 24
PACKETS = KEYFRAME_PACKETS + SLICES * (FRAMES - 1)  # of the clip: 220 in two seconds
PACKET_BYTES = 1_150  # of RTP, with its header
WIDTH, HEIGHT, BAR = 320, 192, 32
PROFILE = "42e01f"
STAMP = struct.Struct(">4sIQ")  # at the end: a mark, the packet's number, and when it was sent, ns since 1970
MARK = b"vbst"
_FILLER = 12  # type of NAL unit (ITU-T H.264, table 7-1)


class Frame(NamedTuple):
    """`packets` lack sequence number, timestamp, SSRC and stamp; `keyframe` may be begun with."""

    packets: list[bytearray]
    keyframe: bool


def made() -> list[Frame]:
    """The clip; it can be repeated without end."""
    frames = []
    for n, data in enumerate(_encoded()):
        units = list(_units(data))
        sets = [unit for unit in units if unit[0] & 0x1F in (h264.SPS, h264.PPS)]
        slices = [unit for unit in units if unit[0] & 0x1F in (h264.SLICE, h264.IDR)]
        groups = [[one] for one in slices]
        groups[0] = sets + groups[0]
        groups += [[] for _ in range((SLICES if n else KEYFRAME_PACKETS) - len(groups))]
        packets = [_packet(group, last=i == len(groups) - 1) for i, group in enumerate(groups)]
        frames.append(Frame(packets, bool(sets)))
    return frames


def fill(
    packet: bytearray, sequence: int, timestamp: int, ssrc: int, payload_type: int, number: int, at_ns: int
) -> None:
    """Ready to be sent, in place."""
    second = packet[1] & MARKER | payload_type
    HEADER.pack_into(packet, 0, PLAIN, second, sequence & 0xFFFF, timestamp & 0xFFFF_FFFF, ssrc)
    STAMP.pack_into(packet, PACKET_BYTES - STAMP.size, MARK, number, at_ns)


def stamp(packet: bytes) -> tuple[int, int] | None:
    """Which packet of the source it is, and when it was sent; None for one that is not of a clip."""
    if len(packet) < PACKET_BYTES:  # a server may have put extensions into its header
        return None
    mark, number, at_ns = STAMP.unpack_from(packet, len(packet) - STAMP.size)
    return (number, at_ns) if mark == MARK else None


def _packet(units: list[bytes], last: bool) -> bytearray:
    used = HEADER_BYTES + 1 + sum(2 + len(unit) for unit in units) + 2
    filler = bytes((_FILLER,)) + b"\xff" * (PACKET_BYTES - used - 1)
    header = bytearray(HEADER_BYTES)
    header[1] = MARKER if last else 0
    packet = header + h264.staple([*units, filler])
    assert len(packet) == PACKET_BYTES
    return packet


def _encoded() -> Iterator[bytes]:
    """Frames of the moving bar, in Annex B."""
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context.framerate, context.gop_size, context.bit_rate = RATE_PER_S, FRAMES, 200_000  # type: ignore[assignment]
    context.options = {
        "preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "level": "3.1",
        "x264-params": f"slices={SLICES}:keyint={FRAMES}:scenecut=0:sliced-threads=0:threads=1:annexb=1",
    }  # fmt: skip
    for n in range(FRAMES):
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        left = n * (WIDTH - BAR) // FRAMES
        for i, plane in enumerate(frame.planes):
            row = bytes(plane.line_size)
            if i == 0:
                row = b"\x30" * left + b"\xe0" * BAR + b"\x30" * (plane.line_size - left - BAR)
            else:
                row = b"\x80" * plane.line_size
            plane.update(row * plane.height)
        frame.pts = n
        for packet in context.encode(frame):
            yield bytes(packet)


def _units(data: bytes) -> Iterator[bytes]:
    """The NAL units of Annex B, without start codes."""
    for part in data.split(b"\0\0\1")[1:]:
        unit = part.rstrip(b"\0")  # of a start code of four bytes; a unit ends in no zero (H.264, 7.4.1)
        if unit:
            yield unit
