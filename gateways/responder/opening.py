"""From a connection's first bytes to an open WebSocket: the proxy's header, where one has to come, and the handshake.

Keeps something for a connection only while its first bytes are incomplete.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fusioncmd import limits, terminal
from gateways.responder import websocket
from gateways.responder.pages import Pages
from gateways.responder.peers import Peers


class Opened(NamedTuple):
    """What to say, and what the terminal has said already; without `good`, that was the end of it."""

    response: bytes
    rest: bytes = b""
    good: bool = True


class Opening:
    """`named` is told of each connection as soon as it is known where it comes from, while that matters."""

    def __init__(self, peers: Peers, named: Callable[[int], None], pages: Pages) -> None:
        self._peers, self._named, self._pages = peers, named, pages
        self._handshakes = websocket.Handshakes(terminal.PATH)
        self._heads: dict[int, bytes] = {}  # what came in pieces
        self._bytes = 0  # all of them
        self._nameless: set[int] = set()  # the proxy in front has not said yet who it is

    def begin(self, fd: int) -> None:
        if self._peers.admits:
            self._nameless.add(fd)
        elif self._peers.wary:
            self._named(fd)

    def forget(self, fd: int) -> None:
        self._bytes -= len(self._heads.pop(fd, b""))
        self._nameless.discard(fd)

    def feed(self, fd: int, data: bytes) -> Opened | None:
        """None while the first bytes are incomplete."""
        if before := self._heads.pop(fd, b""):
            self._bytes -= len(before)
            data = before + data
        if fd in self._nameless:
            taken = self._peers.introduce(fd, data)
            if taken is None:
                return self._keep(fd, data)
            if not taken:
                return Opened(b"", good=False)
            self._nameless.discard(fd)
            data = data[taken:]
            if self._peers.wary:
                self._named(fd)
        return self._shake(fd, data)

    def _shake(self, fd: int, data: bytes) -> Opened | None:
        end = data.find(b"\r\n\r\n") + 4
        if end < 4 and len(data) <= limits.HANDSHAKE_BYTES_MAX:
            return self._keep(fd, data)
        request = data[:end] if end >= 4 else data
        try:
            response = self._handshakes.accept(request)
        except websocket.Refusal as refusal:
            if end >= 4 and (page := self._pages.answer(request)) is not None:
                return Opened(page, good=False)
            self._peers.faults(fd, refusal.fault)
            return Opened(refusal.response, good=False)
        return Opened(response, data[end:])

    def _keep(self, fd: int, data: bytes) -> Opened | None:
        """Until the rest comes, where there is room."""
        if self._bytes + len(data) > limits.OPENING_BYTES_MAX:
            self._peers.faults(fd, "too many incomplete handshakes")
            return Opened(b"", good=False)
        self._heads[fd] = data
        self._bytes += len(data)
        return None
