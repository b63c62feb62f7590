"""Who watches in the video benchmark: many sessions whose sockets are read in one place, and what they saw.

Sequence numbers are read of each packet; where it is asked (`exact`), each packet is opened, and what it says of when
it was sent is compared with when the kernel had it: how late who measures is, is not in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import struct
from array import array
from collections.abc import Awaitable, Callable

from fusioncmd.video import rtcp
from fusioncmd.video.packet import HEADER, HEADER_BYTES
from loadtest.video import clip
from loadtest.video.gaps import Gaps
from loadtest.video.peer import SO_TIMESTAMPNS, Peer

AT_ONCE = 64  # datagrams of one socket before the next one's turn
TURN_S, REPORT_TURNS = 0.1, 10  # gaps are asked for each turn, reports said each ten
DATAGRAM_BYTES_MAX = 2_048
_SO_MEMINFO, _DROPS = 55, 8  # socket(7), sock_diag(7): what did not fit into the buffer
_MEMINFO, _WHEN = struct.Struct("9I"), struct.Struct("qq")
_RTCP = range(192, 224)
Signal = Callable[[Peer], Awaitable[None]]


class Viewer:
    """One session. `dropped`: packets that did not fit into its socket's buffer before the last `clear`."""

    __slots__ = ("dropped", "gaps", "peer", "ssrc")

    def __init__(self, peer: Peer) -> None:
        self.peer, self.gaps, self.ssrc, self.dropped = peer, Gaps(), 0, 0

    def drops(self) -> int:
        found = _MEMINFO.unpack(self.peer.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))
        return int(found[_DROPS])


class Viewing:
    def __init__(self) -> None:
        self.viewers: list[Viewer] = []
        self.exact = True
        self.all_us = array("I")  # of each packet of each viewer, when exact
        self.last_us: dict[int, int] = {}  # by the packet's number: to the last of our viewers
        self.strange = 0  # packets that cannot be opened, or are not of the clip
        self._epoll = select.epoll()
        self._by_fd: dict[int, Viewer] = {}
        self._buffer = bytearray(DATAGRAM_BYTES_MAX)
        asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._drain)
        self._reporting = asyncio.create_task(self._report())

    async def open(self, signal: Signal) -> None:
        """One more viewer. Raises Unavailable."""
        peer = Peer()
        await signal(peer)
        await peer.connected(stamped=True)
        viewer = Viewer(peer)
        self.viewers.append(viewer)
        self._by_fd[peer.socket.fileno()] = viewer
        self._epoll.register(peer.socket.fileno(), select.EPOLLIN)

    def clear(self) -> None:
        self.all_us, self.last_us, self.strange = array("I"), {}, 0
        for viewer in self.viewers:
            viewer.gaps.clear()
            viewer.dropped = viewer.drops()

    def status(self) -> dict[str, object]:
        gaps = [viewer.gaps for viewer in self.viewers]
        return {
            "live": sum(viewer.peer.live for viewer in self.viewers),
            "came": [one.came for one in gaps],
            "lost": sum(one.lost for one in gaps), "late": sum(one.late for one in gaps),
            "again": sum(one.again for one in gaps), "strange": self.strange,
            "unread": sum(viewer.drops() - viewer.dropped for viewer in self.viewers),
            "silent": sum(not one.came for one in gaps),
            "profiles": sorted({viewer.peer.profile for viewer in self.viewers}),
        }  # fmt: skip

    def delays(self) -> dict[str, object]:
        return {"all_us": self.all_us.tolist(), "last_us": {str(n): us for n, us in self.last_us.items()}}

    # --- what comes

    def _drain(self) -> None:
        for fd, _ in self._epoll.poll(0):
            with contextlib.suppress(BlockingIOError):
                self._read(self._by_fd[fd])

    def _read(self, viewer: Viewer) -> None:
        there, buffer, take = viewer.peer.socket, self._buffer, viewer.gaps.take
        wanted, exact = viewer.peer.payload_type, self.exact
        for _ in range(AT_ONCE):
            if exact:
                size, kernel, _, address = there.recvmsg_into([buffer], 64)
            else:
                size, address = there.recvfrom_into(buffer)
            if size < HEADER_BYTES or not 128 <= buffer[0] < 192:
                viewer.peer.other(bytes(buffer[:size]), address)
            elif buffer[1] & 0x7F == wanted:
                take(buffer[2] << 8 | buffer[3])
                if exact:
                    self._open(viewer, bytes(buffer[:size]), kernel)
            elif buffer[1] not in _RTCP:
                self._repaired(viewer, bytes(buffer[:size]))

    def _open(self, viewer: Viewer, data: bytes, kernel: list[tuple[int, int, bytes]]) -> None:
        viewer.ssrc = HEADER.unpack_from(data)[4]
        found = clip.stamp(viewer.peer.unprotect(data))
        if found is None:
            self.strange += 1
            return
        number, at_ns = found
        for level, kind, value in kernel:
            if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                seconds, ns = _WHEN.unpack(value)
                us = max(0, (seconds * 1_000_000_000 + ns - at_ns) // 1_000)
                self.all_us.append(min(us, 0xFFFF_FFFF))
                if us > self.last_us.get(number, -1):
                    self.last_us[number] = us

    def _repaired(self, viewer: Viewer, data: bytes) -> None:
        """By a stream of its own (RFC 4588)."""
        plain = viewer.peer.unprotect(data)
        if len(plain) > HEADER_BYTES + 2:
            viewer.gaps.take(int.from_bytes(plain[HEADER_BYTES : HEADER_BYTES + 2], "big"))

    # --- what goes

    async def _report(self) -> None:
        """What every viewer owes: reports each second, a tenth of them each turn, and gaps asked for."""
        turn = 0
        while True:
            await asyncio.sleep(TURN_S)
            turn = (turn + 1) % REPORT_TURNS
            for i, viewer in enumerate(self.viewers):
                asked = viewer.gaps.to_ask() if viewer.gaps.missed else []
                if viewer.ssrc and (asked or i % REPORT_TURNS == turn):
                    self._say(viewer, asked)

    def _say(self, viewer: Viewer, asked: list[int]) -> None:
        gaps, peer = viewer.gaps, viewer.peer
        block = rtcp.Block(viewer.ssrc, 0, gaps.lost, gaps.highest, 0, 0, 0)
        said: list[rtcp.Packet] = [rtcp.ReceiverReport(peer.ssrc, (block,))]
        if asked:
            said.append(rtcp.Nack(peer.ssrc, viewer.ssrc, tuple(asked)))
        with contextlib.suppress(BlockingIOError):
            peer.socket.sendto(peer.protect_rtcp(rtcp.build(said)), peer.address)
