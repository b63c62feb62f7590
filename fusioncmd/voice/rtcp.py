"""RTCP compounds in bytes (RFC 3550, clause 6): what peers send beside RTP, and the floor messages in it. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from fusioncmd.errors import BadMessage
from fusioncmd.floor import codec
from fusioncmd.floor.messages import FloorMessage
from fusioncmd.voice.bounds import RTCP_PACKETS_MAX, RTP_BYTES_MAX

SENDER_REPORT, RECEIVER_REPORT, DESCRIPTION, BYE, APP = 200, 201, 202, 203, 204
_HEADER = struct.Struct(">BBH")
_REPORT = struct.Struct(">BBHI")


class RtcpPacket(NamedTuple):
    """`data` is the whole packet with its header."""

    kind: int
    data: bytes


def packets(compound: bytes) -> Iterator[RtcpPacket]:
    """Raises BadMessage where it is no compound; what came before has been given by then."""
    if len(compound) > RTP_BYTES_MAX:
        raise _bad("its length", "长度")
    at = count = 0
    while at < len(compound):
        if at + _HEADER.size > len(compound):
            raise _bad("its length", "长度")
        first, kind, words = _HEADER.unpack_from(compound, at)
        end = at + 4 * (words + 1)
        count += 1
        if first >> 6 != 2 or end > len(compound) or count > RTCP_PACKETS_MAX:
            raise _bad("its header", "包头")
        yield RtcpPacket(kind, compound[at:end])
        at = end


def floor_messages(compound: bytes) -> list[FloorMessage]:
    """The floor control messages in it; other packets are passed over. Raises BadMessage."""
    return [
        codec.decode(packet.data)
        for packet in packets(compound)
        if packet.kind == APP and packet.data[8:12] == codec.NAME
    ]


def receiver_report(ssrc: int) -> bytes:
    """An empty one: that somebody is here, and keeps the way through a NAT open."""
    return _REPORT.pack(0x80, RECEIVER_REPORT, 1, ssrc)


def _bad(en: str, zh: str) -> BadMessage:
    return BadMessage(f"Not an RTCP compound, by {en}.", f"不是有效的 RTCP 包：{zh}。")
