"""UDP through a link: each who sends has a socket of their own behind it. Some datagrams are lost, some overtake."""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from typing import Any

from loadtest.link.packets import Flow, Payload
from loadtest.link.pump import Pump
from loadtest.link.sockets import Address, resolved

DATAGRAM_BYTES_MAX = 65_535
READS_MAX = 64  # at once
SOCKET_BYTES = 4 * 1024 * 1024  # asked for: what comes while the process does something else waits in the kernel
PEERS_MAX = 1_024  # shed: who said nothing for longest


class Backward:
    """What comes down the link for one peer."""

    def __init__(self, proxy: UdpProxy, peer: Any) -> None:
        self._proxy, self._peer = proxy, peer

    def arrive(self, payload: Payload) -> None:
        if isinstance(payload, bytes):
            self._proxy.send_back(payload, self._peer)


class Peer:
    """Who sends to the link, and the socket that stands for them behind it."""

    def __init__(self, proxy: UdpProxy, beyond: socket.socket) -> None:
        self._proxy, self.beyond = proxy, beyond
        self.up: Flow
        self.down: Flow

    def arrive(self, payload: Payload) -> None:
        if isinstance(payload, bytes) and self.beyond.fileno() >= 0:
            self._proxy.send_on(payload, self.beyond)


class UdpProxy:
    def __init__(self, up: Pump, down: Pump, to: Address) -> None:
        self._up, self._down, self._to = up, down, to
        self._loop = asyncio.get_running_loop()
        self._near: socket.socket | None = None
        self._peers: OrderedDict[Any, Peer] = OrderedDict()
        self._target: tuple[socket.AddressFamily, Any]
        self.peers = 0
        self.unsent = 0  # the kernel had no room or no way, or nobody listens there

    async def listen(self, listen: Address) -> int:
        """The port. Raises OSError."""
        self._target = await resolved(self._to, socket.SOCK_DGRAM)
        family, address = await resolved(listen, socket.SOCK_DGRAM)
        near = self._socket(family)
        try:
            near.bind(address)
        except OSError:
            near.close()
            raise
        self._near = near
        self._loop.add_reader(near.fileno(), self._read_near)
        return int(near.getsockname()[1])

    def close(self) -> None:
        for peer in self._peers.values():
            self._let_go(peer)
        self._peers.clear()
        if self._near is not None:
            self._loop.remove_reader(self._near.fileno())
            self._near.close()
            self._near = None

    def send_back(self, payload: bytes, peer: Any) -> None:
        if self._near is not None:
            try:
                self._near.sendto(payload, peer)
            except OSError:
                self.unsent += 1

    def send_on(self, payload: bytes, beyond: socket.socket) -> None:
        try:
            beyond.send(payload)
        except OSError:
            self.unsent += 1

    def _socket(self, family: socket.AddressFamily) -> socket.socket:
        made = socket.socket(family, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BYTES)
        made.setblocking(False)
        return made

    def _read_near(self) -> None:
        assert self._near is not None
        for _ in range(READS_MAX):
            try:
                payload, address = self._near.recvfrom(DATAGRAM_BYTES_MAX)
            except BlockingIOError:
                break
            except ConnectionRefusedError:
                continue  # of an earlier datagram, counted by what it was a reply to
            self._up.say(self._peer(address).up, payload)
        self._up.run()

    def _read_beyond(self, peer: Peer) -> None:
        for _ in range(READS_MAX):
            try:
                payload = peer.beyond.recv(DATAGRAM_BYTES_MAX)
            except BlockingIOError:
                break
            except ConnectionRefusedError:
                self.unsent += 1
                continue
            self._down.say(peer.down, payload)
        self._down.run()

    def _peer(self, address: Any) -> Peer:
        known = self._peers.get(address)
        if known is not None:
            self._peers.move_to_end(address)
            return known
        if len(self._peers) >= PEERS_MAX:
            self._let_go(self._peers.popitem(last=False)[1])
        family, target = self._target
        beyond = self._socket(family)
        beyond.connect(target)
        peer = self._peers[address] = Peer(self, beyond)
        peer.up = self._up.flow(peer, ordered=False)
        peer.down = self._down.flow(Backward(self, address), ordered=False)
        self._loop.add_reader(beyond.fileno(), self._read_beyond, peer)
        self.peers += 1
        return peer

    def _let_go(self, peer: Peer) -> None:
        self._loop.remove_reader(peer.beyond.fileno())
        peer.beyond.close()
        self._up.abandon(peer.up)
        self._down.abandon(peer.down)
