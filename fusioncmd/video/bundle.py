"""Several packets of a source in one message on the bus. Pure.

A message costs NATS and each who hears it far more than its bytes: what is there goes together. Each packet, RTP or
RTCP (RFC 5761 tells which), follows its length in two bytes, as RFC 4571 has it. RTCP in it is the publisher's
sender reports, with the wall clock of its gateway.
"""

from __future__ import annotations

from collections.abc import Iterable

from fusioncmd.errors import BadMessage
from fusioncmd.video.bounds import BUNDLE_BYTES_MAX, RTP_BYTES_MAX

RTCP_TYPES = range(192, 224)  # the second byte of RTCP (RFC 5761, 4)
LEAST = 8  # bytes of RTCP; of RTP, 12


def pack(packets: Iterable[bytes | bytearray]) -> list[bytes]:
    """As many messages as are needed, none beyond `BUNDLE_BYTES_MAX`. Packets are at most `RTP_BYTES_MAX` long."""
    made: list[bytes] = []
    parts: list[bytes | bytearray] = []
    held = 0
    for packet in packets:
        if held + 2 + len(packet) > BUNDLE_BYTES_MAX:
            made.append(b"".join(parts))
            parts, held = [], 0
        parts += (len(packet).to_bytes(2, "big"), packet)
        held += 2 + len(packet)
    if parts:
        made.append(b"".join(parts))
    return made


def unpack(data: bytes) -> list[bytes]:
    """The packets. Raises BadMessage for what is no bundle."""
    found: list[bytes] = []
    at, end = 0, len(data)
    while at < end:
        size = int.from_bytes(data[at : at + 2], "big")
        at += 2
        if not LEAST <= size <= RTP_BYTES_MAX or at + size > end:
            raise BadMessage("Not a bundle of packets.", "不是媒体包组。")
        found.append(data[at : at + size])
        at += size
    return found


def is_rtcp(packet: bytes) -> bool:
    return packet[1] in RTCP_TYPES
