"""The UDP sockets of all calls: a pair each, RTP and RTCP, watched by one epoll that is one reader of the loop.

A pair for each call, because a peer behind a NAT is known by nothing but where its packets come: one port for all would
save descriptors and no time (a datagram costs 4 µs either way, measured on 1,000 sockets and on one).
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable
from random import Random

from fusioncmd.errors import Unavailable
from fusioncmd.voice.bounds import READS_PER_TURN, RTP_BYTES_MAX

Address = tuple[str, int]
Arrived = Callable[[int, bytes, Address, bool], None]  # descriptor of the pair, packet, from where, whether by RTCP's
PORTS = (20_000, 30_000)
TRIES = 64
EVENTS_PER_TURN = 512
SEND_BUFFER_BYTES = 256 * 1024


class Pair:
    """Of one call: `port` is even, and RTCP's the next one (RFC 3550, clause 11)."""

    __slots__ = ("port", "rtcp", "rtp")

    def __init__(self, rtp: socket.socket, rtcp: socket.socket) -> None:
        self.rtp, self.rtcp = rtp, rtcp
        self.port: int = rtp.getsockname()[1]

    @property
    def fd(self) -> int:
        return self.rtp.fileno()


class Sockets:
    """`host` is the address to which peers send."""

    def __init__(
        self, host: str, arrived: Arrived, ports: tuple[int, int] = PORTS, chance: Random | None = None
    ) -> None:
        self._host, self._arrived, self._ports = host, arrived, ports
        self._chance = chance or Random()
        self._epoll = select.epoll()
        self._pairs: dict[int, tuple[socket.socket, int, bool]] = {}
        self.unsent = 0  # what the kernel did not take: shed
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._epoll.fileno(), self._readable)

    def stop(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._epoll.fileno())
        for one, _, _ in self._pairs.values():
            one.close()
        self._pairs.clear()
        self._epoll.close()

    def open(self) -> Pair:
        """`Unavailable` when no pair of ports is free, or no descriptor."""
        for _ in range(TRIES):
            port = self._chance.randrange(self._ports[0] // 2, self._ports[1] // 2) * 2
            rtp = self._bound(port)
            if rtp is None:
                continue
            rtcp = self._bound(port + 1)
            if rtcp is None:
                rtp.close()
                continue
            for one, is_rtcp in ((rtp, False), (rtcp, True)):
                self._pairs[one.fileno()] = one, rtp.fileno(), is_rtcp
                self._epoll.register(one.fileno(), select.EPOLLIN)
            return Pair(rtp, rtcp)
        raise Unavailable("No port is free for another call.", "没有可用于新呼叫的端口。")

    def close(self, pair: Pair) -> None:
        for one in (pair.rtp, pair.rtcp):
            self._pairs.pop(one.fileno(), None)
            self._epoll.unregister(one.fileno())
            one.close()

    def send(self, one: socket.socket, data: bytes | bytearray, to: Address) -> None:
        try:
            one.sendto(data, to)
        except OSError:  # no room, or no way there now: a packet is lost
            self.unsent += 1

    def _bound(self, port: int) -> socket.socket | None:
        try:
            one = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET, socket.SOCK_DGRAM)
        except OSError as error:
            raise Unavailable(f"No further call fits: {error}.", f"无法再接入呼叫：{error}。") from None
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        try:
            one.bind((self._host, port))
        except OSError:
            one.close()
            return None
        return one

    def _readable(self) -> None:
        for fd, _ in self._epoll.poll(0, EVENTS_PER_TURN):
            for _ in range(READS_PER_TURN):
                found = self._pairs.get(fd)
                if found is None:  # a packet before ended the call
                    break
                one, pair, is_rtcp = found
                try:
                    data, address = one.recvfrom(RTP_BYTES_MAX + 1)
                except BlockingIOError:
                    break
                except OSError:  # an ICMP error of an earlier packet: the peer is not there
                    continue
                self._arrived(pair, data, (address[0], address[1]), is_rtcp)
