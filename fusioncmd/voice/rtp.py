"""RTP packets in bytes (RFC 3550, clause 5.1), and how sequence numbers and timestamps go round. Pure.

`parse` takes what a peer sends, with contributors, extension and padding, and keeps what is needed; `build` writes the
plain form. RTP and RTCP on one port are told apart as RFC 5761, clause 4 has it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from fusioncmd.errors import BadMessage
from fusioncmd.voice.bounds import RTP_BYTES_MAX

VERSION = 2
HEADER_BYTES = 12
_HEADER = struct.Struct(">BBHII")
_EXTENSION = struct.Struct(">HH")
_PADDING, _EXTENDED, _MARKER = 0x20, 0x10, 0x80
_RTCP = range(192, 224)  # second octet of an RTCP packet


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """`timestamp` counts samples of the codec's clock; `marker` begins a talkspurt (RFC 3551, clause 4.1)."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False


def is_rtcp(data: bytes) -> bool:
    return len(data) > 1 and data[1] in _RTCP


def parse(data: bytes) -> RtpPacket:
    """Raises BadMessage. The payload may be empty."""
    if not HEADER_BYTES <= len(data) <= RTP_BYTES_MAX:
        raise _bad("its length", "长度")
    _, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    begin, end = span(data)
    return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, data[begin:end], bool(second & _MARKER))


def span(data: bytes) -> tuple[int, int]:
    """Where the payload of a packet of at least `HEADER_BYTES` begins and ends. Raises BadMessage."""
    first = data[0]
    if first >> 6 != VERSION:
        raise _bad("its version", "版本")
    begin, end = HEADER_BYTES + 4 * (first & 0x0F), len(data)
    if first & _EXTENDED:
        if begin + _EXTENSION.size > end:
            raise _bad("its extension", "扩展头")
        begin += _EXTENSION.size + 4 * _EXTENSION.unpack_from(data, begin)[1]
    if first & _PADDING:
        end -= data[-1]
        if data[-1] == 0:
            raise _bad("its padding", "填充")
    if begin > end:
        raise _bad("its length", "长度")
    return begin, end


def build(packet: RtpPacket) -> bytes:
    second = packet.payload_type | (_MARKER if packet.marker else 0)
    return _HEADER.pack(VERSION << 6, second, packet.sequence, packet.timestamp, packet.ssrc) + packet.payload


def ahead(one: int, other: int, bits: int) -> int:
    """How far `one` lies ahead of `other`, in numbers of so many bits that go round; negative: behind."""
    half = 1 << (bits - 1)
    return ((one - other + half) & ((1 << bits) - 1)) - half


class Unrolled:
    """A number of so many bits that goes round, counted on from 0 at the first."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._last: int | None = None
        self._count = 0

    def count(self, number: int) -> int:
        """Negative, for what came before the first."""
        if self._last is None:
            self._last = number
        step = ahead(number, self._last, self._bits)
        here = self._count + step
        if step > 0:
            self._last, self._count = number, here
        return here


def _bad(en: str, zh: str) -> BadMessage:
    return BadMessage(f"Not an RTP packet, by {en}.", f"不是有效的 RTP 包：{zh}。")
