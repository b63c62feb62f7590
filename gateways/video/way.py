"""Packets to one peer, sealed (SRTP, RFC 3711) in place and sent together: the last and dearest step of forwarding.

libsrtp's own functions seal in one room of the process: nothing is copied but the packet. Most of its cost is the
system call, so packets of one size, as a picture is cut into, go to the kernel together, which cuts them again
(UDP_SEGMENT, udp(7)); what it refuses to cut goes one by one. Nothing waits in the process for a way that is full.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable
from typing import Any

from pylibsrtp import ffi, lib  # type: ignore[attr-defined]

UDP_SEGMENT = 103  # since Linux 4.18
TOGETHER_MAX = 60  # packets; the kernel takes 64
_TOGETHER_BYTES = 62_000  # no further packet behind so many; a datagram has 65,507
_BYTES = 2_048  # of a packet
_TRAILER = 148  # what sealing adds at most
_room = ffi.new("char[]", _TOGETHER_BYTES + _BYTES + _TRAILER)
_view = memoryview(ffi.buffer(_room))
_length = ffi.new("int *")
_cut = struct.Struct("=H").pack
_protect, _protect_rtcp = lib.srtp_protect, lib.srtp_protect_rtcp


class Way:
    """`pair` is ICE's, `srtp` pylibsrtp's session, `fd` the socket of the pair, which somebody else reads and closes;
    `address` the peer's."""

    __slots__ = ("_address", "_kept", "_send", "_sendmsg", "_socket", "_srtp", "pair")

    def __init__(self, pair: object, srtp: Any, fd: int, address: tuple[str, int]) -> None:
        self.pair = pair
        self._kept, self._srtp = srtp, srtp._srtp[0]
        self._address = address
        self._socket = socket.socket(fileno=os.dup(fd))
        self._socket.setblocking(False)
        self._send, self._sendmsg = self._socket.sendto, self._socket.sendmsg

    def send(self, packets: Iterable[bytes | bytearray]) -> bool:
        """RTP, each packet at most `RTP_BYTES_MAX` long; False when the way took no more: the rest is shed."""
        srtp, protect = self._srtp, _protect
        begin = at = count = step = 0  # of those in the room; all are as long as the first, but the last may be shorter
        failed = 0
        try:
            for packet in packets:
                if at > _TOGETHER_BYTES:
                    self._out(begin, at, step, count)
                    begin = at = count = 0
                end = at + len(packet)
                _view[at:end] = packet
                _length[0] = end - at
                if failed := protect(srtp, _room + at, _length):
                    break
                size = _length[0]
                if count and (size > step or at - begin != count * step or count == TOGETHER_MAX):
                    self._out(begin, at, step, count)
                    begin, count = at, 0
                if not count:
                    step = size
                at += size
                count += 1
            if count:
                self._out(begin, at, step, count)
        except OSError:
            return False
        return not failed

    def _out(self, begin: int, end: int, step: int, count: int) -> None:
        if count == 1:
            self._send(_view[begin:end], self._address)
            return
        try:
            self._sendmsg((_view[begin:end],), ((socket.IPPROTO_UDP, UDP_SEGMENT, _cut(step)),), 0, self._address)
        except BlockingIOError:
            raise
        except OSError:  # it does not cut these
            for at in range(begin, end, step):
                self._send(_view[at : min(at + step, end)], self._address)

    def report(self, compound: bytes) -> bool:
        """RTCP."""
        size = len(compound)
        if not 0 < size <= _BYTES - _TRAILER:
            return False
        _view[:size] = compound
        _length[0] = size
        if _protect_rtcp(self._srtp, _room, _length):
            return False
        try:
            self._send(_view[: _length[0]], self._address)
        except OSError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


def widen(fd: int, size: int) -> None:
    """What came is kept by the kernel until this process gets its turn; as far as the system lets it (rmem_max)."""
    with socket.socket(fileno=os.dup(fd)) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
