"""Packets to one peer, sealed (SRTP, RFC 3711) in place and sent at once: the last and dearest step of forwarding.

libsrtp's own functions on one buffer of the process, and the socket's `sendto`: nothing is copied but the packet, and
nothing waits in the process for a way that is full.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from typing import Any

from pylibsrtp import ffi, lib  # type: ignore[attr-defined]

_BYTES = 2_048
_TRAILER = 148  # what sealing adds at most
_sealed = ffi.new("char[]", _BYTES)
_view = memoryview(ffi.buffer(_sealed))
_length = ffi.new("int *")
_protect, _protect_rtcp = lib.srtp_protect, lib.srtp_protect_rtcp


class Way:
    """`pair` is ICE's, `srtp` pylibsrtp's session, `fd` the socket of the pair, which somebody else reads and closes;
    `address` the peer's."""

    __slots__ = ("_address", "_kept", "_send", "_socket", "_srtp", "pair")

    def __init__(self, pair: object, srtp: Any, fd: int, address: tuple[str, int]) -> None:
        self.pair = pair
        self._kept, self._srtp = srtp, srtp._srtp[0]
        self._address = address
        self._socket = socket.socket(fileno=os.dup(fd))
        self._socket.setblocking(False)
        self._send = self._socket.sendto

    def send(self, packets: Iterable[bytes | bytearray]) -> bool:
        """RTP; False when the way took no more: the rest is shed."""
        srtp, send, address = self._srtp, self._send, self._address
        try:
            for packet in packets:
                size = len(packet)
                _view[:size] = packet
                _length[0] = size
                if _protect(srtp, _sealed, _length):
                    return False
                send(_view[: _length[0]], address)
        except OSError:
            return False
        return True

    def report(self, compound: bytes) -> bool:
        """RTCP."""
        size = len(compound)
        if not 0 < size <= _BYTES - _TRAILER:
            return False
        _view[:size] = compound
        _length[0] = size
        if _protect_rtcp(self._srtp, _sealed, _length):
            return False
        try:
            self._send(_view[: _length[0]], self._address)
        except OSError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()
