"""The listening socket: shared by the gateway processes of one port, and shut while descriptors have run out."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import socket
from collections.abc import Callable

import structlog

from fusioncmd import limits
from fusioncmd.errors import BadInput, Unavailable
from gateways.responder.websocket import Refusal

log = structlog.get_logger("listener")

BACKLOG = 4096
ACCEPTS_PER_TURN = 256
ACCEPT_PAUSE_S = 1.0
UNSPOKEN_S_MAX = 1  # after which the kernel hands over a connection that has said nothing (tcp(7))
FULL = Refusal("503 Service Unavailable", "There is no room here.", "Retry-After: 30\r\n").response
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def bind(host: str, port: int) -> socket.socket:
    """A socket on a port that other gateway processes may share; nobody is let in before it listens.

    `Unavailable` when the port belongs to somebody else.
    """
    if not 0 <= port < 1 << 16:
        raise BadInput(f"There is no port {port}.", f"没有端口 {port}。")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limits.UNACKNOWLEDGED_MS_MAX)  # and this
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.SEND_BUFFER_BYTES)  # and this
    # Who is accepted has spoken: one wake-up for both, and who does not speak takes no descriptor meanwhile.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, UNSPOKEN_S_MAX)
    listener.setblocking(False)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _not_usable(host, port, error) from None
    return listener


def _not_usable(host: str, port: int, error: OSError) -> Unavailable:
    return Unavailable(
        f"Port {port} on {host} cannot be used: {error.strerror}.",
        f"无法使用 {host} 的端口 {port}：{error.strerror}。",
    )


class Door:
    """A bound socket in an epoll; `accept` gives the descriptors, all below `fd_max`, of those who came.

    Where `admits` is given, only of those whose address and port it says yes to; the others are closed at once.
    """

    def __init__(
        self,
        listener: socket.socket,
        epoll: select.epoll,
        fd_max: int,
        admits: Callable[[str, int], bool] | None = None,
    ) -> None:
        self._listener, self._epoll, self._fd_max, self._admits = listener, epoll, fd_max, admits
        self._resume: asyncio.TimerHandle | None = None
        self.fd = listener.fileno()

    def open(self) -> None:
        try:
            self._listener.listen(BACKLOG)
        except OSError as error:
            host, port, *_ = self._listener.getsockname()
            raise _not_usable(host, port, error) from None
        self._epoll.register(self.fd, select.EPOLLIN)

    def close(self) -> None:
        """Safe to call twice."""
        if self._resume is not None:
            self._resume.cancel()
        self._listener.close()  # which takes it out of the epoll, too
        self.fd = -1

    def accept(self) -> list[int]:
        accepted: list[int] = []
        for _ in range(ACCEPTS_PER_TURN):
            try:
                # Without the object that `accept` makes, which is a tenth of what a connect costs.
                fd, came_from = self._listener._accept()  # type: ignore[attr-defined]
            except BlockingIOError:
                break
            except OSError as error:  # one that went away before it was accepted, or no room for any
                if error.errno in _EXHAUSTED:
                    self._pause()
                break
            if self._admits is not None and not self._admits(came_from[0], came_from[1]):
                os.close(fd)
                continue
            os.set_blocking(fd, False)
            if fd < self._fd_max:
                accepted.append(fd)
            else:
                _turn_away(fd)
        return accepted

    def _pause(self) -> None:
        log.error("listener.no_descriptors")
        self._epoll.modify(self.fd, 0)
        self._resume = asyncio.get_running_loop().call_later(
            ACCEPT_PAUSE_S, self._epoll.modify, self.fd, select.EPOLLIN
        )


def _turn_away(fd: int) -> None:
    with contextlib.suppress(OSError):
        os.read(fd, limits.READ_BYTES)  # a socket that is closed with something unread takes back what it said
    with contextlib.suppress(OSError):  # the peer was faster
        os.write(fd, FULL)
    os.close(fd)
