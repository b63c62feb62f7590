"""What may come in by the UDP port of a session, in front of ICE and DTLS. Pure.

In aiortc 1.16 an empty datagram of anybody ends a session (its first byte is looked for), whoever is off the path can
have a ClientHello read as the peer's, and the queue behind has no end. So nothing comes through but STUN, which proves
itself (RFC 8445, 7.3), and DTLS and SRTP (RFC 7983, 7) of the address that ICE agreed on; and of these a few at a time.
"""

from __future__ import annotations

from gateways.video.bounds import WAITING_MAX

STUN, STUN_BYTES_MIN = range(4), 20
COOKIE = b"\x21\x12\xa4\x42"  # RFC 8489, clause 5
DTLS, SRTP = range(20, 64), range(128, 192)
DATAGRAM_BYTES_MAX = 2_048


def passes(data: bytes, peer: tuple[str, int], agreed: tuple[str, int] | None, waiting: int) -> bool:
    """`agreed`: with which address, if with any yet; `waiting`: datagrams that were let through and not looked at."""
    if not 0 < len(data) <= DATAGRAM_BYTES_MAX:
        return False
    if data[0] in STUN:
        return len(data) >= STUN_BYTES_MIN and data[4:8] == COOKIE
    return (data[0] in DTLS or data[0] in SRTP) and peer == agreed and waiting < WAITING_MAX
