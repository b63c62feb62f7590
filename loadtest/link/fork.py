"""UDP by one of several ways: who sends from one address of the loopback goes over one link, from another over another.

So a kit that has two ways to its hub has one address for the hub, and each way is a link of its own that can be cut.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Any, Self

from loadtest.link.sockets import Address
from loadtest.link.udp import DATAGRAM_BYTES_MAX, SOCKET_BYTES

PEERS_MAX = 64  # reject: of one scenario


class Fork:
    """`ways`: by the address of who sends, where it goes. As a context; raises OSError when it cannot listen."""

    port: int

    def __init__(self, ways: Mapping[str, Address]) -> None:
        self._ways = dict(ways)
        self._beyond: dict[Any, socket.socket] = {}
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> Self:
        self._near = _socket()
        self._near.bind(("0.0.0.0", 0))
        self.port = int(self._near.getsockname()[1])
        self._loop.add_reader(self._near.fileno(), self._forth)
        return self

    async def __aexit__(self, *_: object) -> None:
        for each in (self._near, *self._beyond.values()):
            self._loop.remove_reader(each.fileno())
            each.close()

    def _forth(self) -> None:
        while (got := _got(self._near)) is not None:
            data, peer = got
            beyond = self._beyond.get(peer)
            if beyond is None:
                to = self._ways.get(peer[0])
                if to is None or len(self._beyond) >= PEERS_MAX:
                    continue
                beyond = self._beyond[peer] = _socket()
                beyond.connect(to)
                self._loop.add_reader(beyond.fileno(), self._back, beyond, peer)
            beyond.send(data)

    def _back(self, beyond: socket.socket, peer: Any) -> None:
        while (got := _got(beyond)) is not None:
            self._near.sendto(got[0], peer)


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BYTES)
    made.setblocking(False)
    return made


def _got(from_: socket.socket) -> tuple[bytes, Any] | None:
    try:
        return from_.recvfrom(DATAGRAM_BYTES_MAX)
    except BlockingIOError:
        return None
    except ConnectionRefusedError:  # of an earlier datagram: nobody listens there now
        return None
