"""RTP packets as they are forwarded: what their headers say, and the same without what is of one hop only. Pure.

Sequence numbers and timestamps go round; `Unrolled` counts them on (`ahead`: how far one lies ahead of another).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from fusioncmd.errors import BadMessage
from fusioncmd.video.bounds import RTP_BYTES_MAX
from fusioncmd.voice.rtp import HEADER_BYTES, Unrolled, ahead, span

__all__ = ["HEADER", "HEADER_BYTES", "PLAIN", "Header", "Unrolled", "ahead", "bare", "build", "original", "read"]

HEADER = struct.Struct(">BBHII")  # version and flags, marker and payload type, sequence, timestamp, SSRC
PLAIN = 0x80  # the first byte of a packet with neither padding, extension nor contributors
MARKER = 0x80  # of the second byte: the last packet of a frame


class Header(NamedTuple):
    """The payload is `data[begin:end]`, and may be empty. `timestamp` counts ticks of the codec's clock."""

    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    begin: int
    end: int


def read(data: bytes) -> Header:
    """Raises BadMessage for what is not RTP (RFC 3550, 5.1)."""
    end = len(data)
    if not HEADER_BYTES <= end <= RTP_BYTES_MAX:
        raise BadMessage("Not an RTP packet, by its length.", "不是有效的 RTP 包：长度。")
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    begin = HEADER_BYTES
    if first != PLAIN:
        begin, end = span(data)
    return Header(second > 127, second & 0x7F, sequence, timestamp, ssrc, begin, end)


def bare(data: bytes) -> bytes:
    """The packet without header extensions, contributors and padding. Raises BadMessage."""
    if len(data) >= HEADER_BYTES and data[0] == PLAIN:
        return data
    header = read(data)
    return bytes((PLAIN,)) + data[1:HEADER_BYTES] + data[header.begin : header.end]


def build(payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, marker: bool = False) -> bytes:
    second = payload_type | (MARKER if marker else 0)
    return HEADER.pack(PLAIN, second, sequence, timestamp, ssrc) + payload


def original(data: bytes, header: Header, payload_type: int, ssrc: int) -> bytes | None:
    """The packet that a retransmission has in it (RFC 4588, 4); None for one that only probes the way. `header` is
    what `read` said of it; `payload_type` and `ssrc` are of the source that it repairs."""
    begin = header.begin + 2
    if begin >= header.end:
        return None
    sequence = int.from_bytes(data[header.begin : begin], "big")
    return build(payload_type, sequence, header.timestamp, ssrc, data[begin : header.end], header.marker)
