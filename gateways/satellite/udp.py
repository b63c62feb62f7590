"""A UDP socket of a satellite link: what has come is read without waiting, what finds no room or no way is lost."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable
from typing import Any

DATAGRAM_BYTES_MAX = 2_048
READS_MAX = 64  # before others have their turn
BUFFER_BYTES = 1024 * 1024  # asked for: what a flood fills meanwhile


class Udp:
    """`arrived(data, address)`, then `settled()` once all that had come was given. Raises OSError."""

    def __init__(
        self, host: str, port: int, family: socket.AddressFamily, arrived: Callable[[bytes, Any], None],
        settled: Callable[[], None],
    ) -> None:  # fmt: skip
        self._arrived, self._settled = arrived, settled
        self.unsent = 0
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            self._socket.bind((host, port))
        except BaseException:
            self._socket.close()
            raise
        self.port = int(self._socket.getsockname()[1])
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._read)

    def send(self, data: bytes, address: Any) -> None:
        try:
            self._socket.sendto(data, address)
        except OSError:  # no route, no room: as if the link had lost it
            self.unsent += 1

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _read(self) -> None:
        for _ in range(READS_MAX):
            try:
                data, address = self._socket.recvfrom(DATAGRAM_BYTES_MAX)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno not in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH):
                    raise
                continue  # what an earlier datagram was answered by
            self._arrived(data, address)
        self._settled()
